//! What is damaged, missing, weak or newer is refused, and nothing is ever made over it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use keyreeve_os::files::FileError;
use keyreeve_store::{Durability, Error, Places, Store};

use crate::bed::{Bed, begin, intent, key, key_secret, profile, secret};

fn filled() -> Bed {
    let bed = Bed::new();
    let store = bed.open();
    for number in 1..=20_u8 {
        let name = format!("p{number}");
        store
            .add_profile(&profile(u128::from(number), &name), Some(&secret("x")))
            .unwrap();
        let (public, hash) = key_secret(number);
        store
            .add_key(&key(u128::from(number), &name, &[]), public, hash)
            .unwrap();
        begin(&store, intent(u128::from(number))).unwrap();
    }
    drop(store);
    bed
}

/// Reads everything there is; fails with the first trouble.
fn read_all(bed: &Bed) -> Result<usize, Error> {
    let store = bed.try_open()?;
    store.verify()?;
    let policy = store.policy()?;
    for profile in policy.profiles() {
        store.unseal(profile)?;
    }
    Ok(policy.profiles().len() + policy.keys().len() + store.attempts(100)?.len())
}

/// ST-04, small: random flips and cuts are refused or do no harm; never is a fresh store made in their place.
#[test]
fn st_04_damage_is_refused_or_harmless() {
    let bed = filled();
    let (good, mut harmless) = (fs::read(bed.database()).unwrap(), 0);
    for seed in 0..50_u64 {
        let mut bytes = good.clone();
        let mut random = Random(seed + 1);
        if seed % 5 == 0 {
            bytes.truncate(random.below(good.len()));
        } else {
            for _ in 0..=random.below(40) {
                let place = random.below(bytes.len());
                bytes[place] ^= 1 << random.below(8);
            }
        }
        fs::write(bed.database(), &bytes).unwrap();
        // Refused is well, whatever the words. Read is well, too, where only unused space or a text was hit; which
        // rows such damage shows differs with the random nonces, but a fresh store would have none at all.
        if let Ok(rows) = read_all(&bed) {
            assert!(
                rows > 0,
                "seed {seed}: a fresh store was made over a damaged one"
            );
            // A last page of zeros belongs to an empty table: nothing is lost with it.
            let lost = good.get(bytes.len()..).unwrap_or_default();
            assert!(
                lost.iter().all(|byte| *byte == 0),
                "seed {seed}: a cut store was taken"
            );
            harmless += 1;
        }
        for left in ["keyreeve.db-wal", "keyreeve.db-shm"] {
            fs::remove_file(bed.places.data.join(left)).ok();
        }
    }
    assert!(harmless < 40, "{harmless} of 50 damages went unnoticed");
    fs::write(bed.database(), good).unwrap();
    assert_eq!(read_all(&bed).unwrap(), 60);
}

/// A small generator, so that a seed replays.
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

#[test]
fn st_04_an_empty_file_or_a_directory_in_its_place_is_refused() {
    let bed = filled();
    fs::write(bed.database(), "").unwrap();
    assert!(matches!(bed.try_open(), Err(Error::Corrupt { .. })));
    assert_eq!(
        fs::metadata(bed.database()).unwrap().len(),
        0,
        "left as it was"
    );
    fs::remove_file(bed.database()).unwrap();
    fs::create_dir(bed.database()).unwrap();
    assert!(matches!(
        bed.try_open(),
        Err(Error::Files(FileError::NotAFile { .. }))
    ));
}

#[test]
fn st_04_another_program_s_database_is_refused() {
    let bed = filled();
    bed.meddle("PRAGMA application_id = 7");
    assert!(matches!(bed.try_open(), Err(Error::Corrupt { .. })));
}

#[test]
fn a_log_without_its_database_is_refused() {
    let bed = filled();
    fs::rename(bed.database(), bed.places.data.join("keyreeve.db-wal")).unwrap();
    assert!(matches!(bed.try_open(), Err(Error::Corrupt { .. })));
}

