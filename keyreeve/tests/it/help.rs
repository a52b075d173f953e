//! What stands there without having done anything: help, version, completions, the short status.

use crate::case::{Case, check};

#[test]
fn keyreeve_alone_is_a_short_status() {
    let case = Case::new();
    check("alone", &case, &case.run(&[]));
}

#[test]
fn help_lists_the_commands() {
    let case = Case::new();
    check("help", &case, &case.run(&["-h"]));
    check(
        "help_profile_add",
        &case,
        &case.run(&["profile", "add", "-h"]),
    );
}

#[test]
fn version_is_data() {
    let case = Case::new();
    check("version", &case, &case.run(&["version"]));
    assert_eq!(
        case.run(&["version", "--json"]).json()["version"],
        env!("CARGO_PKG_VERSION")
    );
}

#[test]
fn every_shell_gets_a_script() {
    let case = Case::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = case.run(&["completions", shell]).expect_code(0);
        assert!(script.stdout.contains("keyreeve"), "{shell}");
    }
}

#[test]
fn status_follows_the_chain_and_never_shows_a_value() {
    let (case, canary) = Case::with_profile();
    let mut command = case.command(&["status"]);
    command
        .env("ANTHROPIC_API_KEY", canary.value())
        .env("ANTHROPIC_AUTH_TOKEN", "short");
    check("status", &case, &case.home.run(&mut command));

    let mut command = case.command(&["status", "--json", "--for", "sdk-python"]);
    command.env("ANTHROPIC_API_KEY", canary.value());
    let status = case.home.run(&mut command).json();
    assert_eq!(status["schema_version"], 1);
    assert_eq!(status["client"], "sdk-python@2");
    assert_eq!(status["authorization"]["place"], "ANTHROPIC_API_KEY");
    assert_eq!(status["profiles"][0]["name"], "work");
}
