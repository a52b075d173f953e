//! Health is durable, visible to all processes, and loses no update.

use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};

use keyreeve_core::health::{
    BackoffSchedule, Cooldown, Health, HealthReason, HealthScope, ManualAction, Organization,
    RequestClass, TimeSource, apply_action, claim_probe,
};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::ProfileId;
use keyreeve_core::verdict::{DecidedBy, VerdictCode};

use crate::fixture::{TestHome, at, id, profile, secret};

fn cooldown(failures: u32) -> Health {
    Health::Cooldown(Cooldown {
        schedule: BackoffSchedule::Limit,
        reason: Some(reason()),
        since: at(1),
        until: at(31),
        time_source: TimeSource::Schedule,
        failures,
        probed_at: Some(at(2)),
    })
}

fn reason() -> HealthReason {
    HealthReason {
        code: VerdictCode::parse("minute_limit").unwrap(),
        decided_by: DecidedBy::Header,
    }
}

fn scopes() -> [HealthScope; 4] {
    let url = BaseUrl::parse("https://api.anthropic.com", PlainHttp::Forbidden).unwrap();
    let organization = Organization::new(url.origin(), "0a1b-2c").unwrap();
    let class = RequestClass::from_model("claude-opus-5-5").unwrap();
    let profile = ProfileId(id(1));
    [
        HealthScope::Credential(profile),
        HealthScope::CredentialClass(profile, class.clone()),
        HealthScope::Organization(organization.clone()),
        HealthScope::OrganizationClass(organization, class),
    ]
}

#[test]
fn every_scope_and_state_survives_a_restart() {
    let home = TestHome::new();
    let since = at(5);
    let states = [
        cooldown(3),
        Health::Blocked {
            reason: reason(),
            since,
        },
        Health::Dead {
            reason: reason(),
            since,
        },
        apply_action(Health::Ready, ManualAction::Pause { until: at(90) }, at(5)),
    ];
    let store = home.open();
    for (scope, state) in scopes().iter().zip(states) {
        let changed = store.update_health(scope, move |_| state).unwrap();
        assert_eq!((changed.before, changed.after), (Health::Ready, state));
    }
    drop(store);
    let snapshot = home.open().lease_snapshot().unwrap();
    for (scope, state) in scopes().iter().zip(states) {
        assert_eq!(snapshot.health.get(scope), state, "{scope:?}");
    }
    let other = HealthScope::Credential(ProfileId(id(2)));
    assert_eq!(snapshot.health.get(&other), Health::Ready);
}

#[test]
fn change_is_seen_by_another_process_and_no_op_writes_nothing() {
    let home = TestHome::new();
    let (one, other) = (home.open(), home.open());
    let [scope, ..] = scopes();
    let policy = other.lease_snapshot().unwrap().policy;
    one.update_health(&scope, |_| cooldown(1)).unwrap();
    let snapshot = other.lease_snapshot().unwrap();
    assert_eq!(snapshot.health.get(&scope), cooldown(1));
    // The profiles and keys were not read again.
    assert!(Arc::ptr_eq(&snapshot.policy, &policy));
    one.update_health(&scope, |health| health).unwrap();
    assert!(Arc::ptr_eq(
        &other.lease_snapshot().unwrap().health,
        &snapshot.health
    ));
    one.update_health(&scope, |_| Health::Ready).unwrap();
    assert!(other.lease_snapshot().unwrap().health.all_ready());
}

#[test]
fn no_update_is_lost_between_threads_and_stores() {
    const THREADS: u32 = 4;
    const CHANGES: u32 = 25;
    let home = TestHome::new();
    home.open()
        .update_health(&scopes()[0], |_| cooldown(0))
        .unwrap();
    let start = Barrier::new(THREADS as usize);
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                let store = home.open();
                start.wait();
                for _ in 0..CHANGES {
                    let increment = |health| match health {
                        Health::Cooldown(current) => cooldown(current.failures + 1),
                        other => other,
                    };
                    store.update_health(&scopes()[0], increment).unwrap();
                }
            });
        }
    });
    let snapshot = home.open().lease_snapshot().unwrap();
    assert_eq!(
        snapshot.health.get(&scopes()[0]),
        cooldown(THREADS * CHANGES)
    );
}

