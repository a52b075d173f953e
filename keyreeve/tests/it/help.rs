//! Help, version, completions and the short status.

use crate::case::{Case, check};

#[test]
fn no_command_prints_a_short_status() {
    let case = Case::new();
    check("alone", &case, &case.run(&[]));
}

#[test]
fn help_groups_the_commands() {
    let case = Case::new();
    check("help", &case, &case.run(&["-h"]));
    for (name, arguments) in [
        ("help_key", &["key", "-h"][..]),
        ("help_profile", &["profile", "-h"]),
        ("help_profile_add", &["profile", "add", "-h"]),
        ("help_requests", &["requests", "-h"]),
        ("help_status", &["status", "-h"]),
    ] {
        check(name, &case, &case.run(arguments));
    }
}

#[test]
fn help_command_prints_the_help_of_a_command() {
    let case = Case::new();
    for path in [
        &[][..],
        &["key"],
        &["key", "add"],
        &["keys", "allow-billing"],
        &["log"],
        &["help"],
    ] {
        let expected = case.run(&[path, &["--help"]].concat()).expect_code(0);
        let help = case.run(&[&["help"], path].concat()).expect_code(0);
        assert_eq!(help.stdout, expected.stdout, "{path:?}");
        assert_eq!(help.stderr, "");
    }
    check("help_unknown", &case, &case.run(&["help", "key", "ad"]));
}

#[test]
fn group_without_a_command_prints_its_help() {
    let case = Case::new();
    for group in ["key", "keys", "profile", "profiles", "store", "config"] {
        let expected = case.run(&[group, "--help"]).expect_code(0).stdout;
        for arguments in [&[group][..], &[group, "--quiet"]] {
            let help = case.run(arguments).expect_code(0);
            assert_eq!(help.stdout, expected, "{arguments:?}");
            assert_eq!(help.stderr, "");
        }
    }
}

#[test]
fn version_is_printed() {
    let case = Case::new();
    check("version", &case, &case.run(&["version"]));
    assert_eq!(
        case.run(&["version", "--json"]).json()["version"],
        env!("CARGO_PKG_VERSION")
    );
}

#[test]
fn every_shell_has_a_completion_script() {
    let case = Case::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = case.run(&["completions", shell]).expect_code(0);
        assert!(script.stdout.contains("keyreeve"), "{shell}");
    }
}

#[test]
fn status_follows_the_chain_and_shows_no_secret() {
    let (case, canary) = Case::with_profile();
    let mut command = case.command(&["status"]);
    command
        .env("ANTHROPIC_API_KEY", canary.value())
        .env("ANTHROPIC_AUTH_TOKEN", "short");
    check("status", &case, &case.home.run(&mut command));

    let mut command = case.command(&["status", "--json", "--for", "sdk-python"]);
    command.env("ANTHROPIC_API_KEY", canary.value());
    let status = case.home.run(&mut command).json();
    assert_eq!(status["schema_version"], 2);
    assert_eq!(status["client"], "sdk-python@2");
    assert_eq!(status["authorization"]["location"], "ANTHROPIC_API_KEY");
    assert_eq!(status["profiles"][0]["name"], "work");
}
