//! Errors of the command line and the configuration: exit code, message and fix.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

use crate::case::{Case, assert_exit, check};

/// Writes a configuration file, as a user would.
pub(crate) fn configure(case: &Case, text: &str) {
    let folder = case.home.keyreeve_home().join("config");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .unwrap();
    fs::write(folder.join("config.toml"), text).unwrap();
    fs::set_permissions(
        folder.join("config.toml"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
}

#[test]
fn command_line_errors_name_the_argument() {
    let case = Case::new();
    check("usage_unknown_command", &case, &case.run(&["prfile"]));
    check(
        "usage_bad_name",
        &case,
        &case.run(&["profile", "show", "a=b"]),
    );
    check(
        "usage_no_terminal",
        &case,
        &case.run(&["profile", "add", "x"]),
    );
    check(
        "usage_listen",
        &case,
        &case.run(&["serve", "--listen", "0.0.0.0:1"]),
    );
    let billing = [
        "key",
        "add",
        "x",
        "--profile",
        "work",
        "--allow-billing",
        "cash",
    ];
    check("usage_unknown_billing", &case, &case.run(&billing));
    let strategy = ["key", "add", "x", "--pass-through", "--strategy", "spread"];
    check("usage_conflict", &case, &case.run(&strategy));
    check("usage_no_name", &case, &case.run(&["profile", "resume"]));
    let pause = ["profile", "pause", "work", "--for", "0s"];
    check("usage_no_duration", &case, &case.run(&pause));
    let plain = ["profile", "add", "x", "--origin", "http://127.0.0.1:8080"];
    check("usage_plain_http", &case, &case.run(&plain));
}

#[test]
fn errors_are_json_on_standard_error_under_json() {
    let (case, _) = Case::with_profile();
    for (arguments, exit, code, message, fix) in [
        (
            &["profile", "show", "other", "--json"][..],
            1,
            "failed",
            "profile `other` does not exist",
            "keyreeve profile list",
        ),
        (
            &["prfile", "--json"],
            2,
            "usage",
            "unknown command `prfile`. Did you mean `profile`?",
            "`keyreeve help` lists the commands",
        ),
        (
            &["config", "show", "--json"],
            3,
            "configuration",
            "invalid configuration: KEYREEVE_LOG must be error, warn, info, debug or trace, not `loud`",
            "",
        ),
    ] {
        let mut command = case.command(arguments);
        command.env("KEYREEVE_LOG", if exit == 3 { "loud" } else { "info" });
        let output = case.home.run(&mut command).expect_code(exit);
        assert_eq!(output.stdout, "");
        let document: serde_json::Value = serde_json::from_str(&output.stderr).unwrap();
        assert_eq!(document["schema_version"], 2);
        let error = &document["error"];
        assert_eq!(error["code"], code);
        assert_eq!(error["message"], message);
        assert_eq!(error["fix"].as_str().unwrap_or_default(), fix);
        assert_eq!(error["docs"], serde_json::Value::Null);
    }
}

#[test]
fn all_configuration_problems_are_reported() {
    let case = Case::new();
    configure(
        &case,
        "default_model = 'a b'\n[serve]\nlisten = 5\nlsten = 1\n[ledger]\ndurability = 'maybe'\n\
         [models.'claude-opus-*']\ncache_ttl = '2h'\ncache_tl = '1h'\n[models.'claude 5']\n",
    );
    let mut command = case.command(&["profile", "list"]);
    command.env("KEYREEVE_LOG", "loud");
    check("configuration", &case, &case.home.run(&mut command));
}

#[test]
fn missing_home_is_reported() {
    let case = Case::new();
    let mut command = case.command(&["profile", "list"]);
    command.env_remove("HOME").env_remove("KEYREEVE_HOME");
    check("no_home", &case, &case.home.run(&mut command));
}

#[test]
fn config_show_names_the_source() {
    let case = Case::new();
    configure(
        &case,
        "default_model = 'claude-haiku-5-5'\n[serve]\nallowed_hosts = ['gateway.internal']\n\
         [models.\"claude-opus-*\"]\ncache_ttl = '1h'\n",
    );
    let mut command = case.command(&["config", "show"]);
    command.env("KEYREEVE_LISTEN", "127.0.0.1:9000");
    check("config_show", &case, &case.home.run(&mut command));
    check("config_path", &case, &case.run(&["config", "path"]));
}

#[test]
fn names_in_use_and_unknown_names_are_refused() {
    let (case, canary) = Case::with_profile();
    check(
        "name_taken",
        &case,
        &case.feed(&["profile", "add", "work", "--stdin"], canary.value()),
    );
    check(
        "name_missing",
        &case,
        &case.run(&["profile", "remove", "other"]),
    );
}

#[test]
fn working_directory_is_not_read() {
    let case = Case::new();
    for name in ["config.toml", ".keyreeve.toml", "keyreeve.toml", ".env"] {
        fs::write(case.home.work().join(name), "not a configuration").unwrap();
    }
    assert_exit(case.run(&["config", "show"]), 0);
}

#[test]
fn closed_pipe_is_not_an_error() {
    let case = Case::new();
    let mut command = case.command(&["completions", "zsh"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
