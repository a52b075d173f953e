//! Secrets of a key: rotation, and temporary secrets that are added, extended and expired.

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::virtual_key::VirtualKey;
use keyreeve_store::{Store, StoreError};

use crate::fixture::{TestHome, add_key, at, key, key_secret};

/// Adds a key with its first secret.
fn tool_in(store: &Store) -> VirtualKey {
    let tool = key(1, "tool", &[]);
    add_key(store, &tool, 1);
    tool
}

/// Returns the expiry, after a (further) rotation of the key, of a secret that was to expire at this second.
fn just_before(second: i64) -> Timestamp {
    at(second) - SignedDuration::from_micros(1)
}

#[test]
fn rotated_key_keeps_its_old_secrets_until_they_expire() {
    let home = TestHome::new();
    let store = home.open();
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
    assert!(matches!(rotated, Err(StoreError::NotFound { .. })));
}

#[test]
fn temporary_secret_expires_and_is_deleted_later() {
    let home = TestHome::new();
    let store = home.open();
    let tool = tool_in(&store);
    let add = |number, until, delete_before| {
        store.add_temporary_secret(
            tool.id,
            key_secret(number),
            (Some(at(until)), at(delete_before)),
        )
    };
    add(2, 20, 0).unwrap();
    add(3, 30, 20).unwrap();
    let expiry = |number| {
        let policy = store.policy().unwrap();
        policy
            .key(key_secret(number).0)
            .map(|found| found.valid_until)
    };
    assert_eq!(
        [expiry(1), expiry(2), expiry(3)],
        [Some(None), Some(Some(at(20))), Some(Some(at(30)))]
    );
    add(4, 40, 21).unwrap();
    assert_eq!(
        (expiry(1), expiry(2)),
        (Some(None), None),
        "the key's own secret stays"
    );
    store.rotate_key(tool.id, key_secret(5), at(35)).unwrap();
    assert_eq!(
        (expiry(3), expiry(4)),
        (Some(Some(just_before(30))), Some(Some(at(35))))
    );
    store.revoke_key(tool.id, at(40)).unwrap();
    store.expire_secret(key_secret(1).0, at(25)).unwrap();
    store.expire_secret(key_secret(9).0, at(25)).unwrap();
    assert_eq!(expiry(1), Some(Some(at(25))));
    let refused = add(6, 60, 0);
    assert!(
        matches!(refused, Err(StoreError::NotFound { .. })),
        "{refused:?}"
    );
}

/// A program's key is renewed while the program lives: even after a sleep, but not after it was expired on purpose.
#[test]
fn temporary_secret_is_extended_until_it_is_ended() {
    let home = TestHome::new();
    let store = home.open();
    let tool = tool_in(&store);
    let add = |number| {
        let expiry = (Some(at(60)), at(0));
        store.add_temporary_secret(tool.id, key_secret(number), expiry)
    };
    let extend = |number, from, until| {
        let extended = store.extend_secret(key_secret(number).0, (at(from), at(until)));
        assert!(
            matches!(extended, Ok(()) | Err(StoreError::NotFound { .. })),
            "{extended:?}"
        );
        extended.is_ok()
    };
    for number in 2..=5 {
        add(number).unwrap();
    }
    assert!(extend(2, 60, 80) && extend(2, 80, 5000));
    assert!(!extend(2, 80, 6000), "it expires later by now");
    assert!(!extend(1, 60, 80), "the key's own secret never expires");
    store.expire_secret(key_secret(3).0, at(30)).unwrap();
    assert!(!extend(3, 60, 80), "expired");
    store.delete_secret(key_secret(4).0).unwrap();
    store.delete_secret(key_secret(4).0).unwrap();
    assert!(!extend(4, 60, 80), "deleted");
    store.rotate_key(tool.id, key_secret(6), at(900)).unwrap();
    assert!(!extend(5, 60, 80), "expired when its key was rotated");
    assert!(!extend(2, 5000, 6000), "rotated");
    add(7).unwrap();
    store.revoke_key(tool.id, at(40)).unwrap();
    assert!(!extend(7, 60, 80), "revoked");
}