#[test]
fn a_newer_database_is_left_as_it_is() {
    let bed = filled();
    bed.meddle("PRAGMA user_version = 999; PRAGMA journal_mode = WAL;");
    let before = fs::read(bed.database()).unwrap();
    assert!(matches!(
        bed.try_open(),
        Err(Error::NewerSchema { found: 999, .. })
    ));
    assert_eq!(fs::read(bed.database()).unwrap(), before);
}

#[test]
fn without_its_master_key_the_store_stays_shut() {
    let bed = filled();
    let good = fs::read(bed.master_key()).unwrap();

    fs::remove_file(bed.master_key()).unwrap();
    assert!(matches!(
        bed.try_open(),
        Err(Error::MasterKeyMissing { .. })
    ));
    assert!(!bed.master_key().exists(), "no new one is made");

    for damaged in [
        &good[..good.len() - 1],
        &[&good[..], b"x"].concat(),
        &good[1..],
        b"",
    ] {
        fs::write(bed.master_key(), damaged).unwrap();
        fs::set_permissions(bed.master_key(), Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(
            bed.try_open(),
            Err(Error::MasterKeyDamaged { .. })
        ));
    }

    let mut wrong = good.clone();
    wrong[30] ^= 1;
    fs::write(bed.master_key(), wrong).unwrap();
    assert!(matches!(bed.try_open(), Err(Error::MasterKeyWrong { .. })));

    fs::write(bed.master_key(), good).unwrap();
    assert_eq!(read_all(&bed).unwrap(), 60);
}

/// LA-01: each weak file is refused with the command that mends it.
#[test]
fn la_01_weak_files_are_refused_with_a_hint() {
    for name in ["data/keyreeve.db", "config/master.key"] {
        for mode in [0o644, 0o660] {
            let bed = filled();
            fs::set_permissions(bed.path(name), Permissions::from_mode(mode)).unwrap();
            let error = bed.try_open().map(|_| ()).unwrap_err();
            assert_eq!(
                error.hint().unwrap(),
                format!("chmod 600 {}", bed.path(name).display())
            );
        }
    }
    for name in ["data", "config"] {
        let bed = filled();
        fs::set_permissions(bed.path(name), Permissions::from_mode(0o777)).unwrap();
        let error = bed.try_open().map(|_| ()).unwrap_err();
        assert_eq!(
            error.hint().unwrap(),
            format!("chmod 700 {}", bed.path(name).display())
        );
    }
}

/// LA-03: everything the store makes is closed to others, its log included.
#[test]
fn la_03_what_is_made_is_closed_to_others() {
    let bed = filled();
    let store = bed.open();
    begin(&store, intent(99)).unwrap();
    let _claim = store.claim("x").unwrap();
    let mut seen = 0;
    for dir in [&bed.places.data, &bed.places.keys] {
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
        "database, log, index, two locks and the master key: {seen}"
    );
}

#[test]
fn both_halves_in_one_place_are_refused() {
    let bed = Bed::new();
    let places = Places {
        data: bed.path("one"),
        keys: bed.path("one"),
    };
    let opened = Store::open(&places, Durability::Process);
    assert!(matches!(opened, Err(Error::SamePlace { .. })));
}

#[test]
fn a_store_whose_making_was_cut_short_is_made_again() {
    let bed = filled();
    let half = fs::read(bed.database()).unwrap();
    fs::remove_file(bed.database()).unwrap();
    fs::write(
        bed.places.data.join("keyreeve.db.new"),
        &half[..half.len() / 2],
    )
    .unwrap();
    let store = bed.open();
    store.verify().unwrap();
    assert!(!bed.places.data.join("keyreeve.db.new").exists());
}

#[test]
fn a_store_that_cannot_be_looked_for_is_not_taken_for_none() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places {
        data: folder.path().join("data"),
        keys: folder.path().join("keys"),
    };
    assert!(!Store::is_made(&places), "there is nothing");
    symlink("data", &places.data).unwrap();
    assert!(
        Store::is_made(&places),
        "a link to itself hides what is there"
    );
}
