//! Authenticated rows of policy: a program that can write the database cannot name who is trusted.

use std::fmt::Write as _;
use std::fs;
use std::time::Instant;

use keyreeve_core::profile::{Name, SecretExposure, Source};
use keyreeve_core::virtual_key::KeyId;
use keyreeve_store::{Durability, Policy, Store, StoreError};

use crate::fixture::{
    TestHome, add_key, add_profile, at, exposed, id, key, key_secret, make_unsigned, profile,
    secret,
};

/// A store with the profiles `work` (1) and `home` (2), and the keys `ci` (1) of `work` and `dev` (2) of `home`, which
/// have the secrets 1 and 2.
fn two_of_each() -> (TestHome, Store) {
    let home = TestHome::new();
    let store = home.open();
    add_profile(&store, 1, "work");
    add_profile(&store, 2, "home");
    add_key(&store, &key(1, "ci", &[&profile(1, "work")]), 1);
    add_key(&store, &key(2, "dev", &[&profile(2, "home")]), 2);
    (home, store)
}

/// Returns the SQL text of an id.
fn blob(number: u128) -> String {
    format!("x'{}'", id(number).simple())
}

fn secret_blob(number: u8) -> String {
    format!("x'{}'", format!("{number:02x}").repeat(8))
}

/// Returns the names of the profiles and keys that are refused, and checks that they are listed as not verified.
fn refused(policy: &Policy) -> Vec<String> {
    let mut refused = Vec::new();
    for profile in policy.profiles() {
        match policy.check_profile(profile.id) {
            Ok(()) => assert!(policy.is_profile_verified(profile.id)),
            Err(StoreError::NotVerified { what, name }) => {
                assert!(!policy.is_profile_verified(profile.id));
                refused.push(format!("{what} {name}"));
            }
            Err(other) => unreachable!("{other}"),
        }
    }
    let active = policy
        .key_secrets()
        .filter(|(_, found)| found.key.revoked_at.is_none());
    for (public, found) in active {
        match policy.check_key(found.key, Some(public)) {
            Ok(()) => {}
            Err(StoreError::NotVerified { what, name }) => {
                assert!(!policy.is_key_verified(found.key));
                refused.push(format!("{what} {name}"));
            }
            Err(other) => unreachable!("{other}"),
        }
    }
    refused.sort();
    refused.dedup();
    refused
}

/// Checks that after the edit exactly these rows are refused, by the store that is open and by one opened later.
#[track_caller]
fn check_edit(sql: &str, expected: &[&str]) {
    let (home, store) = two_of_each();
    assert_eq!(refused(&store.policy().unwrap()), [""; 0]);
    home.run_sql(&format!(
        "{sql}; UPDATE meta SET generation = generation + 1;"
    ));
    assert_eq!(refused(&store.policy().unwrap()), expected, "{sql}");
    assert_eq!(refused(&home.open().policy().unwrap()), expected, "{sql}");
}

/// F-23: an edited column of a profile is noticed, each of them.
#[test]
fn edited_profile_is_refused() {
    for edit in [
        "source = 'command', detail = '[\"/bin/evil\"]'",
        "detail = 'x'",
        "base_url = 'https://evil.test'",
        "auth = 'bearer'",
        "provenance = 'gateway'",
        "billing = 'gateway'",
        "secret_exposure = 'programs'",
        "simulated = 1",
        "name = 'other'",
        "hint = NULL",
        "expires_at = 1",
        "rotated_at = 1",
    ] {
        let name = if edit.starts_with("name") {
            "profile other"
        } else {
            "profile work"
        };
        check_edit(
            &format!("UPDATE profiles SET {edit} WHERE id = {}", blob(1)),
            &[name],
        );
    }
}

/// F-23: an edited column of a key, or of its list of profiles, is noticed.
#[test]
fn edited_key_is_refused() {
    for edit in [
        "models = '[]'",
        "billing = 'gateway'",
        "strategy = 'ordered'",
        "allow_billing = '[\"plan\"]'",
        "cache_ttl = NULL",
        "expires_at = NULL",
        "expires_at = expires_at + 1",
        "created_at = 1",
        "simulated = 1",
    ] {
        check_edit(
            &format!("UPDATE keys SET {edit} WHERE id = {}", blob(1)),
            &["key ci"],
        );
    }
    let (key, other) = (blob(1), blob(2));
    for edit in [
        format!("UPDATE key_profiles SET profile = {other} WHERE key = {key}"),
        format!("INSERT INTO key_profiles VALUES ({key}, 1, {other})"),
        format!("DELETE FROM key_profiles WHERE key = {key}"),
    ] {
        check_edit(&edit, &["key ci"]);
    }
}

