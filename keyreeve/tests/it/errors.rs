//! One snapshot for each way to fail: the exit code, what is said and what to run.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

use crate::case::{Case, check, ends};

/// Writes a configuration file, as a person would.
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
fn the_command_line_is_wrong() {
    let case = Case::new();
    check("usage_unknown_command", &case, &case.run(&["prfile"]));
    check(
        "usage_bad_name",
        &case,
        &case.run(&["profile", "show", "a=b"]),
    );
    check(
        "usage_nobody_to_ask",
        &case,
        &case.run(&["profile", "add", "x"]),
    );
    check(
        "usage_listen",
        &case,
        &case.run(&["serve", "--listen", "0.0.0.0:1"]),
    );
    let payer = [
        "key",
        "add",
        "x",
        "--profile",
        "work",
        "--may-spend",
        "cash",
    ];
    check("usage_nobody_to_bill", &case, &case.run(&payer));
    let choosing = ["key", "add", "x", "--pass-through", "--strategy", "spread"];
    check("usage_no_profile_to_choose", &case, &case.run(&choosing));
    check("usage_no_name", &case, &case.run(&["profile", "wake"]));
    let rest = ["profile", "rest", "work", "--for", "0s"];
    check("usage_no_rest", &case, &case.run(&rest));
}

#[test]
fn the_configuration_is_wrong_and_all_of_it_is_said() {
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
fn there_is_no_place_to_keep_anything() {
    let case = Case::new();
    let mut command = case.command(&["profile", "list"]);
    command.env_remove("HOME").env_remove("KEYREEVE_HOME");
    check("no_home", &case, &case.home.run(&mut command));
}

#[test]
fn config_show_names_the_layer() {
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
fn names_are_taken_or_missing() {
    let (case, canary) = Case::with_profile();
    check(
        "name_taken",
        &case,
        &case.feed(&["profile", "add", "work", "--stdin"], canary.value()),
    );
    check(
        "name_missing",
        &case,
        &case.run(&["profile", "remove", "nobody"]),
    );
}

#[test]
fn nothing_is_read_from_the_working_directory() {
    let case = Case::new();
    for name in ["config.toml", ".keyreeve.toml", "keyreeve.toml", ".env"] {
        fs::write(case.home.work().join(name), "this is no configuration").unwrap();
    }
    ends(case.run(&["config", "show"]), 0);
}

#[test]
fn a_reader_that_stops_reading_is_no_failure() {
    let case = Case::new();
    let mut command = case.command(&["completions", "zsh"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
