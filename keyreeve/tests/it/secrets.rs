//! Promises about secrets on the way in: BI-01, BI-02, BI-08, BI-09, LA-03 and LA-06 of the promises' table.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keyreeve_testkit::canary::Canary;

use crate::case::{Case, check, ends};

#[test]
fn bi_01_junk_around_a_key_is_repaired_and_said() {
    for (around, fixed) in [
        ("{}\n", true),
        ("  {}\r\n", true),
        ("\u{feff}{}", true),
        ("\"{}\"", true),
        ("export X={}", true),
        ("\u{200b}{}", true),
        ("{}", false),
    ] {
        let (case, canary) = (Case::new(), Canary::api_key("pasted"));
        case.home.plant(&canary);
        let pasted = around.replace("{}", canary.value());
        let added = case
            .feed(&["profile", "add", "work", "--stdin"], pasted)
            .expect_code(0);
        assert_eq!(
            added.stderr.contains("took"),
            fixed,
            "{around:?}: {}",
            added.stderr
        );
    }
}

#[test]
fn bi_01_what_is_typed_at_a_terminal_is_not_shown() {
    if std::process::Command::new("script")
        .arg("--version")
        .output()
        .is_err()
    {
        keyreeve_testkit::skip!("script is not installed");
    }
    let (case, canary) = (Case::new(), Canary::api_key("terminal"));
    case.home.plant(&canary);
    let binary = env!("CARGO_BIN_EXE_keyreeve");
    let mut command = case.home.command("sh");
    // What comes before the prompt is there would be shown by the terminal itself.
    let typed =
        format!("(sleep 1; cat; sleep 1) | script -qec '{binary} profile add work' /dev/null");
    command.args(["-c", &typed]);
    let said = case
        .home
        .run_with_input(&mut command, format!("{}\r", canary.value()).as_bytes());
    assert!(
        said.stdout.contains("profile `work` goes to"),
        "{}",
        said.stdout
    );
}

#[test]
fn bi_01_what_cannot_be_repaired_is_refused_without_an_echo() {
    let canary = Canary::api_key("junk");
    let (start, end) = canary.value().split_at(40);
    for (inside, says) in [
        ("\0", "control"),
        ("\r\n", "line break"),
        ("é", "ASCII"),
        (" ", "blank"),
        ("/", "mark"),
    ] {
        let case = Case::new();
        case.home.plant(&canary);
        let refused = case
            .feed(
                &["profile", "add", "work", "--stdin"],
                format!("{start}{inside}{end}x"),
            )
            .expect_code(4);
        assert!(
            refused.stderr.contains(says),
            "{inside:?}: {}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("character 41"),
            "{inside:?}: {}",
            refused.stderr
        );
    }
}

#[test]
fn bi_02_a_name_cannot_break_a_line() {
    let case = Case::new();
    for name in [
        "a\nb",
        "a\rb",
        "a=b",
        "a b",
        "\u{1b}[2J",
        "a\u{202e}b",
        "-",
        "",
    ] {
        for arguments in [
            &["profile", "add", "--env", "X", "--", name][..],
            &["key", "add", "--profile", name, "x"],
        ] {
            let refused = case.run(arguments).expect_code(2);
            assert!(
                !refused.stderr.contains(['\u{1b}', '\u{202e}', '\r']),
                "{name:?}: {}",
                refused.stderr
            );
            assert_eq!(refused.stdout, "");
        }
    }
}

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
fn la_03_everything_is_closed_to_others_whatever_the_umask() {
    let (case, canary) = (Case::new(), Canary::api_key("umask"));
    case.home.plant(&canary);
    let binary = env!("CARGO_BIN_EXE_keyreeve");
    let mut command = case.home.command("sh");
    command.args([
        "-c",
        &format!("umask 000; exec '{binary}' profile add work --stdin"),
    ]);
    ends(
        case.home
            .run_with_input(&mut command, canary.value().as_bytes()),
        0,
    );
    assert_closed(&case.home.keyreeve_home());
}

fn assert_closed(path: &Path) {
    let metadata = path.symlink_metadata().unwrap();
    assert_eq!(
        metadata.permissions().mode() & 0o077,
        0,
        "{}",
        path.display()
    );
    if metadata.is_dir() {
        for entry in path.read_dir().unwrap() {
            assert_closed(&entry.unwrap().path());
        }
    }
}

#[test]
fn la_06_a_key_among_the_arguments_is_refused() {
    let (case, canary) = (Case::new(), Canary::api_key("argument"));
    case.home.plant(&canary);
    check(
        "key_as_argument",
        &case,
        &case.run(&["profile", "add", canary.value()]),
    );
    let wrong = Canary::wrong_virtual_key("argument");
    case.home.plant(&wrong);
    for arguments in [
        &[
            "profile",
            "add",
            "x",
            &format!("--origin=https://x/?k={}", canary.value()),
        ][..],
        &["connect", "curl", "--key", wrong.value()],
        &["inspect", canary.value()],
    ] {
        ends(case.run(arguments), 4);
    }
}
