//! A store of the size of a large team, made for `cargo xtask bench gateway`: SQL and file formats never leave this
//! crate.

use std::path::PathBuf;

use keyreeve_core::profile::ProfileId;
use keyreeve_core::virtual_key::{KeyHash, KeyId, PublicId, VirtualKey};
use keyreeve_store::{Durability, Intent, Outcome, Store};

use crate::fixture::{
    add_profile, id, intent, key, outcome, profile, record, start_journal, store_paths,
};

const HOME: &str = "KEYREEVE_STORE_TEST_HOME";
const ENTRIES: &str = "KEYREEVE_STORE_TEST_ENTRIES";
const PROFILES: u128 = 100;
const KEYS: u128 = 1000;
/// Entries that the journal takes before they are written.
const BATCH: u128 = 4000;

#[test]
#[ignore = "run by `cargo xtask bench gateway`, which names the home"]
fn in_child_fill_a_store() {
    let Some(home) = std::env::var_os(HOME).map(PathBuf::from) else {
        return;
    };
    let entries: u128 = std::env::var(ENTRIES).unwrap().parse().unwrap();
    let store = Store::open(&store_paths(&home), Durability::Local).unwrap();
    for number in 1..=PROFILES {
        add_profile(&store, number, &format!("filler-{number}"));
    }
    for number in 1..=KEYS {
        let (public, hash) = secret_of(number);
        store.add_key(&key_of(number), public, hash).unwrap();
    }
    start_journal(&store);
    for number in 1..=entries {
        let (intent, outcome) = entry(number);
        record(&store, intent, outcome);
        if number % BATCH == 0 {
            store.flush().unwrap();
        }
    }
    store.flush().unwrap();
    let policy = store.policy().unwrap();
    assert!(policy.keys().len() >= 1000 && policy.profiles().len() >= 100);
}

fn key_of(number: u128) -> VirtualKey {
    let profile = profile(number % PROFILES + 1, "filler");
    VirtualKey {
        expires_at: None,
        ..key(number, &format!("filler-{number}"), &[&profile])
    }
}

fn secret_of(number: u128) -> (PublicId, KeyHash) {
    let bytes = number.to_le_bytes();
    let mut public = [0; 8];
    public.copy_from_slice(&bytes[..8]);
    (PublicId(public), KeyHash([7; 32]))
}

/// Returns an entry of each key and profile in turn, one a second, by one of a thousand sessions.
fn entry(number: u128) -> (Intent, Outcome) {
    let intent = Intent {
        key: KeyId(id(number % KEYS + 1)),
        profile: ProfileId(id(number % PROFILES + 1)),
        session: Some(format!("session-{}", number / 100 % 1000)),
        ..intent(number)
    };
    (intent, outcome(number))
}
