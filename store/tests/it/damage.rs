//! A damaged, missing, unsafe or newer file is refused, and never overwritten by a new store.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use keyreeve_os::files::FileError;
use keyreeve_store::{Durability, Store, StoreError, StorePaths};

use crate::fixture::{TestHome, add_key, add_profile, intent, key, record_intent};

fn filled() -> TestHome {
    let home = TestHome::new();
    let store = home.open();
    for number in 1..=20_u8 {
        let name = format!("p{number}");
        add_profile(&store, u128::from(number), &name);
        add_key(&store, &key(u128::from(number), &name, &[]), number);
        let _open = record_intent(&store, intent(u128::from(number))).unwrap();
    }
    drop(store);
    home
}

/// Reads the whole store; returns the first error.
fn read_all(home: &TestHome) -> Result<usize, StoreError> {
    let store = home.try_open()?;
    store.verify()?;
    let policy = store.policy()?;
    for profile in policy.profiles() {
        store.unseal(profile)?;
    }
    Ok(policy.profiles().len() + policy.keys().len() + store.ledger_entries(100)?.len())
}

/// ST-04 (small): random bit flips and truncations are refused or do no harm; they never lead to a new, empty store.
#[test]
fn random_damage_is_refused_or_harmless() {
    let home = filled();
    let (good, mut harmless) = (fs::read(home.database()).unwrap(), 0);
    for seed in 0..50_u64 {
        let mut bytes = good.clone();
        let mut random = Random(seed + 1);
        if seed % 5 == 0 {
            bytes.truncate(random.below(good.len()));
        } else {
            for _ in 0..=random.below(40) {
                let offset = random.below(bytes.len());
                bytes[offset] ^= 1 << random.below(8);
            }
        }
        fs::write(home.database(), &bytes).unwrap();
        // Any error is right. Success is right, too, if the damage hit only unused space or a text; the rows that such
        // damage changes differ with the random nonces, but a new store would have none at all.
        if let Ok(rows) = read_all(&home) {
            assert!(rows > 0, "seed {seed}: a new store replaced a damaged one");
            // A last page of zeros belongs to an empty table: no data is lost with it.
            let removed = good.get(bytes.len()..).unwrap_or_default();
            assert!(
                removed.iter().all(|byte| *byte == 0),
                "seed {seed}: a truncated store was accepted"
            );
            harmless += 1;
        }
        for file in ["policy.db-wal", "policy.db-shm"] {
            fs::remove_file(home.paths.data.join(file)).ok();
        }
    }
    assert!(harmless < 40, "{harmless} of 50 damages went unnoticed");
    fs::write(home.database(), good).unwrap();
    assert_eq!(read_all(&home).unwrap(), 60);
}

/// A small random generator with reproducible seeds.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }
}

/// ST-04: an empty file or a directory is not replaced by a new database.
#[test]
fn empty_file_or_directory_is_refused() {
    let home = filled();
    fs::write(home.database(), "").unwrap();
    assert!(matches!(home.try_open(), Err(StoreError::Corrupt { .. })));
    assert_eq!(
        fs::metadata(home.database()).unwrap().len(),
        0,
        "not changed"
    );
    fs::remove_file(home.database()).unwrap();
    fs::create_dir(home.database()).unwrap();
    assert!(matches!(
        home.try_open(),
        Err(StoreError::File(FileError::NotAFile { .. }))
    ));
}

/// ST-04: a database with another application id is not ours.
#[test]
fn database_of_another_program_is_refused() {
    let home = filled();
    home.run_sql("PRAGMA application_id = 7");
    assert!(matches!(home.try_open(), Err(StoreError::Corrupt { .. })));
}

#[test]
fn orphaned_wal_is_refused() {
    let home = filled();
    fs::rename(home.database(), home.paths.data.join("policy.db-wal")).unwrap();
    assert!(matches!(home.try_open(), Err(StoreError::Corrupt { .. })));
}

#[test]
fn newer_database_is_refused_and_unchanged() {
    let home = filled();
    home.run_sql("PRAGMA user_version = 999; PRAGMA journal_mode = WAL;");
    let before = fs::read(home.database()).unwrap();
    assert!(matches!(
        home.try_open(),
        Err(StoreError::NewerSchema { found: 999, .. })
    ));
    assert_eq!(fs::read(home.database()).unwrap(), before);
}

