//! Backup and restore: a backup is encrypted, restores completely, and is refused if anything in it was changed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use keyreeve_os::files::FileError;
use keyreeve_store::{StoreError, restore};

use crate::fixture::{
    TestHome, add_key, exposed, intent, key, outcome, profile, record, record_intent, secret,
};

const PASSPHRASE: &str = "correct horse battery staple";

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

/// Tries to restore the bytes into an empty directory.
fn restored(bytes: &[u8], passphrase: &str) -> (TestHome, Result<(), StoreError>) {
    let home = TestHome::new();
    fs::write(home.path("backup"), bytes).unwrap();
    let result = restore(&home.path("backup"), &secret(passphrase), &home.paths);
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
    restore(&home.path("backup"), &secret(PASSPHRASE), &home.paths).unwrap();
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

    let over = restore(&home.path("backup"), &secret(PASSPHRASE), &home.paths);
    assert!(matches!(over, Err(StoreError::NotEmpty { .. })), "{over:?}");

    let other = TestHome::new();
    drop(other.open());
    fs::remove_file(other.database()).unwrap();
    let over = restore(&home.path("backup"), &secret(PASSPHRASE), &other.paths);
    assert!(
        matches!(over, Err(StoreError::NotEmpty { .. })),
        "another master key: {over:?}"
    );
}
