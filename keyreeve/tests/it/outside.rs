//! Foreign input: text in output, origins, a key as an argument.

use keyreeve_testkit::canary::Canary;

use crate::case::{Case, assert_exit, check};

/// BI-08: foreign text cannot control the terminal.
#[test]
fn foreign_text_is_sanitized() {
    let case = Case::new();
    let nasty = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}<script>";
    assert_exit(
        case.run(&["profile", "add", "odd", "--command", "--", "echo", nasty]),
        0,
    );
    for arguments in [
        &["profile", "list"][..],
        &["profile", "show", "odd"],
        &["profile", "list", "--json"],
    ] {
        let output = case.run(arguments).expect_code(0);
        let is_control = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(
            !output.stdout.contains(is_control),
            "{arguments:?}: {:?}",
            output.stdout
        );
    }
    let argv = &case.run(&["profile", "show", "odd", "--json"]).json()["source"]["argv"];
    assert_eq!(argv[1], nasty);
}

/// BI-09: an origin is what it looks like, or it is refused.
#[test]
fn misleading_origins_are_refused() {
    let (case, canary) = (Case::new(), Canary::api_key("origin"));
    case.home.plant(&canary);
    for origin in [
        "https://api.anthropic.com@127.0.0.1",
        "http://api.anthropic.com",
        "http://127.evil.test",
        "http://localhost:8080",
        "http://0.0.0.0:8080",
        "https://api.anthropic.com/?a=b",
        "https://api.anthropic.com/#a",
        "api.anthropic.com",
    ] {
        let arguments = [
            "profile",
            "add",
            "x",
            "--origin",
            origin,
            "--insecure-loopback",
            "--stdin",
        ];
        assert_exit(case.feed(&arguments, canary.value()), 2);
    }
    assert_exit(
        case.feed(
            &[
                "profile",
                "add",
                "x",
                "--origin",
                "http://127.0.0.1:9",
                "--stdin",
            ],
            canary.value(),
        ),
        2,
    );
}

/// LA-06: a key as an argument is refused, and must be rotated.
#[test]
fn key_as_an_argument_is_refused() {
    let (case, canary) = (Case::new(), Canary::api_key("argument"));
    case.home.plant(&canary);
    check(
        "key_as_argument",
        &case,
        &case.run(&["profile", "add", canary.value()]),
    );
}
