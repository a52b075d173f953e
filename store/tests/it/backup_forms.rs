//! Backups of other forms than a quiet current store: of the single database of older versions, and of a store that is
//! written to meanwhile.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use keyreeve_store::{Grouping, RestoreOptions, RevivedKeys, Store, UsageQuery};

use crate::backup::{PASSPHRASE, into_empty, replacing, restore_at, working_keys};
use crate::fixture::{
    TestHome, add_key, add_profile, at, intent, key, outcome, profile, record, secret,
};
use crate::migration::{check_migrated, old_store};

/// Number of backups of a store that is written to.
const BACKUPS: usize = 4;

/// Time between two writes: SQLite's locks are not fair.
const WRITE_INTERVAL: Duration = Duration::from_millis(4);

/// Encrypts a backup as docs/store-format.md describes it.
fn seal_backup(plaintext: &[u8]) -> Vec<u8> {
    let mut header = b"keyreeve-backup\n".to_vec();
    for number in [1_u32, 8192, 1, 1] {
        header.extend(number.to_be_bytes());
    }
    header.extend([3; 16]);
    header.extend([4; 16]);
    let mut key = [0; 32];
    let params = Params::new(8192, 1, 1, Some(32)).unwrap();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(PASSPHRASE.as_bytes(), &[3; 16], &mut key)
        .unwrap();
    let cipher = XChaCha20Poly1305::new(&key.into());
    let mut backup = header.clone();
    let chunks: Vec<_> = plaintext.chunks(65_536).collect();
    for (number, chunk) in chunks.iter().enumerate() {
        let number_bytes = u64::try_from(number).unwrap().to_be_bytes();
        let nonce: [u8; 24] = [&[4; 16][..], &number_bytes].concat().try_into().unwrap();
        let is_last = number + 1 == chunks.len();
        let aad = [&header[..], &[u8::from(is_last)]].concat();
        let payload = Payload {
            msg: chunk,
            aad: &aad,
        };
        backup.extend(cipher.encrypt(&XNonce::from(nonce), payload).unwrap());
    }
    backup
}

/// Returns a home with nothing but a backup of the single database of an older version.
fn single_backup() -> TestHome {
    let old = old_store(9);
    let master_key = fs::read(old.master_key()).unwrap();
    let database = fs::read(old.single()).unwrap();
    let length = u64::try_from(database.len()).unwrap().to_be_bytes();
    let plaintext = [&master_key[master_key.len() - 32..], &length, &database].concat();
    let home = TestHome::new();
    fs::write(home.path("backup"), seal_backup(&plaintext)).unwrap();
    home
}

#[test]
fn backup_of_the_single_database_is_restored_and_split() {
    let home = single_backup();
    let restored = restore_at(&home, &into_empty()).unwrap();
    let keys: Vec<_> = restored
        .keys
        .iter()
        .map(|key| (key.name.as_str(), key.profiles.clone(), key.works))
        .collect();
    assert_eq!(keys, [("tool", vec!["work".to_owned()], true)]);
    check_migrated(&home, 9);
    assert_eq!(working_keys(&home), ["tool"]);
}

/// F-24: nothing in the replaced store shows that a key of an old backup may still work.
#[test]
fn keys_of_a_single_database_stay_dead_unless_named() {
    let home = single_backup();
    let unnamed = RestoreOptions {
        keys: RevivedKeys::Named(Vec::new()),
        ..into_empty()
    };
    restore_at(&home, &unnamed).unwrap();
    assert!(working_keys(&home).is_empty());
    // Over a store in which the same key would work.
    restore_at(&home, &replacing(RevivedKeys::All)).unwrap();
    assert_eq!(working_keys(&home), ["tool"]);
    let later = RestoreOptions {
        at: at(51),
        ..replacing(RevivedKeys::Named(Vec::new()))
    };
    restore_at(&home, &later).unwrap();
    assert!(working_keys(&home).is_empty());
}

/// Ends the writer, even if the test fails.
struct StopGuard<'a>(&'a AtomicBool);

impl Drop for StopGuard<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Adds a profile, then a key for it, then an entry, again and again.
fn write_until(stop: &AtomicBool, store: &Store) -> u128 {
    let mut number = 0;
    while !stop.load(Ordering::Acquire) {
        number += 1;
        let name = format!("n{number}");
        add_profile(store, number, &name);
        let profile = profile(number, &name);
        let secret = u8::try_from(number % 256).unwrap();
        if number < 256 {
            add_key(store, &key(number, &name, &[&profile]), secret);
        }
        record(store, intent(number), outcome(number));
        std::thread::sleep(WRITE_INTERVAL);
    }
    number
}

/// Each backup of a store that is written to has both databases as of one moment, and each entry once.
#[test]
fn backup_during_writes_is_of_one_moment() {
    let home = TestHome::new();
    let store = home.serve();
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_until(&stop, &store));
        let guard = StopGuard(&stop);
        let other = home.open();
        for number in 0..BACKUPS {
            other
                .backup(&home.path(&format!("backup{number}")), &secret(PASSPHRASE))
                .unwrap();
        }
        drop(guard);
        writer.join().unwrap()
    });
    let mut last = 0;
    for number in 0..BACKUPS {
        let copy = TestHome::new();
        fs::copy(home.path(&format!("backup{number}")), copy.path("backup")).unwrap();
        restore_at(&copy, &into_empty()).unwrap();
        let restored = copy.open();
        restored.verify().unwrap();
        let policy = restored.policy().unwrap();
        let entries = restored.ledger_entries(u32::MAX).unwrap().len();
        let (profiles, keys) = (policy.profiles().len(), policy.keys().len());
        let count = format!("{profiles} profiles, {keys} keys, {entries} entries");
        assert!(profiles.min(255) - keys <= 1, "{count}");
        assert!((profiles - 1..=profiles).contains(&entries), "{count}");
        let by_key = UsageQuery {
            since: None,
            until: None,
            by: Grouping::Key,
        };
        let usage = restored.usage(&by_key).unwrap();
        let summed: u64 = usage.iter().map(|row| row.attempts).sum();
        assert_eq!(usize::try_from(summed).unwrap(), entries, "{count}");
        assert!(entries >= last, "{count}");
        last = entries;
    }
    assert!(last > 0 && u128::try_from(last).unwrap() <= written);
}
