//! Sealed secrets: they come back, nothing else opens them, and nothing lies open on the disk.

use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::Profile;
use keyreeve_store::{Error, MasterKeyHome};

use crate::bed::{Bed, profile, secret, shown};

#[test]
fn a_secret_comes_back_and_a_rotated_one_replaces_it() {
    let bed = Bed::new();
    let store = bed.open();
    let work = profile(1, "work");
    store.add_profile(&work, Some(&secret("first"))).unwrap();
    assert_eq!(shown(&store.unseal(&work).unwrap()), "first");
    let rotated = Profile {
        hint: Some("…cond".to_owned()),
        ..work.clone()
    };
    store.rotate_profile(&rotated, &secret("second")).unwrap();
    drop(store);

    let store = bed.open();
    assert_eq!(shown(&store.unseal(&work).unwrap()), "second");
    assert_eq!(
        store
            .policy()
            .unwrap()
            .profile(work.id)
            .unwrap()
            .hint
            .as_deref(),
        Some("…cond")
    );
    assert_eq!(store.master_key_home(), MasterKeyHome::KeyFile);
}

/// ST-05: what somebody changes in the database does not open, and the record is named.
#[test]
fn st_05_a_meddled_record_is_refused_by_name() {
    let cases = [
        "UPDATE sealed SET generation = 2 WHERE generation = 1",
        "UPDATE sealed SET sealed = x'01'",
        "UPDATE sealed SET sealed = substr(sealed, 1, length(sealed) - 1)",
        "UPDATE profiles SET base_url = 'https://evil.test'; UPDATE meta SET generation = 99",
        "CREATE TEMP TABLE copy AS SELECT * FROM sealed;
         UPDATE sealed SET sealed = (SELECT sealed FROM copy WHERE copy.profile <> sealed.profile)",
    ];
    for sql in cases {
        let bed = Bed::new();
        let store = bed.open();
        for (number, name) in [(1, "one"), (2, "two")] {
            store
                .add_profile(&profile(number, name), Some(&secret(name)))
                .unwrap();
        }
        drop(store);
        bed.meddle(sql);
        let store = bed.open();
        for found in store.policy().unwrap().profiles() {
            match store.unseal(found) {
                Err(Error::Tampered { record }) => assert_eq!(record, found.id.to_string()),
                other => panic!("{sql}: {:?}", other.map(|_| "opened")),
            }
        }
    }
}

#[test]
fn st_05_a_record_of_another_store_is_refused() {
    let (bed, other) = (Bed::new(), Bed::new());
    for bed in [&bed, &other] {
        bed.open()
            .add_profile(&profile(1, "one"), Some(&secret("x")))
            .unwrap();
    }
    let attach = format!("ATTACH '{}' AS other;", other.database().display());
    bed.meddle(&format!(
        "{attach} UPDATE sealed SET sealed = (SELECT sealed FROM other.sealed)"
    ));
    assert!(matches!(
        bed.open().unseal(&profile(1, "one")),
        Err(Error::Tampered { .. })
    ));
}

#[test]
fn a_secret_opens_only_for_the_place_it_was_sealed_for() {
    let bed = Bed::new();
    let store = bed.open();
    store
        .add_profile(&profile(1, "one"), Some(&secret("x")))
        .unwrap();
    let base_url = BaseUrl::parse("https://evil.test", PlainHttp::Refused).unwrap();
    let bent = Profile {
        base_url,
        ..profile(1, "one")
    };
    assert!(matches!(store.unseal(&bent), Err(Error::Tampered { .. })));
}

#[test]
fn no_file_holds_a_secret_in_the_clear() {
    let bed = Bed::new();
    let canary = "CANARY-0123456789abcdefghijklmnopqrstuvwxyz";
    let store = bed.open();
    store
        .add_profile(&profile(1, "one"), Some(&secret(canary)))
        .unwrap();
    store
        .backup(&bed.path("backup"), &secret("pass phrase"))
        .unwrap();
    let mut files = vec![bed.path("backup")];
    for dir in [&bed.places.data, &bed.places.keys] {
        files.extend(
            std::fs::read_dir(dir)
                .unwrap()
                .map(|entry| entry.unwrap().path()),
        );
    }
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes
            .windows(canary.len())
            .any(|window| window == canary.as_bytes());
        assert!(!found, "{}", file.display());
    }
}