/// F-23: an inserted key, an inserted secret and swapped hashes are noticed.
#[test]
fn inserted_key_and_secret_are_refused() {
    let (new, first) = (blob(3), blob(1));
    let (public, hash) = (secret_blob(3), "03".repeat(32));
    let insert_secret = |key: &str| {
        format!(
            "INSERT INTO key_secrets (public_id, key, hash) VALUES ({public}, {key}, x'{hash}')"
        )
    };
    check_edit(
        &format!(
            "INSERT INTO keys SELECT {new}, 'forged', billing, strategy, allow_billing, models, cache_ttl, expires_at,
             NULL, created_at, simulated FROM keys WHERE id = {first};
             INSERT INTO key_profiles VALUES ({new}, 0, {first}); {}",
            insert_secret(&new)
        ),
        &["key forged"],
    );
    check_edit(&insert_secret(&first), &["key ci"]);
    check_edit(
        "UPDATE key_secrets SET hash = CASE public_id WHEN x'0101010101010101' THEN zeroblob(32) ELSE hash END",
        &["key ci"],
    );
    check_edit(
        &format!(
            "UPDATE key_secrets SET key = CASE key WHEN {first} THEN {} ELSE {first} END",
            blob(2)
        ),
        &["key ci", "key dev"],
    );
    check_edit(
        &format!("UPDATE key_secrets SET valid_until = 9 WHERE key = {first}"),
        &["key ci"],
    );
}

/// F-23: an inserted secret of a key does not stop the key's own secrets.
#[test]
fn other_secrets_of_the_key_go_on_working() {
    let (home, store) = two_of_each();
    home.run_sql(&format!(
        "INSERT INTO key_secrets (public_id, key, hash) VALUES ({}, {}, zeroblob(32));
         UPDATE meta SET generation = generation + 1;",
        secret_blob(3),
        blob(1)
    ));
    let policy = store.policy().unwrap();
    let (own, forged) = (key_secret(1).0, key_secret(3).0);
    let found = policy.key(own).unwrap();
    assert!(policy.check_key(found.key, Some(own)).is_ok());
    assert!(policy.check_key(found.key, Some(forged)).is_err());
    assert!(!policy.is_key_verified(found.key));
}

/// F-23: a code belongs to one row, one id and one version.
#[test]
fn swapped_rows_and_codes_are_refused() {
    let (first, second) = (blob(1), blob(2));
    let both = ["profile home", "profile work"];
    // The rows of two ids, with their codes left in place.
    check_edit(
        &format!(
            "UPDATE profiles SET name = 'spare' WHERE id = {first};
             UPDATE profiles SET name = 'work' WHERE id = {second};
             UPDATE profiles SET name = 'home' WHERE id = {first}"
        ),
        &both,
    );
    // The codes of two ids.
    check_edit(
        &format!(
            "CREATE TEMP TABLE old AS SELECT * FROM row_macs WHERE id IN ({first}, {second});
             UPDATE row_macs SET mac = (SELECT mac FROM old WHERE old.kind = 'profile' AND old.id <> row_macs.id)
             WHERE kind = 'profile'"
        ),
        &both,
    );
    check_edit(
        "UPDATE row_macs SET version = version + 1 WHERE kind = 'profile'",
        &both,
    );
    check_edit(
        "UPDATE row_macs SET mac = zeroblob(32) WHERE kind = 'key'",
        &["key ci", "key dev"],
    );
    // The code of another kind of row with the same id.
    check_edit(
        "UPDATE row_macs SET mac = (SELECT mac FROM row_macs AS other WHERE other.kind = 'key' AND other.id = row_macs.id)
         WHERE kind = 'profile'",
        &both,
    );
}

/// F-23: an earlier code of one row does not verify a later state of it, nor another row.
#[test]
fn code_of_an_older_version_is_refused() {
    let (home, store) = two_of_each();
    let read = rusqlite::Connection::open(home.database()).unwrap();
    let old: Vec<u8> = read
        .query_row(
            &format!(
                "SELECT mac FROM row_macs WHERE kind = 'profile' AND id = {}",
                blob(1)
            ),
            [],
            |row| row.get(0),
        )
        .unwrap();
    store
        .set_secret_exposure(profile(1, "work").id, SecretExposure::Programs)
        .unwrap();
    for row in [1, 2] {
        read.execute(
            &format!(
                "UPDATE row_macs SET mac = ?1, version = 1 WHERE kind = 'profile' AND id = {}",
                blob(row)
            ),
            [&old],
        )
        .unwrap();
    }
    read.execute("UPDATE meta SET generation = generation + 1", [])
        .unwrap();
    assert_eq!(
        refused(&store.policy().unwrap()),
        ["profile home", "profile work"]
    );
}

