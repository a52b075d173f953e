//! Rows of policy that something else wrote, and a missing master key.

use std::fs;

use crate::case::{Case, assert_exit};
use crate::serving::Serving;

/// A machine with the profile `work` and the key `ci`.
fn machine() -> Case {
    let (case, _) = Case::with_profile();
    let added = case.run(&["key", "add", "ci", "--profile", "work"]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    case
}

fn run_sql(case: &Case, sql: &str) {
    let database = case.home.keyreeve_home().join("data/policy.db");
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// F-23: no program is started and no key given out for a row that something else wrote.
#[test]
fn edited_profile_is_refused_by_commands() {
    let case = machine();
    let ran = case.home.user_home().join("ran");
    run_sql(
        &case,
        &format!(
            "UPDATE profiles SET source = 'command', secret_exposure = 'programs', detail = '[\"touch\",\"{}\"]'",
            ran.display()
        ),
    );
    for arguments in [
        &["exec", "--profile", "work", "--", "env"][..],
        &["helper", "--profile", "work"],
        &["ask", "--profile", "work", "hello"],
        &["check", "work"],
    ] {
        let output = case.run(arguments);
        assert_ne!(output.code, 0, "{arguments:?}");
        let text = format!("{}{}", output.stdout, output.stderr);
        assert!(text.contains("does not verify"), "{arguments:?}: {text}");
        assert!(!ran.exists(), "{arguments:?}");
    }
    let list = case.run(&["profile", "list"]).expect_code(0);
    assert!(list.stdout.contains("not verified"), "{}", list.stdout);
}

/// F-23: a key that something else changed is listed as not verified, and can be revoked.
#[test]
fn edited_key_is_listed_and_revoked() {
    let case = machine();
    run_sql(&case, "UPDATE keys SET models = '[\"other\"]'");
    let list = case.run(&["key", "list"]).expect_code(0);
    assert!(list.stdout.contains("not verified"), "{}", list.stdout);
    let serving = Serving::start(&case);
    assert_exit(case.run(&["helper", "--key", "ci"]), 7);
    let _ended = serving.end();
    assert_exit(case.run(&["key", "revoke", "ci"]), 0);
}

/// F-23: a missing master key keeps no one from taking authority away.
#[test]
fn taking_away_works_without_a_master_key() {
    let case = machine();
    fs::remove_file(case.home.keyreeve_home().join("config/master.key")).unwrap();
    assert_exit(case.run(&["key", "list"]), 7);
    for arguments in [
        &["profile", "drain", "work"][..],
        &["profile", "pause", "work"],
        &["key", "revoke", "ci"],
        &["profile", "remove", "work"],
    ] {
        assert_exit(case.run(arguments), 0);
    }
}
