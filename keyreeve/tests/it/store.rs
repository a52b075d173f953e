//! `store`: create, describe, back up, restore.

use keyreeve_testkit::canary::Canary;

use crate::case::{Case, assert_exit, check};

#[test]
fn store_is_created_and_described() {
    let case = Case::new();
    check("store_init", &case, &case.run(&["store", "init"]));
    let info = case.run(&["store", "info", "--json"]).expect_code(0).json();
    assert_eq!(info["master_key"], "key-file");
    assert_eq!(info["profiles"], 0);
}

#[test]
fn backup_is_restored_on_another_machine() {
    let (case, _) = Case::with_profile();
    let file = case.home.path().join("backup").display().to_string();
    let passphrase = Canary::generated("passphrase", "a-passphrase-nobody-guesses-so-soon");
    case.home.plant(&passphrase);
    check(
        "store_backup_short",
        &case,
        &case.feed(&["store", "backup", &file, "--stdin"], "short"),
    );
    check(
        "store_backup",
        &case,
        &case.feed(&["store", "backup", &file, "--stdin"], passphrase.value()),
    );
    check(
        "store_restore_full",
        &case,
        &case.feed(&["store", "restore", &file, "--stdin"], passphrase.value()),
    );

    let other = Case::new();
    check(
        "store_restore_wrong",
        &other,
        &other.feed(
            &["store", "restore", &file, "--stdin"],
            "another passphrase",
        ),
    );
    assert_exit(
        other.feed(&["store", "restore", &file, "--stdin"], passphrase.value()),
        0,
    );
    assert_eq!(
        other.run(&["profile", "list", "--json"]).json()["profiles"][0]["name"],
        "work"
    );
}

/// F-24, F-42: a store is replaced only on request and moved aside; keys revoked since the backup stay dead.
#[test]
fn restore_replaces_the_store_and_keeps_revoked_keys_dead() {
    let (case, _) = Case::with_profile();
    for name in ["active", "leaked"] {
        assert_exit(case.run(&["key", "add", name, "--profile", "work"]), 0);
    }
    let file = case.home.path().join("backup").display().to_string();
    let passphrase = Canary::generated("passphrase", "a-passphrase-nobody-guesses-so-soon");
    case.home.plant(&passphrase);
    let feed = |arguments: &[&str]| case.feed(arguments, passphrase.value());
    assert_exit(feed(&["store", "backup", &file, "--stdin"]), 0);
    assert_exit(case.run(&["key", "revoke", "leaked"]), 0);
    let damaged = case.home.keyreeve_home().join("data/ledger.db");
    std::fs::write(&damaged, "junk").unwrap();

    let restored = feed(&["store", "restore", &file, "--stdin", "--replace"]).expect_code(0);
    let stderr = &restored.stderr;
    assert!(
        restored.stdout.contains("keys that work"),
        "{}",
        restored.stdout
    );
    assert!(
        restored.stdout.contains("keys that stay dead leaked"),
        "{}",
        restored.stdout
    );
    assert!(stderr.contains("data/replaced-"), "{stderr}");
    assert!(stderr.contains("--replace --keys leaked"), "{stderr}");
    assert_eq!(
        case.run(&["usage", "--json"]).expect_code(0).json()["total"]["attempts"],
        0
    );
    let keys = case.run(&["key", "list", "--json"]).expect_code(0).json();
    assert_eq!(keys["keys"][0]["name"], "active");

    let replace = ["store", "restore", &file, "--stdin", "--replace"];
    let revived = feed(&[&replace[..], &["--keys", "all", "--json"]].concat());
    assert_eq!(revived.expect_code(0).json()["keys"][1]["works"], true);
    let unknown = [&replace[..], &["--keys", "nobody"]].concat();
    assert_exit(feed(&unknown), 1);
    let key = case.home.keyreeve_home().join("config/master.key");
    let no_backup = ["store", "restore", key.to_str().unwrap(), "--replace"];
    assert_exit(case.run(&no_backup), 1);
}
