//! Encryption at rest: sealed secrets decrypt in their own context only, and no file contains them in plaintext.

use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::Profile;
use keyreeve_store::{MasterKeyHome, StoreError};

use crate::fixture::{TestHome, add_profile, exposed, profile, secret};

#[test]
fn secret_is_unsealed_and_rotation_replaces_it() {
    let home = TestHome::new();
    let store = home.open();
    let work = profile(1, "work");
    store.add_profile(&work, Some(&secret("first"))).unwrap();
    assert_eq!(exposed(&store.unseal(&work).unwrap()), "first");
    let rotated = Profile {
        hint: Some("…cond".to_owned()),
        ..work.clone()
    };
    store.rotate_profile(&rotated, &secret("second")).unwrap();
    drop(store);

    let store = home.open();
    assert_eq!(exposed(&store.unseal(&work).unwrap()), "second");
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

/// ST-05: a record changed in the database does not decrypt, and the error names it.
#[test]
fn tampered_record_is_refused_by_name() {
    let cases = [
        "UPDATE sealed SET generation = 2 WHERE generation = 1",
        "UPDATE sealed SET sealed = x'01'",
        "UPDATE sealed SET sealed = substr(sealed, 1, length(sealed) - 1)",
        "UPDATE profiles SET base_url = 'https://evil.test'; UPDATE meta SET generation = 99",
        "CREATE TEMP TABLE copy AS SELECT * FROM sealed;
         UPDATE sealed SET sealed = (SELECT sealed FROM copy WHERE copy.profile <> sealed.profile)",
    ];
    for sql in cases {
        let home = TestHome::new();
        let store = home.open();
        for (number, name) in [(1, "one"), (2, "two")] {
            store
                .add_profile(&profile(number, name), Some(&secret(name)))
                .unwrap();
        }
        drop(store);
        home.run_sql(sql);
        let store = home.open();
        for found in store.policy().unwrap().profiles() {
            match store.unseal(found) {
                Err(StoreError::Tampered { record }) => assert_eq!(record, found.id.to_string()),
                // The row of the profile itself was changed.
                Err(StoreError::NotVerified { name, .. }) if sql.contains("base_url") => {
                    assert_eq!(name, found.name.as_str());
                }
                other => panic!("{sql}: {:?}", other.map(|_| "decrypted")),
            }
        }
    }
}

/// ST-05: a record copied from another store does not decrypt.
#[test]
fn record_of_another_store_is_refused() {
    let (home, other) = (TestHome::new(), TestHome::new());
    for home in [&home, &other] {
        home.open()
            .add_profile(&profile(1, "one"), Some(&secret("x")))
            .unwrap();
    }
    let attach = format!("ATTACH '{}' AS other;", other.database().display());
    home.run_sql(&format!(
        "{attach} UPDATE sealed SET sealed = (SELECT sealed FROM other.sealed)"
    ));
    assert!(matches!(
        home.open().unseal(&profile(1, "one")),
        Err(StoreError::Tampered { .. })
    ));
}

#[test]
fn secret_is_unsealed_only_for_its_own_base_url() {
    let home = TestHome::new();
    let store = home.open();
    add_profile(&store, 1, "one");
    let base_url = BaseUrl::parse("https://evil.test", PlainHttp::Forbidden).unwrap();
    let redirected = Profile {
        base_url,
        ..profile(1, "one")
    };
    assert!(matches!(
        store.unseal(&redirected),
        Err(StoreError::Tampered { .. })
    ));
}

#[test]
fn no_file_contains_a_plaintext_secret() {
    let home = TestHome::new();
    let canary = "CANARY-0123456789abcdefghijklmnopqrstuvwxyz";
    let store = home.open();
    store
        .add_profile(&profile(1, "one"), Some(&secret(canary)))
        .unwrap();
    store
        .backup(&home.path("backup"), &secret("pass phrase"))
        .unwrap();
    let mut files = vec![home.path("backup")];
    for dir in [&home.paths.data, &home.paths.keys] {
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