/// F-23: signing happens once: rows cannot be signed anew by removing the codes and resetting the schema version.
#[test]
fn stripped_codes_are_not_signed_again() {
    let all = ["key ci", "key dev", "profile home", "profile work"];
    for strip in ["DELETE FROM row_macs", "DROP TABLE row_macs"] {
        let (home, store) = two_of_each();
        drop(store);
        home.run_sql(&format!("{strip}; PRAGMA user_version = 1"));
        assert_eq!(refused(&home.open().policy().unwrap()), all);
        assert_eq!(refused(&home.open().policy().unwrap()), all);
    }
}

/// F-23: a store of schema 1 is signed when it is first opened with its master key.
#[test]
fn unsigned_store_is_signed_once() {
    let (home, store) = two_of_each();
    drop(store);
    make_unsigned(&home);
    assert_eq!(refused(&home.open().policy().unwrap()), [""; 0]);
    home.run_sql("DELETE FROM row_macs; UPDATE meta SET generation = generation + 1");
    assert_eq!(refused(&home.open().policy().unwrap()).len(), 4);
}

/// F-23: clearing `revoked_at` or `removed` gives nothing back.
#[test]
fn revived_rows_are_refused() {
    let (home, store) = two_of_each();
    store.revoke_key(KeyId(id(1)), at(5)).unwrap();
    store.remove_profile(profile(2, "home").id).unwrap();
    assert_eq!(refused(&store.policy().unwrap()), [""; 0]);
    home.run_sql(
        "UPDATE keys SET revoked_at = NULL; UPDATE profiles SET removed = 0;
         UPDATE meta SET generation = generation + 1",
    );
    assert_eq!(
        refused(&store.policy().unwrap()),
        ["key ci", "profile home"]
    );
}

/// F-23: a deleted secret cannot be inserted again.
#[test]
fn deleted_secret_is_refused_when_inserted_again() {
    let (home, store) = two_of_each();
    store.delete_secret(key_secret(1).0).unwrap();
    home.run_sql(&format!(
        "INSERT INTO key_secrets (public_id, key, hash) VALUES ({}, {}, x'{}');
         UPDATE meta SET generation = generation + 1",
        secret_blob(1),
        blob(1),
        "01".repeat(32)
    ));
    assert_eq!(refused(&store.policy().unwrap()), ["key ci"]);
}

/// F-23: a key whose profile was removed still verifies, without the master key having signed it again.
#[test]
fn removed_profile_leaves_its_keys_verified() {
    let (_home, store) = two_of_each();
    store.remove_profile(profile(1, "work").id).unwrap();
    let policy = store.policy().unwrap();
    assert_eq!(refused(&policy), [""; 0]);
    assert!(policy.keys()[0].profiles.is_empty());
}

/// F-23: an edited row is never signed by a change of it.
#[test]
fn change_of_an_edited_row_is_refused() {
    let (home, store) = two_of_each();
    home.run_sql(
        "UPDATE profiles SET base_url = 'https://evil.test'; UPDATE keys SET models = '[]';
         UPDATE key_secrets SET valid_until = 1; UPDATE meta SET generation = generation + 1",
    );
    let (first, ci) = (profile(1, "work"), KeyId(id(1)));
    let name: Name = "new".parse().unwrap();
    let attempts = [
        store.rename_profile(first.id, &name),
        store.set_secret_exposure(first.id, SecretExposure::Programs),
        store.rotate_profile(&first, &secret("y")),
        store.set_allow_billing(ci, &[]),
        store.rotate_key(ci, key_secret(3), at(9)),
        store.add_temporary_secret(ci, key_secret(4), (None, at(0))),
        store.extend_secret(key_secret(1).0, (at(0), at(9))),
    ];
    for attempt in attempts {
        assert!(
            matches!(attempt, Err(StoreError::NotVerified { .. })),
            "{attempt:?}"
        );
    }
    assert_eq!(refused(&home.open().policy().unwrap()).len(), 4);
}

/// F-23: no secret is decrypted for a row that does not verify.
#[test]
fn secret_of_an_edited_profile_is_not_decrypted() {
    let (home, store) = two_of_each();
    assert_eq!(exposed(&store.unseal(&profile(1, "work")).unwrap()), "x");
    home.run_sql(
        "UPDATE profiles SET secret_exposure = 'programs'; UPDATE meta SET generation = generation + 1",
    );
    assert!(matches!(
        store.unseal(&profile(1, "work")),
        Err(StoreError::NotVerified { .. })
    ));
}

