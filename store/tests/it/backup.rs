//! A backup holds nothing in the clear, comes back whole, and is refused when anything about it changed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use keyreeve_os::files::FileError;
use keyreeve_store::{Error, restore};

use crate::bed::{Bed, begin, intent, key, key_secret, outcome, profile, secret, shown};

const PASSPHRASE: &str = "correct horse battery staple";

/// Bytes of a backup's header and of each of its chunks but the last.
const HEADER: usize = 64;
const CHUNK: usize = 65_536 + 16;

/// A store with some things in it, and its backup of a few chunks.
fn backed_up() -> (Bed, Vec<u8>) {
    let bed = Bed::new();
    let store = bed.open();
    store
        .add_profile(&profile(1, "work"), Some(&secret("a secret")))
        .unwrap();
    store
        .add_key(&key(1, "tool", &[]), key_secret(1).0, key_secret(1).1)
        .unwrap();
    for number in 1..=100 {
        begin(&store, intent(number)).unwrap();
        store.finish(outcome(number));
    }
    store
        .backup(&bed.path("backup"), &secret(PASSPHRASE))
        .unwrap();
    let bytes = fs::read(bed.path("backup")).unwrap();
    (bed, bytes)
}

/// Tries to restore the bytes into an empty place.
fn restored(bytes: &[u8], passphrase: &str) -> (Bed, Result<(), Error>) {
    let bed = Bed::new();
    fs::write(bed.path("backup"), bytes).unwrap();
    let answer = restore(&bed.path("backup"), &secret(passphrase), &bed.places);
    (bed, answer)
}

#[test]
fn a_backup_comes_back_whole() {
    let (bed, bytes) = backed_up();
    let mode = fs::metadata(bed.path("backup"))
        .unwrap()
        .permissions()
        .mode()
        & 0o7777;
    assert_eq!(mode, 0o600);
    let before = bed.open();
    assert!(!bed.places.data.join("keyreeve.db.backup").exists());

    let (bed, answer) = restored(&bytes, PASSPHRASE);
    answer.unwrap();
    let after = bed.open();
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
        after.attempts(1000).unwrap(),
        before.attempts(1000).unwrap()
    );
    assert_eq!(
        shown(&after.unseal(&profile(1, "work")).unwrap()),
        "a secret"
    );
    begin(&after, intent(500)).unwrap();
}

#[test]
fn the_wrong_passphrase_is_refused_and_leaves_nothing() {
    let (_, bytes) = backed_up();
    let (bed, answer) = restored(&bytes, "wrong");
    assert!(matches!(answer, Err(Error::WrongPassphrase)), "{answer:?}");
    assert!(!bed.database().exists() && !bed.master_key().exists());
    restore(&bed.path("backup"), &secret(PASSPHRASE), &bed.places).unwrap();
}

#[test]
fn a_changed_or_cut_backup_is_refused_and_leaves_nothing() {
    let (_, good) = backed_up();
    assert!(
        good.len() > HEADER + CHUNK,
        "the cases below need two chunks: {}",
        good.len()
    );
    let flipped = |place: usize| {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
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
        ("cut between chunks", good[..HEADER + CHUNK].to_vec()),
        ("cut within a chunk", good[..good.len() - 1].to_vec()),
        ("more at the end", [&good[..], b"x"].concat()),
        ("a chunk left out", without_first),
        ("empty", Vec::new()),
    ];
    for (case, bytes) in cases {
        let (bed, answer) = restored(&bytes, PASSPHRASE);
        let refused = matches!(
            answer,
            Err(Error::BadBackup { .. } | Error::WrongPassphrase)
        );
        assert!(refused, "{case}: {answer:?}");
        assert!(
            !bed.database().exists() && !bed.master_key().exists(),
            "{case}"
        );
        assert!(!bed.places.data.join("keyreeve.db.new").exists(), "{case}");
    }
}

#[test]
fn a_header_that_asks_for_the_moon_is_refused_quickly() {
    let (_, mut bytes) = backed_up();
    bytes[20..24].copy_from_slice(&u32::MAX.to_be_bytes());
    let (_, answer) = restored(&bytes, PASSPHRASE);
    assert!(matches!(answer, Err(Error::BadBackup { .. })), "{answer:?}");
}

#[test]
fn nothing_is_overwritten() {
    let (bed, bytes) = backed_up();
    let store = bed.open();
    let again = store.backup(&bed.path("backup"), &secret(PASSPHRASE));
    assert!(
        matches!(again, Err(Error::Files(FileError::Exists { .. }))),
        "{again:?}"
    );
    assert_eq!(fs::read(bed.path("backup")).unwrap(), bytes);

    let over = restore(&bed.path("backup"), &secret(PASSPHRASE), &bed.places);
    assert!(matches!(over, Err(Error::NotEmpty { .. })), "{over:?}");

    let other = Bed::new();
    drop(other.open());
    fs::remove_file(other.database()).unwrap();
    let over = restore(&bed.path("backup"), &secret(PASSPHRASE), &other.places);
    assert!(
        matches!(over, Err(Error::NotEmpty { .. })),
        "another master key: {over:?}"
    );
}
