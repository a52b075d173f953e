//! Backup and restore: a backup is encrypted, restores completely, and is refused if anything in it was changed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use keyreeve_os::files::FileError;
use keyreeve_store::{
    ExistingStore, Grouping, RestoreOptions, Restored, RevivedKeys, StoreError, UsageQuery,
    check_restorable, restore,
};

use crate::fixture::{
    TestHome, add_key, at, exposed, intent, key, key_secret, outcome, profile, record,
    record_intent, secret,
};

pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

/// Sizes in bytes of a backup's header and of each chunk except the last.
const HEADER: usize = 64;
const CHUNK: usize = 65_536 + 16;

/// Returns a store with some content, and its backup of a few chunks.
fn backed_up() -> (TestHome, Vec<u8>) {
    let home = TestHome::new();
    let store = home.open();
    store
        .add_profile(&profile(1, "work"), Some(&secret("a secret")))
        .unwrap();
    add_key(&store, &key(1, "tool", &[]), 1);
    for number in 1..=100 {
        record(&store, intent(number), outcome(number));
    }
    store
        .backup(&home.path("backup"), &secret(PASSPHRASE))
        .unwrap();
    let bytes = fs::read(home.path("backup")).unwrap();
    (home, bytes)
}

/// Options that move a store aside.
pub(crate) fn replacing(keys: RevivedKeys) -> RestoreOptions {
    RestoreOptions {
        existing: ExistingStore::MoveAside,
        keys,
        at: at(50),
    }
}

/// Options for an empty directory, which revive every key.
pub(crate) fn into_empty() -> RestoreOptions {
    RestoreOptions {
        existing: ExistingStore::Refuse,
        keys: RevivedKeys::All,
        at: at(50),
    }
}

pub(crate) fn restore_at(
    home: &TestHome,
    options: &RestoreOptions,
) -> Result<Restored, StoreError> {
    restore(
        &home.path("backup"),
        &secret(PASSPHRASE),
        &home.paths,
        options,
    )
}

/// Tries to restore the bytes into an empty directory.
fn restored(bytes: &[u8], passphrase: &str) -> (TestHome, Result<Restored, StoreError>) {
    let home = TestHome::new();
    fs::write(home.path("backup"), bytes).unwrap();
    let result = restore(
        &home.path("backup"),
        &secret(passphrase),
        &home.paths,
        &into_empty(),
    );
    (home, result)
}

#[test]
fn backup_restores_completely() {
    let (home, bytes) = backed_up();
    let mode = fs::metadata(home.path("backup"))
        .unwrap()
        .permissions()
        .mode()
        & 0o7777;
    assert_eq!(mode, 0o600);
    let before = home.open();
    assert!(!home.paths.data.join("policy.db.backup").exists());

    let (home, result) = restored(&bytes, PASSPHRASE);
    result.unwrap();
    let after = home.open();
    after.verify().unwrap();
    assert_eq!(
        after.policy().unwrap().profiles(),
        before.policy().unwrap().profiles()
    );
    assert_eq!(
        after.policy().unwrap().keys(),
        before.policy().unwrap().keys()
    );
    assert_eq!(
        after.ledger_entries(1000).unwrap(),
        before.ledger_entries(1000).unwrap()
    );
    assert_eq!(
        exposed(&after.unseal(&profile(1, "work")).unwrap()),
        "a secret"
    );
    let _open = record_intent(&after, intent(500)).unwrap();
}

#[test]
fn wrong_passphrase_is_refused_and_restores_nothing() {
    let (_, bytes) = backed_up();
    let (home, result) = restored(&bytes, "wrong");
    assert!(
        matches!(result, Err(StoreError::WrongPassphrase)),
        "{result:?}"
    );
    assert!(!home.database().exists() && !home.master_key().exists());
    restore_at(&home, &into_empty()).unwrap();
}

#[test]
fn changed_or_truncated_backup_is_refused() {
    let (_, good) = backed_up();
    assert!(
        good.len() > HEADER + CHUNK,
        "the cases below need two chunks: {}",
        good.len()
    );
    let flipped = |offset: usize| {
        let mut bytes = good.clone();
        bytes[offset] ^= 1;
        bytes
    };
    let without_first = [&good[..HEADER], &good[HEADER + CHUNK..]].concat();
    let cases = [
        ("magic", flipped(0)),
        ("version", flipped(19)),
        ("salt", flipped(40)),
        ("nonce prefix", flipped(60)),
        ("first chunk", flipped(HEADER)),
        ("last byte", flipped(good.len() - 1)),
        ("no header", good[..HEADER - 1].to_vec()),
        ("header alone", good[..HEADER].to_vec()),
        ("truncated between chunks", good[..HEADER + CHUNK].to_vec()),
        ("truncated within a chunk", good[..good.len() - 1].to_vec()),
        ("extra byte at the end", [&good[..], b"x"].concat()),
        ("missing chunk", without_first),
        ("empty", Vec::new()),
    ];
    for (case, bytes) in cases {
        let (home, result) = restored(&bytes, PASSPHRASE);
        let refused = matches!(
            result,
            Err(StoreError::BadBackup { .. } | StoreError::WrongPassphrase)
        );
        assert!(refused, "{case}: {result:?}");
        assert!(
            !home.database().exists() && !home.master_key().exists(),
            "{case}"
        );
        assert!(!home.paths.data.join("policy.db.new").exists(), "{case}");
    }
}