#[test]
fn missing_damaged_or_wrong_master_key_is_refused() {
    let home = filled();
    let good = fs::read(home.master_key()).unwrap();

    fs::remove_file(home.master_key()).unwrap();
    assert!(matches!(
        home.try_open(),
        Err(StoreError::MasterKeyMissing { .. })
    ));
    assert!(!home.master_key().exists(), "no new one is created");

    for damaged in [
        &good[..good.len() - 1],
        &[&good[..], b"x"].concat(),
        &good[1..],
        b"",
    ] {
        fs::write(home.master_key(), damaged).unwrap();
        fs::set_permissions(home.master_key(), Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(
            home.try_open(),
            Err(StoreError::MasterKeyDamaged { .. })
        ));
    }

    let mut wrong = good.clone();
    wrong[30] ^= 1;
    fs::write(home.master_key(), wrong).unwrap();
    assert!(matches!(
        home.try_open(),
        Err(StoreError::MasterKeyWrong { .. })
    ));

    fs::write(home.master_key(), good).unwrap();
    assert_eq!(read_all(&home).unwrap(), 60);
}

/// LA-01: each file or directory with unsafe permissions is refused with the command that fixes it.
#[test]
fn unsafe_permissions_are_refused_with_a_fix() {
    for name in ["data/policy.db", "config/master.key"] {
        for mode in [0o644, 0o660] {
            let home = filled();
            fs::set_permissions(home.path(name), Permissions::from_mode(mode)).unwrap();
            let error = home.try_open().map(|_| ()).unwrap_err();
            assert_eq!(
                error.fix_command().unwrap(),
                format!("chmod 600 {}", home.path(name).display())
            );
        }
    }
    for name in ["data", "config"] {
        let home = filled();
        fs::set_permissions(home.path(name), Permissions::from_mode(0o777)).unwrap();
        let error = home.try_open().map(|_| ()).unwrap_err();
        assert_eq!(
            error.fix_command().unwrap(),
            format!("chmod 700 {}", home.path(name).display())
        );
    }
}

/// LA-03: all files and directories of the store are private to the user, including the write-ahead log.
#[test]
fn created_files_are_private() {
    let home = filled();
    let store = home.open();
    let _open = record_intent(&store, intent(99)).unwrap();
    let _claim = store.acquire_serve_lock("x").unwrap();
    let mut seen = 0;
    for dir in [&home.paths.data, &home.paths.keys] {
        assert_eq!(
            fs::metadata(dir).unwrap().permissions().mode() & 0o7777,
            0o700
        );
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            assert_eq!(mode, 0o600, "{:?}: {mode:o}", entry.path());
            seen += 1;
        }
    }
    assert!(
        seen >= 6,
        "expected database, log, index, two locks and the master key: {seen}"
    );
}

#[test]
fn same_directory_for_both_is_refused() {
    let home = TestHome::new();
    let paths = StorePaths {
        data: home.path("one"),
        keys: home.path("one"),
    };
    let opened = Store::open(&paths, Durability::Local);
    assert!(matches!(opened, Err(StoreError::SameDirectory { .. })));
}

/// A creation that was killed is repeated; one that was killed while the databases got their names is finished.
#[test]
fn interrupted_creation_is_repeated_or_finished() {
    let home = filled();
    let [policy, ledger, single] = [home.database(), home.ledger(), home.single()];
    let unfinished = home.paths.data.join("policy.db.new");
    let complete = fs::read(&policy).unwrap();

    fs::rename(&policy, &unfinished).unwrap();
    assert_eq!(home.open().policy().unwrap().keys().len(), 20);
    fs::rename(&policy, &unfinished).unwrap();
    fs::remove_file(&single).unwrap();
    assert_eq!(home.open().policy().unwrap().keys().len(), 20);

    for file in [policy, ledger, single] {
        fs::remove_file(file).unwrap();
    }
    fs::write(&unfinished, &complete[..complete.len() / 2]).unwrap();
    let store = home.open();
    store.verify().unwrap();
    assert!(store.policy().unwrap().keys().is_empty());
    assert!(!unfinished.exists());
}

#[test]
fn unreadable_path_counts_as_existing_store() {
    let folder = tempfile::tempdir().unwrap();
    let paths = StorePaths {
        data: folder.path().join("data"),
        keys: folder.path().join("keys"),
    };
    assert!(!Store::exists(&paths), "nothing exists");
    symlink("data", &paths.data).unwrap();
    assert!(Store::exists(&paths), "a link to itself cannot be checked");
}