#[test]
fn concurrent_probe_claims_have_one_winner() {
    let home = TestHome::new();
    let scope = &scopes()[0];
    home.open().update_health(scope, |_| cooldown(1)).unwrap();
    let start = Barrier::new(8);
    let claimed: usize = std::thread::scope(|threads| {
        let claims: Vec<_> = (0..8)
            .map(|_| {
                threads.spawn(|| {
                    let store = home.open();
                    start.wait();
                    let now = at(100);
                    let changed = store
                        .update_health(scope, move |s| claim_probe(&s, now).unwrap_or(s))
                        .unwrap();
                    usize::from(changed.before != changed.after)
                })
            })
            .collect();
        claims.into_iter().map(|claim| claim.join().unwrap()).sum()
    });
    assert_eq!(claimed, 1);
}

#[test]
fn queued_update_reports_its_change() {
    let home = TestHome::new();
    let store = home.open();
    let [scope, ..] = scopes();
    let (sender, receiver) = channel();
    let done = move |changed| sender.send(changed).unwrap();
    store.queue_health(scope, |_| cooldown(1), done).unwrap();
    assert_eq!(receiver.recv().unwrap().unwrap().after, cooldown(1));
}

#[test]
fn organization_is_saved_and_deleted_with_the_secret() {
    let home = TestHome::new();
    let store = home.open();
    let work = profile(1, "work");
    store.add_profile(&work, Some(&secret("x"))).unwrap();
    let organization = Organization::new(work.base_url.origin(), "org-1").unwrap();
    store
        .queue_organization(work.id, organization.clone())
        .unwrap();
    store.flush().unwrap();
    let [credential, class_scope, ..] = scopes();
    let drained = Health::Drained { since: at(1) };
    store.update_health(&credential, move |_| drained).unwrap();
    store.update_health(&class_scope, |_| cooldown(1)).unwrap();
    let states = store.lease_snapshot().unwrap().health;
    assert_eq!(states.organization(work.id), Some(&organization));

    store.rotate_profile(&work, &secret("y")).unwrap();
    let states = store.lease_snapshot().unwrap().health;
    assert_eq!(states.organization(work.id), None);
    assert_eq!(states.get(&class_scope), Health::Ready);
    assert_eq!(states.get(&credential), drained, "a manual drain stays");

    store.remove_profile(work.id).unwrap();
    assert!(store.lease_snapshot().unwrap().health.all_ready());
}

/// LS-03: made-up model names fill no more than the maximum number of rows.
#[test]
fn made_up_models_leave_at_most_64_cooldowns() {
    let home = TestHome::new();
    let store = home.open();
    let [whole, ..] = scopes();
    let class = |number: i64| {
        let class = RequestClass::from_model(&format!("made-up-{number}")).unwrap();
        HealthScope::CredentialClass(profile(1, "work").id, class)
    };
    store.update_health(&whole, |_| cooldown(1)).unwrap();
    for number in 1..=100 {
        let health = match cooldown(1) {
            Health::Cooldown(current) => Health::Cooldown(Cooldown {
                until: at(number),
                ..current
            }),
            other => other,
        };
        let change = move |_| health;
        store.update_health(&class(number), change).unwrap();
    }
    let states = store.lease_snapshot().unwrap().health;
    let remaining: Vec<i64> = (1..=100)
        .filter(|number| states.get(&class(*number)) != Health::Ready)
        .collect();
    assert_eq!(remaining, (37..=100).collect::<Vec<_>>());
    assert_eq!(
        states.get(&whole),
        cooldown(1),
        "a scope without a class is not evicted"
    );
}

#[test]
fn invalid_row_is_an_error() {
    let home = TestHome::new();
    let store = home.open();
    store.update_health(&scopes()[0], |_| cooldown(1)).unwrap();
    home.run_sql("UPDATE health SET code = 'nonsense'; UPDATE meta SET health_generation = 99");
    assert!(store.lease_snapshot().is_err());
}
