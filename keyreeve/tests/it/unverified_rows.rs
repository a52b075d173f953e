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

/// F-23: everything that lists profiles or keys states which do not verify.
#[test]
fn unverified_rows_are_reported_everywhere() {
    let case = machine();
    assert_exit(case.run(&["profile", "use", "work"]), 0);
    let bind = ["bind", ".", "--profile", "work"];
    assert_exit(case.home.run(&mut case.in_project(&bind)), 0);
    let session = r#"{"version":"2.1.332","workspace":{"current_dir":"PROJECT"}}"#;
    let project = case.home.user_home().join("project");
    let session = session.replace("PROJECT", project.to_str().unwrap());
    let statusline = || case.feed(&["statusline"], &session).expect_code(0).stdout;
    let doctor = || case.run(&["doctor"]).stdout;
    for arguments in [&["status"][..], &[], &["store", "info"]] {
        let text = case.run(arguments).expect_code(0).stdout;
        assert!(!text.contains("not verified"), "{arguments:?}: {text}");
    }
    assert!(!statusline().contains("not verified"), "{}", statusline());
    assert!(!doctor().contains("KR508"), "{}", doctor());

    run_sql(
        &case,
        "UPDATE profiles SET auth = 'bearer'; UPDATE keys SET models = '[\"other\"]'",
    );
    for arguments in [&["status"][..], &[]] {
        let text = case.run(arguments).expect_code(0).stdout;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains("! Profile work is not verified: something"),
            "{text}"
        );
        assert!(
            text.contains("! Key ci is not verified: something"),
            "{text}"
        );
    }
    let info = case.run(&["store", "info"]).expect_code(0).stdout;
    for row in ["profile work", "key ci"] {
        assert!(
            info.contains(&format!("not verified {row}: something")),
            "{info}"
        );
    }
    let info = case.run(&["store", "info", "--json"]).json();
    assert_eq!(info["not_verified"][1]["name"], "ci", "{info}");
    let text = doctor();
    assert_eq!(text.matches("KR508 error").count(), 2, "{text}");
    assert!(text.contains("fix: keyreeve key revoke ci"), "{text}");
    let line = statusline();
    assert!(line.contains("profile work is not verified"), "{line}");
    // Without the master key nothing verifies, and the line is printed all the same.
    fs::remove_file(case.home.keyreeve_home().join("config/master.key")).unwrap();
    assert!(statusline().contains("not verified"), "{}", statusline());
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