#[test]
fn header_with_excessive_cost_is_refused_quickly() {
    let (_, mut bytes) = backed_up();
    bytes[20..24].copy_from_slice(&u32::MAX.to_be_bytes());
    let (_, result) = restored(&bytes, PASSPHRASE);
    assert!(
        matches!(result, Err(StoreError::BadBackup { .. })),
        "{result:?}"
    );
}

#[test]
fn backup_and_restore_overwrite_nothing() {
    let (home, bytes) = backed_up();
    let store = home.open();
    let again = store.backup(&home.path("backup"), &secret(PASSPHRASE));
    assert!(
        matches!(again, Err(StoreError::File(FileError::Exists { .. }))),
        "{again:?}"
    );
    assert_eq!(fs::read(home.path("backup")).unwrap(), bytes);

    let over = restore_at(&home, &into_empty());
    assert!(matches!(over, Err(StoreError::NotEmpty { .. })), "{over:?}");
    let over = check_restorable(&home.path("backup"), &home.paths, ExistingStore::Refuse);
    assert!(matches!(over, Err(StoreError::NotEmpty { .. })), "{over:?}");

    let other = TestHome::new();
    drop(other.open());
    for database in [other.database(), other.ledger(), other.single()] {
        fs::remove_file(database).unwrap();
    }
    fs::copy(home.path("backup"), other.path("backup")).unwrap();
    let over = restore_at(&other, &into_empty());
    assert!(
        matches!(over, Err(StoreError::NotEmpty { .. })),
        "another master key: {over:?}"
    );
}

/// Returns the names of the keys that work in a store.
pub(crate) fn working_keys(home: &TestHome) -> Vec<String> {
    let policy = home.open().policy().unwrap();
    let working = policy.key_secrets().filter(|(_, found)| {
        let is_valid = found.valid_until.is_none_or(|until| until > at(50));
        is_valid && found.key.refusal(at(50)).is_none()
    });
    let mut names: Vec<_> = working
        .map(|(_, found)| found.key.name.to_string())
        .collect();
    names.sort();
    names
}

/// Backs up a store with three keys, then revokes one and rotates another.
pub(crate) fn backed_up_before_revocation() -> TestHome {
    let home = TestHome::new();
    let store = home.open();
    for (number, name) in [(1, "active"), (2, "revoked"), (3, "rotated")] {
        add_key(&store, &key(u128::from(number), name, &[]), number);
    }
    store
        .backup(&home.path("backup"), &secret(PASSPHRASE))
        .unwrap();
    store.revoke_key(key(2, "x", &[]).id, at(40)).unwrap();
    store
        .rotate_key(key(1, "x", &[]).id, key_secret(8), at(60))
        .unwrap();
    store
        .rotate_key(key(3, "x", &[]).id, key_secret(9), at(41))
        .unwrap();
    home
}

/// F-24: a restore brings back data, not authority: keys that were revoked or rotated since the backup stay dead.
#[test]
fn revoked_and_rotated_keys_stay_dead() {
    let home = backed_up_before_revocation();
    let restored = restore_at(&home, &replacing(RevivedKeys::Named(Vec::new()))).unwrap();
    let keys: Vec<_> = restored
        .keys
        .iter()
        .map(|key| (key.name.as_str(), key.works))
        .collect();
    assert_eq!(
        keys,
        [("active", true), ("revoked", false), ("rotated", false)]
    );
    assert_eq!(working_keys(&home), ["active"]);
    let policy = home.open().policy().unwrap();
    let until = policy.key(key_secret(1).0).unwrap().valid_until;
    assert_eq!(
        until,
        Some(at(60)),
        "the overlap of its rotation ends as before"
    );
    home.open().verify().unwrap();
}

