//! What comes from outside: text that is shown, origins that are typed, a key among the arguments.

use keyreeve_testkit::canary::Canary;

use crate::case::{Case, check, ends};

#[test]
fn bi_08_text_from_outside_is_inert() {
    let case = Case::new();
    let nasty = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}<script>";
    ends(
        case.run(&["profile", "add", "odd", "--command", "--", "echo", nasty]),
        0,
    );
    for arguments in [
        &["profile", "list"][..],
        &["profile", "show", "odd"],
        &["profile", "list", "--json"],
    ] {
        let told = case.run(arguments).expect_code(0);
        let live = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(
            !told.stdout.contains(live),
            "{arguments:?}: {:?}",
            told.stdout
        );
    }
    let argv = &case.run(&["profile", "show", "odd", "--json"]).json()["source"]["argv"];
    assert_eq!(argv[1], nasty);
}

#[test]
fn bi_09_an_origin_is_what_it_looks_like() {
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
        ends(case.feed(&arguments, canary.value()), 2);
    }
    ends(
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

#[test]
fn la_06_a_key_among_the_arguments_is_told_to_be_rotated() {
    let (case, canary) = (Case::new(), Canary::api_key("argument"));
    case.home.plant(&canary);
    check(
        "key_as_argument",
        &case,
        &case.run(&["profile", "add", canary.value()]),
    );
}
