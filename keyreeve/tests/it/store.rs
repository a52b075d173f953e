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
