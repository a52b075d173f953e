//! Limits: the latest observation is saved, within maximums, and deleted with its profile.

use keyreeve_core::health::RequestClass;
use keyreeve_core::limits::{
    Fraction, Limit, LimitObservation, LimitOwner, LimitState, LimitUsage,
};
use keyreeve_core::profile::ProfileId;
use keyreeve_core::virtual_key::KeyId;
use keyreeve_store::Store;

use crate::fixture::{TestHome, at, id, intent, profile, record_intent, secret};

fn remaining_usage(remaining: u64, limit: Option<u64>) -> LimitUsage {
    LimitUsage::Remaining { remaining, limit }
}

fn observation(owner: LimitOwner, kind: &str, second: i64) -> LimitObservation {
    LimitObservation {
        owner,
        class: None,
        limit: Limit {
            kind: kind.parse().unwrap(),
            usage: None,
            state: None,
            resets_at: None,
            observed_at: at(second),
        },
    }
}

fn default_login() -> LimitOwner {
    LimitOwner::ClaudeCode { config_dir: None }
}

/// Returns a store with a profile, and the profile as the owner of limits.
fn store_with_profile(home: &TestHome) -> (Store, LimitOwner) {
    let store = home.open();
    let work_profile = profile(1, "work");
    store
        .add_profile(&work_profile, Some(&secret("x")))
        .unwrap();
    (store, LimitOwner::Profile(work_profile.id))
}

/// Saves limits and waits until they are committed.
fn save(store: &Store, observations: Vec<LimitObservation>) {
    store.queue_limits(observations);
    store.flush().unwrap();
}

#[test]
fn limits_survive_a_restart() {
    let home = TestHome::new();
    let (store, work) = store_with_profile(&home);
    let other_login = LimitOwner::ClaudeCode {
        config_dir: Some("/home/a b/.claude".to_owned()),
    };
    let mut all = vec![
        observation(work.clone(), "requests", 1),
        observation(work, "plan 9w", 2),
        observation(default_login(), "plan five_hour", 3),
        observation(other_login, "plan seven_day", 4),
        observation(LimitOwner::PassThrough(KeyId(id(7))), "plan overage", 5),
    ];
    all[0].class = RequestClass::from_model("claude-opus-5-5");
    all[0].limit.usage = Some(remaining_usage(7, Some(50)));
    all[0].limit.resets_at = Some(at(60));
    all[1].limit.usage = Some(remaining_usage(0, None));
    all[2].limit.usage = Fraction::from_ratio(1.04).map(LimitUsage::Used);
    all[2].limit.state = Some(LimitState::Rejected);
    all[4].limit.state = Some(LimitState::parse("softly").unwrap());
    save(&store, all.clone());
    drop(store);
    let mut found = home.open().limits().unwrap();
    for one in all {
        let place = found.iter().position(|found| *found == one);
        found.remove(place.unwrap_or_else(|| panic!("{one:?} is missing in {found:?}")));
    }
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn later_observation_wins_in_any_write_order() {
    let home = TestHome::new();
    let (store, work) = store_with_profile(&home);
    let observed = |second, remaining| {
        let mut observed = observation(work.clone(), "requests", second);
        observed.limit.usage = Some(remaining_usage(remaining, None));
        observed
    };
    let of_class = LimitObservation {
        class: RequestClass::from_model("claude-haiku-5"),
        ..observed(1, 99)
    };
    save(&store, vec![observed(5, 5), of_class.clone()]);
    for (second, remaining, expected) in [(4, 4, 5), (6, 6, 6), (6, 7, 7), (0, 0, 7)] {
        store.queue_limits(vec![observed(second, remaining)]);
        store.flush().unwrap();
        let found = store.limits().unwrap();
        let any_class = found.iter().find(|one| one.class.is_none()).unwrap();
        assert_eq!(any_class.limit.usage, Some(remaining_usage(expected, None)));
        assert!(found.contains(&of_class), "another class is another limit");
    }
}

#[test]
fn observation_from_a_clock_ahead_is_replaced() {
    let home = TestHome::new();
    let (store, work) = store_with_profile(&home);
    let observed = |second| vec![observation(work.clone(), "requests", second)];
    for (second, expected) in [
        (100_000, 100_000),
        (96_400, 100_000),
        (96_399, 96_399),
        (7, 7),
    ] {
        save(&store, observed(second));
        assert_eq!(store.limits().unwrap(), observed(expected), "{second}");
    }
}

#[test]
fn queued_limits_are_committed_on_close() {
    let home = TestHome::new();
    let (store, work) = store_with_profile(&home);
    store.queue_limits(vec![observation(work, "requests", 1)]);
    drop(store);
    assert_eq!(home.open().limits().unwrap().len(), 1);
}

#[test]
fn limits_are_flushed_while_attempts_are_open() {
    let home = TestHome::new();
    let (store, work) = store_with_profile(&home);
    let _open = record_intent(&store, intent(1)).unwrap();
    store.queue_limits(vec![observation(work, "requests", 1)]);
    store.flush().unwrap();
    assert_eq!(home.open().limits().unwrap().len(), 1);
}

#[test]
fn number_of_limits_has_a_maximum() {
    let home = TestHome::new();
    let (store, work) = store_with_profile(&home);
    let name = |number: i64| format!("plan w{number}");
    let many = (0..200).map(|number| observation(work.clone(), &name(number), number));
    save(&store, many.collect());
    let found = store.limits().unwrap();
    assert_eq!(found.len(), 64);
    assert!(
        found
            .iter()
            .all(|one| one.limit.observed_at >= at(200 - 64))
    );

    let directories = (0..5000).map(|number| {
        let config_dir = Some(format!("/d{number}"));
        observation(
            LimitOwner::ClaudeCode { config_dir },
            "plan five_hour",
            number,
        )
    });
    save(&store, directories.collect());
    assert_eq!(store.limits().unwrap().len(), 4096);
}

#[test]
fn limits_are_deleted_with_their_profile_or_its_secret() {
    let home = TestHome::new();
    let (store, work) = store_with_profile(&home);
    let observed = || {
        vec![
            observation(work.clone(), "requests", 1),
            observation(default_login(), "plan overage", 1),
        ]
    };
    let count = |store: &Store| {
        let found = store.limits().unwrap();
        found.iter().filter(|one| one.owner == work).count()
    };
    let work_profile = profile(1, "work");
    save(&store, observed());
    assert_eq!(count(&store), 1);
    store.rotate_profile(&work_profile, &secret("y")).unwrap();
    assert_eq!(count(&store), 0);

    save(&store, observed());
    store.remove_profile(work_profile.id).unwrap();
    // A response that was in flight.
    save(&store, observed());
    let unknown = LimitOwner::Profile(ProfileId(id(9)));
    save(&store, vec![observation(unknown, "requests", 1)]);
    let found = store.limits().unwrap();
    let owners: Vec<_> = found.iter().map(|one| &one.owner).collect();
    assert_eq!(owners, [&default_login()]);
}

#[test]
fn invalid_row_is_an_error() {
    let home = TestHome::new();
    let (store, work) = store_with_profile(&home);
    save(&store, vec![observation(work, "requests", 1)]);
    home.run_ledger_sql("UPDATE limits SET name = 'nonsense'");
    assert!(store.limits().is_err());
}
