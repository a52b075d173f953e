//! A key's secrets: rotated, lent, extended and ended.

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::virtual_key::VirtualKey;
use keyreeve_store::{Error, Store};

use crate::bed::{Bed, at, key, key_secret};

/// A key with its first secret.
fn tool_in(store: &Store) -> VirtualKey {
    let tool = key(1, "tool", &[]);
    store
        .add_key(&tool, key_secret(1).0, key_secret(1).1)
        .unwrap();
    tool
}

/// When a secret ends that was to end at this second before its key was rotated (once more).
fn just_before(second: i64) -> Timestamp {
    at(second) - SignedDuration::from_micros(1)
}

#[test]
fn a_rotated_key_has_two_secrets_until_the_old_one_ends() {
    let bed = Bed::new();
    let store = bed.open();
    let tool = tool_in(&store);
    store.rotate_key(tool.id, key_secret(2), at(20)).unwrap();
    store.rotate_key(tool.id, key_secret(3), at(30)).unwrap();
    let policy = store.policy().unwrap();
    for (number, until) in [(1, Some(just_before(20))), (2, Some(at(30))), (3, None)] {
        let found = policy.key(key_secret(number).0).unwrap();
        assert_eq!(
            (found.key.id, found.valid_until),
            (tool.id, until),
            "secret {number}"
        );
    }
    store.revoke_key(tool.id, at(40)).unwrap();
    store.revoke_key(tool.id, at(50)).unwrap();
    assert_eq!(store.policy().unwrap().keys()[0].revoked_at, Some(at(40)));
    let rotated = store.rotate_key(tool.id, key_secret(4), at(60));
    assert!(matches!(rotated, Err(Error::NotFound { .. })));
}

#[test]
fn a_lent_secret_ends_by_itself_and_is_forgotten_later() {
    let bed = Bed::new();
    let store = bed.open();
    let tool = tool_in(&store);
    let lend = |number, until, forget| {
        store.lend_secret(tool.id, key_secret(number), (Some(at(until)), at(forget)))
    };
    lend(2, 20, 0).unwrap();
    lend(3, 30, 20).unwrap();
    let ends = |number| {
        let policy = store.policy().unwrap();
        policy
            .key(key_secret(number).0)
            .map(|found| found.valid_until)
    };
    assert_eq!(
        [ends(1), ends(2), ends(3)],
        [Some(None), Some(Some(at(20))), Some(Some(at(30)))]
    );
    lend(4, 40, 21).unwrap();
    assert_eq!((ends(1), ends(2)), (Some(None), None), "the own one stays");
    store.rotate_key(tool.id, key_secret(5), at(35)).unwrap();
    assert_eq!(
        (ends(3), ends(4)),
        (Some(Some(just_before(30))), Some(Some(at(35))))
    );
    store.revoke_key(tool.id, at(40)).unwrap();
    store.end_secret(key_secret(1).0, at(25)).unwrap();
    store.end_secret(key_secret(9).0, at(25)).unwrap();
    assert_eq!(ends(1), Some(Some(at(25))));
    let refused = lend(6, 60, 0);
    assert!(
        matches!(refused, Err(Error::NotFound { .. })),
        "{refused:?}"
    );
}

/// A program's key is renewed while the program lives: past a sleep, but not past somebody's word.
#[test]
fn a_lent_secret_is_extended_until_somebody_ends_it() {
    let bed = Bed::new();
    let store = bed.open();
    let tool = tool_in(&store);
    let lend = |number| {
        let ends = (Some(at(60)), at(0));
        store.lend_secret(tool.id, key_secret(number), ends)
    };
    let extend = |number, from, until| {
        let extended = store.extend_secret(key_secret(number).0, (at(from), at(until)));
        assert!(
            matches!(extended, Ok(()) | Err(Error::NotFound { .. })),
            "{extended:?}"
        );
        extended.is_ok()
    };
    for number in 2..=5 {
        lend(number).unwrap();
    }
    assert!(extend(2, 60, 80) && extend(2, 80, 5000));
    assert!(!extend(2, 80, 6000), "it ends later by now");
    assert!(!extend(1, 60, 80), "the key's own ends never");
    store.end_secret(key_secret(3).0, at(30)).unwrap();
    assert!(!extend(3, 60, 80), "ended");
    store.withdraw_secret(key_secret(4).0).unwrap();
    store.withdraw_secret(key_secret(4).0).unwrap();
    assert!(!extend(4, 60, 80), "withdrawn");
    store.rotate_key(tool.id, key_secret(6), at(900)).unwrap();
    assert!(!extend(5, 60, 80), "lapsed when its key was rotated");
    assert!(!extend(2, 5000, 6000), "rotated");
    lend(7).unwrap();
    store.revoke_key(tool.id, at(40)).unwrap();
    assert!(!extend(7, 60, 80), "revoked");
}
