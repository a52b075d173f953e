//! Standings survive, are seen by everybody, and lose no change.

use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};

use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::ProfileId;
use keyreeve_core::standing::{
    Act, Organization, RequestClass, Rest, Schedule, Scope, Standing, TimeSource, Why, act, claim,
};
use keyreeve_core::verdict::{Code, Evidence};

use crate::bed::{Bed, at, id, profile, secret};

fn resting(failures: u32) -> Standing {
    Standing::Resting(Rest {
        schedule: Schedule::Limit,
        why: Some(why()),
        since: at(1),
        until: at(31),
        time: TimeSource::Schedule,
        failures,
        probed: Some(at(2)),
    })
}

fn why() -> Why {
    Why {
        code: Code::of("minute_limit").unwrap(),
        evidence: Evidence::Header,
    }
}

fn scopes() -> [Scope; 4] {
    let url = BaseUrl::parse("https://api.anthropic.com", PlainHttp::Refused).unwrap();
    let organization = Organization::new(url.origin(), "0a1b-2c").unwrap();
    let class = RequestClass::of_model("claude-opus-5-5").unwrap();
    let profile = ProfileId(id(1));
    [
        Scope::Credential(profile),
        Scope::CredentialClass(profile, class.clone()),
        Scope::Organization(organization.clone()),
        Scope::OrganizationClass(organization, class),
    ]
}

#[test]
fn every_scope_and_state_reads_back_after_a_restart() {
    let bed = Bed::new();
    let since = at(5);
    let states = [
        resting(3),
        Standing::Blocked { why: why(), since },
        Standing::Dead { why: why(), since },
        act(Standing::Ready, Act::Rest { until: at(90) }, at(5)),
    ];
    let store = bed.open();
    for (scope, state) in scopes().iter().zip(states) {
        let changed = store.update_standing(scope, move |_| state).unwrap();
        assert_eq!((changed.before, changed.after), (Standing::Ready, state));
    }
    drop(store);
    let known = bed.open().known().unwrap();
    for (scope, state) in scopes().iter().zip(states) {
        assert_eq!(known.standings.of(scope), state, "{scope:?}");
    }
    let other = Scope::Credential(ProfileId(id(2)));
    assert_eq!(known.standings.of(&other), Standing::Ready);
}

#[test]
fn another_process_sees_a_change_and_nothing_is_written_where_nothing_changed() {
    let bed = Bed::new();
    let (one, other) = (bed.open(), bed.open());
    let [scope, ..] = scopes();
    let policy = other.known().unwrap().policy;
    one.update_standing(&scope, |_| resting(1)).unwrap();
    let known = other.known().unwrap();
    assert_eq!(known.standings.of(&scope), resting(1));
    // The profiles and keys were not read again for it.
    assert!(Arc::ptr_eq(&known.policy, &policy));
    one.update_standing(&scope, |standing| standing).unwrap();
    assert!(Arc::ptr_eq(
        &other.known().unwrap().standings,
        &known.standings
    ));
    one.update_standing(&scope, |_| Standing::Ready).unwrap();
    assert!(other.known().unwrap().standings.all_ready());
}

#[test]
fn no_change_is_lost_among_threads_and_stores() {
    const THREADS: u32 = 4;
    const CHANGES: u32 = 25;
    let bed = Bed::new();
    bed.open()
        .update_standing(&scopes()[0], |_| resting(0))
        .unwrap();
    let start = Barrier::new(THREADS as usize);
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                let store = bed.open();
                start.wait();
                for _ in 0..CHANGES {
                    let one_more = |standing| match standing {
                        Standing::Resting(rest) => resting(rest.failures + 1),
                        other => other,
                    };
                    store.update_standing(&scopes()[0], one_more).unwrap();
                }
            });
        }
    });
    let known = bed.open().known().unwrap();
    assert_eq!(known.standings.of(&scopes()[0]), resting(THREADS * CHANGES));
}

#[test]
fn of_many_who_claim_the_probe_at_once_one_has_it() {
    let bed = Bed::new();
    let scope = &scopes()[0];
    bed.open().update_standing(scope, |_| resting(1)).unwrap();
    let start = Barrier::new(8);
    let claimed: usize = std::thread::scope(|threads| {
        let claims: Vec<_> = (0..8)
            .map(|_| {
                threads.spawn(|| {
                    let store = bed.open();
                    start.wait();
                    let now = at(100);
                    let changed = store
                        .update_standing(scope, move |s| claim(&s, now).unwrap_or(s))
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
fn a_queued_change_tells_what_it_did() {
    let bed = Bed::new();
    let store = bed.open();
    let [scope, ..] = scopes();
    let (tell, told) = channel();
    let done = move |changed| tell.send(changed).unwrap();
    store.queue_standing(scope, |_| resting(1), done).unwrap();
    assert_eq!(told.recv().unwrap().unwrap().after, resting(1));
}

#[test]
fn a_profiles_organization_is_remembered_and_goes_with_its_secret() {
    let bed = Bed::new();
    let store = bed.open();
    let kept = profile(1, "work");
    store.add_profile(&kept, Some(&secret("x"))).unwrap();
    let organization = Organization::new(kept.base_url.origin(), "org-1").unwrap();
    store
        .queue_organization(kept.id, organization.clone())
        .unwrap();
    store.flush().unwrap();
    let [credential, of_class, ..] = scopes();
    let drained = Standing::Drained { since: at(1) };
    store
        .update_standing(&credential, move |_| drained)
        .unwrap();
    store.update_standing(&of_class, |_| resting(1)).unwrap();
    let standings = store.known().unwrap().standings;
    assert_eq!(standings.organization(kept.id), Some(&organization));

    store.rotate_profile(&kept, &secret("y")).unwrap();
    let standings = store.known().unwrap().standings;
    assert_eq!(standings.organization(kept.id), None);
    assert_eq!(standings.of(&of_class), Standing::Ready);
    assert_eq!(standings.of(&credential), drained, "a person's word stays");

    store.remove_profile(kept.id).unwrap();
    assert!(store.known().unwrap().standings.all_ready());
}

#[test]
fn ls_03_made_up_models_leave_no_more_than_so_many_rests() {
    let bed = Bed::new();
    let store = bed.open();
    let [whole, ..] = scopes();
    let class = |number: i64| {
        let class = RequestClass::of_model(&format!("made-up-{number}")).unwrap();
        Scope::CredentialClass(profile(1, "work").id, class)
    };
    store.update_standing(&whole, |_| resting(1)).unwrap();
    for number in 1..=100 {
        let standing = match resting(1) {
            Standing::Resting(rest) => Standing::Resting(Rest {
                until: at(number),
                ..rest
            }),
            other => other,
        };
        let change = move |_| standing;
        store.update_standing(&class(number), change).unwrap();
    }
    let standings = store.known().unwrap().standings;
    let kept: Vec<i64> = (1..=100)
        .filter(|number| standings.of(&class(*number)) != Standing::Ready)
        .collect();
    assert_eq!(kept, (37..=100).collect::<Vec<_>>());
    assert_eq!(standings.of(&whole), resting(1), "that is no class");
}

#[test]
fn a_row_that_keyreeve_never_wrote_is_an_error() {
    let bed = Bed::new();
    let store = bed.open();
    store.update_standing(&scopes()[0], |_| resting(1)).unwrap();
    bed.meddle("UPDATE standings SET code = 'nonsense'; UPDATE meta SET standings_generation = 99");
    assert!(store.known().is_err());
}