/// F-24: without the store that was replaced nothing is known about revocations, so only named keys work again.
#[test]
fn keys_work_in_an_empty_home_only_if_they_are_named() {
    let source = backed_up_before_revocation();
    for (revived, expected) in [
        (RevivedKeys::Named(Vec::new()), &[][..]),
        (
            RevivedKeys::Named(vec!["rotated".parse().unwrap()]),
            &["rotated"],
        ),
        (RevivedKeys::All, &["active", "revoked", "rotated"]),
    ] {
        let home = TestHome::new();
        fs::copy(source.path("backup"), home.path("backup")).unwrap();
        let options = RestoreOptions {
            keys: revived,
            ..into_empty()
        };
        restore_at(&home, &options).unwrap();
        assert_eq!(working_keys(&home), expected);
        assert_eq!(home.open().policy().unwrap().keys().len(), 3);
    }
    let unknown = replacing(RevivedKeys::Named(vec!["unknown".parse().unwrap()]));
    let refused = restore_at(&source, &unknown);
    assert!(matches!(refused, Err(StoreError::NotFound { .. })));
    let unchanged = working_keys(&source);
    assert_eq!(unchanged, ["active", "active", "rotated"]);
}

/// F-42: a damaged store is moved aside, with everything in it, and replaced.
#[test]
fn damaged_store_is_moved_aside() {
    let home = backed_up_before_revocation();
    fs::write(home.database(), "damaged").unwrap();
    fs::write(home.master_key(), "damaged").unwrap();
    let refused = home.try_open().err().unwrap();
    assert_eq!(
        refused.fix_command().unwrap(),
        "keyreeve store restore FILE --replace"
    );
    let restored = restore_at(&home, &replacing(RevivedKeys::Named(Vec::new()))).unwrap();
    let prefix = restored.moved_aside.unwrap();
    let aside = |file: &str| fs::read(home.paths.data.join(format!("{prefix}{file}"))).unwrap();
    assert_eq!(aside("policy.db"), b"damaged");
    assert!(!aside("ledger.db").is_empty());
    let key = fs::read(home.paths.keys.join(format!("{prefix}master.key"))).unwrap();
    assert_eq!(key, b"damaged");
    home.open().verify().unwrap();
    assert!(
        working_keys(&home).is_empty(),
        "nothing is known about them"
    );
}

/// F-24: a key that may do less in the replaced store than in the backup stays dead unless it is named.
#[test]
fn key_that_was_narrowed_since_the_backup_stays_dead() {
    let home = backed_up_before_revocation();
    let narrowed = key(1, "x", &[]).id;
    home.open().set_allow_billing(narrowed, &[]).unwrap();
    let restored = restore_at(&home, &replacing(RevivedKeys::Named(Vec::new()))).unwrap();
    assert!(restored.keys.iter().all(|key| !key.works));
    assert!(working_keys(&home).is_empty());
}

/// A restore that was killed after it had moved the store aside leads to no new, empty store.
#[test]
fn store_that_was_moved_aside_is_not_created_anew() {
    let home = backed_up_before_revocation();
    for database in [home.database(), home.ledger(), home.single()] {
        let name = database.file_name().unwrap().to_str().unwrap();
        fs::rename(
            &database,
            home.paths.data.join(format!("replaced-1-{name}")),
        )
        .unwrap();
    }
    assert!(matches!(home.try_open(), Err(StoreError::Corrupt { .. })));
    restore_at(&home, &replacing(RevivedKeys::All)).unwrap();
    home.open().verify().unwrap();
}

#[test]
fn store_that_is_served_from_is_not_replaced() {
    let home = backed_up_before_revocation();
    let store = home.open();
    let claim = store.acquire_serve_lock("process 41").unwrap();
    let refused = restore_at(&home, &replacing(RevivedKeys::All));
    match refused {
        Err(StoreError::InUse { holder }) => assert_eq!(holder, "process 41"),
        other => panic!("{other:?}"),
    }
    drop(claim);
    restore_at(&home, &replacing(RevivedKeys::All)).unwrap();
}

/// A backup that another process makes while requests run has each of them once.
#[test]
fn backup_has_entries_of_journals() {
    let home = TestHome::new();
    let serving = home.serve();
    record(&serving, intent(1), outcome(1));
    let _open = record_intent(&serving, intent(2)).unwrap();
    home.open()
        .backup(&home.path("backup"), &secret(PASSPHRASE))
        .unwrap();
    let (copy, result) = restored(&fs::read(home.path("backup")).unwrap(), PASSPHRASE);
    result.unwrap();
    let entries = copy.open().ledger_entries(10).unwrap();
    let ended: Vec<_> = entries
        .iter()
        .map(|entry| entry.outcome.is_some())
        .collect();
    assert_eq!(ended, [false, true]);
    let by_key = UsageQuery {
        since: None,
        until: None,
        by: Grouping::Key,
    };
    let usage = copy.open().usage(&by_key).unwrap();
    assert_eq!(usage.iter().map(|row| row.attempts).sum::<u64>(), 2);
    assert_eq!(copy.open().close_open_intents(at(60)).unwrap().unknown, 1);
}