/// F-23: taking authority away works without a master key, and with another store's.
#[test]
fn taking_away_needs_no_master_key() {
    let other = TestHome::new();
    drop(other.open());
    for has_wrong_key in [false, true] {
        let (home, store) = two_of_each();
        drop(store);
        fs::remove_file(home.master_key()).unwrap();
        if has_wrong_key {
            fs::copy(other.master_key(), home.master_key()).unwrap();
        }
        assert!(home.try_open().is_err());
        let store = Store::open_to_take_away(&home.paths, Durability::Local).unwrap();
        assert_eq!(
            refused(&store.policy().unwrap()).len(),
            4,
            "nothing verifies"
        );
        assert!(matches!(
            store.add_profile(&profile(3, "new"), Some(&secret("x"))),
            Err(StoreError::MasterKeyMissing { .. } | StoreError::MasterKeyWrong { .. })
        ));
        store.revoke_key(KeyId(id(1)), at(5)).unwrap();
        store.expire_secret(key_secret(2).0, at(9)).unwrap();
        store.remove_profile(profile(2, "home").id).unwrap();
        let policy = store.policy().unwrap();
        assert!(
            policy
                .keys()
                .iter()
                .any(|key| key.revoked_at == Some(at(5)))
        );
        assert!(policy.key(key_secret(2).0).is_none());
        assert_eq!(policy.profiles().len(), 1);
    }
}

/// F-23: signed changes verify, and a backup restores rows that verify.
#[test]
fn backup_restores_verified_rows() {
    let (home, store) = two_of_each();
    store
        .rotate_key(KeyId(id(1)), key_secret(3), at(9))
        .unwrap();
    store
        .extend_secret(key_secret(1).0, (at(9), at(20)))
        .unwrap();
    store.set_allow_billing(KeyId(id(1)), &[]).unwrap();
    store
        .rename_profile(profile(1, "work").id, &"new".parse().unwrap())
        .unwrap();
    let mut command = profile(3, "command");
    command.source = Source::Command {
        argv: vec!["/bin/true".to_owned()],
    };
    store.add_profile(&command, None).unwrap();
    assert_eq!(refused(&store.policy().unwrap()), [""; 0]);
    let file = home.path("backup");
    store.backup(&file, &secret("a long passphrase")).unwrap();
    let restored = TestHome::new();
    let options = keyreeve_store::RestoreOptions {
        existing: keyreeve_store::ExistingStore::Refuse,
        keys: keyreeve_store::RevivedKeys::All,
        at: at(50),
    };
    keyreeve_store::restore(
        &file,
        &secret("a long passphrase"),
        &restored.paths,
        &options,
    )
    .unwrap();
    let policy = restored.open().policy().unwrap();
    assert_eq!(refused(&policy), [""; 0]);
    assert_eq!(policy.profiles().len(), 3);
}

/// F-23: verifying 1,000 keys and 100 profiles is paid once per change of policy.
#[test]
fn many_rows_are_verified_once_per_change() {
    let (home, store) = two_of_each();
    drop(store);
    let mut rows = String::from("BEGIN;");
    for number in 10..1010_u32 {
        let (key, public) = (blob(number.into()), format!("x'{number:016x}'"));
        let _written = write!(
            rows,
            "INSERT INTO keys SELECT {key}, 'k{number}', billing, strategy, allow_billing, models, cache_ttl, expires_at,
             NULL, created_at, simulated FROM keys WHERE id = {first};
             INSERT INTO key_profiles VALUES ({key}, 0, {first});
             INSERT INTO key_secrets (public_id, key, hash) VALUES ({public}, {key}, zeroblob(32));",
            first = blob(1)
        );
    }
    for number in 10..110 {
        let _written = write!(
            rows,
            "INSERT INTO profiles SELECT {}, 'p{number}', 'environment', 'A', base_url, auth, provenance, billing, family,
             hint, secret_exposure, simulated, expires_at, created_at, rotated_at, 0 FROM profiles WHERE id = {};",
            blob(number),
            blob(1)
        );
    }
    home.run_sql(&(rows + "COMMIT;"));
    make_unsigned(&home);
    let store = home.open();
    let started = Instant::now();
    let policy = store.policy().unwrap();
    let first = started.elapsed();
    assert_eq!((policy.keys().len(), policy.profiles().len()), (1002, 102));
    assert_eq!(refused(&policy), [""; 0]);
    let started = Instant::now();
    assert!(std::sync::Arc::ptr_eq(&policy, &store.policy().unwrap()));
    eprintln!("policy read {first:?}, cached {:?}", started.elapsed());
}
