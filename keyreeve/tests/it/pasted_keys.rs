//! BI-01: a pasted key with junk around it is repaired and reported, or refused without an echo.

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::ProcessOutput;
use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::terminal::TerminalInput;

use crate::case::{Case, assert_exit};
use crate::serving::{Serving, message};

/// The way a key is entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum InputMethod {
    Pipe,
    /// Typed at a terminal without bracketed paste.
    Terminal,
    /// Pasted at a terminal with bracketed paste, which the prompt enables.
    MarkedPaste,
}

/// Junk around a key (`{}`), and a part of the note that reports the repair; a single final newline has none.
const REPAIRED: [(&str, Option<&str>); 11] = [
    ("{}\n", None),
    ("{}\r\n", None),
    ("  {}\t", Some("Trimmed whitespace")),
    ("\u{a0}{}", Some("Trimmed whitespace")),
    ("\u{feff}{}", Some("invisible characters")),
    ("\u{200b}{}", Some("invisible characters")),
    ("\"{}\"", Some("quotes")),
    ("\u{201c}{}\u{201d},", Some("quotes")),
    ("export ANTHROPIC_API_KEY={}", Some("variable name")),
    ("export X=\"{}\"", Some("variable name")),
    ("x-api-key: {}", Some("header name")),
];

/// Junk inside a key, and its name in the error.
const REFUSED: [(&[u8], &str); 7] = [
    (b"\0", "control character"),
    (b" ", "space or line break"),
    (b"\r", "space or line break"),
    (b"\n\n-", "space or line break"),
    (b"/", "character that tokens never have"),
    ("\u{e9}".as_bytes(), "non-ASCII"),
    (b"\xff", "non-ASCII"),
];

/// A store whose profiles send to a sandbox, which records the fingerprint of each credential.
struct PasteTest {
    case: Case,
    sandbox: Sandbox,
}

impl PasteTest {
    fn new() -> Self {
        Self {
            case: Case::new(),
            sandbox: Sandbox::start(),
        }
    }

    /// Adds a profile with a pasted secret.
    fn paste(&self, method: InputMethod, name: &str, pasted: &[u8]) -> ProcessOutput {
        let origin = self.sandbox.base_url();
        let mut arguments = vec!["profile", "add", name, "--origin", &origin];
        arguments.extend(["--insecure-loopback", "--simulated"]);
        match method {
            InputMethod::Pipe => self
                .case
                .feed(&[&arguments[..], &["--stdin"]].concat(), pasted),
            InputMethod::Terminal | InputMethod::MarkedPaste => {
                let keys = match method {
                    InputMethod::MarkedPaste => [b"\x1b[200~", pasted, b"\x1b[201~\r"].concat(),
                    InputMethod::Pipe | InputMethod::Terminal => [pasted, b"\r"].concat(),
                };
                let response = TerminalInput {
                    prompt: "Secret",
                    keys: &keys,
                };
                self.case
                    .home
                    .run_at_terminal(&mut self.case.command(&arguments), &[response])
            }
        }
    }

    /// Fails the test unless a request through this profile sends exactly this credential.
    fn assert_sends(&self, serving: &Serving, profile: &str, canary: &Canary) {
        let made = self
            .case
            .run(&["key", "add", profile, "--profile", profile, "--json"])
            .expect_code(0)
            .json();
        let response = serving.ask(made["key"].as_str().unwrap(), &message("hello"));
        assert_eq!(response.status(), 200, "{}", response.text());
        let seen = self.sandbox.requests();
        let headers = &seen["data"].as_array().unwrap().last().unwrap()["headers"];
        let sent = headers
            .as_array()
            .unwrap()
            .iter()
            .find(|header| header[0] == "x-api-key");
        let sent = &sent.unwrap()[1]["fingerprint"];
        assert_eq!(*sent, canary.fingerprint().to_string(), "{profile}");
    }
}

fn check_repaired(method: InputMethod) {
    let test = PasteTest::new();
    let serving = Serving::start(&test.case);
    for (number, (junk, note)) in REPAIRED.iter().enumerate() {
        let (name, canary) = (
            format!("p{number}"),
            Canary::api_key(&format!("bi01-{number}")),
        );
        test.case.home.plant(&canary);
        let pasted = junk.replace("{}", canary.value());
        let added = test.paste(method, &name, pasted.as_bytes()).expect_code(0);
        let printed_text = [added.stdout, added.stderr].concat();
        match note {
            Some(note) => assert!(printed_text.contains(note), "{junk:?}: {printed_text}"),
            None => assert!(
                !printed_text.contains("Trimmed"),
                "{junk:?}: {printed_text}"
            ),
        }
        test.assert_sends(&serving, &name, &canary);
    }
    let _ended = serving.end();
}

fn check_refused(method: InputMethod) {
    let (test, canary) = (PasteTest::new(), Canary::api_key("bi01-refused"));
    test.case.home.plant(&canary);
    let (start, end) = canary.value().split_at(40);
    for (inside, name) in REFUSED {
        let reaches_us = match method {
            InputMethod::Pipe => true,
            // A terminal treats these as special keys.
            InputMethod::Terminal => !matches!(inside, b"\0" | b"\r" | b"\n\n-" | b"\xff"),
            // Inside a bracketed paste, a carriage return is a line break, and the lines are joined.
            InputMethod::MarkedPaste => inside != b"\r",
        };
        if !reaches_us {
            continue;
        }
        let pasted = [start.as_bytes(), inside, end.as_bytes()].concat();
        let refused = test.paste(method, "refused", &pasted).expect_code(4);
        let printed_text = [refused.stdout, refused.stderr].concat();
        assert!(printed_text.contains(name), "{inside:?}: {printed_text}");
        assert!(
            printed_text.contains("character 41"),
            "{inside:?}: {printed_text}"
        );
        assert_exit(test.case.run(&["profile", "show", "refused"]), 1);
    }
}

/// BI-01: junk around a key on standard input is removed and reported.
#[test]
fn junk_around_a_piped_key_is_removed() {
    check_repaired(InputMethod::Pipe);
}

/// BI-01: junk around a typed key is removed and reported.
#[test]
fn junk_around_a_typed_key_is_removed() {
    check_repaired(InputMethod::Terminal);
}

/// BI-01: junk around a pasted key is removed and reported.
#[test]
fn junk_around_a_pasted_key_is_removed() {
    check_repaired(InputMethod::MarkedPaste);
}

/// BI-01: a key on standard input with junk inside is refused without an echo.
#[test]
fn junk_inside_a_piped_key_is_refused() {
    check_refused(InputMethod::Pipe);
}

/// BI-01: a typed key with junk inside is refused without an echo.
#[test]
fn junk_inside_a_typed_key_is_refused() {
    check_refused(InputMethod::Terminal);
}

/// BI-01: a pasted key with junk inside is refused without an echo.
#[test]
fn junk_inside_a_pasted_key_is_refused() {
    check_refused(InputMethod::MarkedPaste);
}

/// BI-01: a key that a terminal wrapped is joined, if the pieces form a complete token.
#[test]
fn wrapped_key_is_joined_and_reported() {
    for (number, wrap) in ["\n", "\r\n", "\r\n    "].into_iter().enumerate() {
        let test = PasteTest::new();
        let canary = Canary::api_key(&format!("bi01-wrapped-{number}"));
        test.case.home.plant(&canary);
        let (start, end) = canary.value().split_at(70);
        let added = test
            .paste(
                InputMethod::Pipe,
                "work",
                format!("{start}{wrap}{end}").as_bytes(),
            )
            .expect_code(0);
        assert!(added.stderr.contains("Joined"), "{}", added.stderr);
        let serving = Serving::start(&test.case);
        test.assert_sends(&serving, "work", &canary);
        let _ended = serving.end();
    }
}

/// BI-01: at a terminal, Enter ends the input; a truncated key is reported.
#[test]
fn truncated_typed_key_is_reported() {
    let (test, canary) = (PasteTest::new(), Canary::api_key("bi01-broken"));
    test.case.home.plant(&canary);
    let (start, end) = canary.value().split_at(70);
    let added = test.paste(
        InputMethod::Terminal,
        "work",
        format!("{start}\r{end}").as_bytes(),
    );
    assert!(added.stdout.contains("length"), "{}", added.stdout);
}

/// BI-01: two keys in one paste are refused.
#[test]
fn two_keys_are_refused() {
    let test = PasteTest::new();
    let (one, other) = (Canary::api_key("bi01-one"), Canary::api_key("bi01-other"));
    test.case.home.plant(&one);
    test.case.home.plant(&other);
    let pasted = format!("{}\n{}\n", one.value(), other.value());
    let refused = test
        .paste(InputMethod::Pipe, "work", pasted.as_bytes())
        .expect_code(4);
    assert!(
        refused.stderr.contains("more than one token"),
        "{}",
        refused.stderr
    );
}

/// BI-02: a name cannot end a line or start another field of a line protocol or a table.
#[test]
fn names_that_could_break_a_line_are_refused() {
    let (test, canary) = (PasteTest::new(), Canary::api_key("bi02"));
    test.case.home.plant(&canary);
    assert_exit(
        test.paste(InputMethod::Pipe, "good", canary.value().as_bytes()),
        0,
    );
    let commands: [&[&str]; 6] = [
        &["profile", "add", "NAME", "--stdin"],
        &["profile", "rename", "good", "NAME"],
        &["profile", "show", "NAME"],
        &["key", "add", "NAME", "--profile", "good"],
        &["key", "add", "good", "--profile", "NAME"],
        &["key", "revoke", "NAME"],
    ];
    for name in [
        "a\nb",
        "a\rb",
        "a\r\nb",
        "a=b",
        "a\tb",
        "\u{2028}",
        "a\u{1b}[2Jb",
        "a\u{202e}b",
        "a b",
        "-",
        "",
    ] {
        for command in commands {
            let arguments: Vec<_> = command
                .iter()
                .map(|word| if *word == "NAME" { name } else { word })
                .collect();
            let refused = test.case.feed(&arguments, canary.value()).expect_code(2);
            assert_eq!(refused.stdout, "", "{name:?} {command:?}");
            let live = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
            assert!(!refused.stderr.contains(live), "{:?}", refused.stderr);
        }
    }
    let profiles = test.case.run(&["profile", "list", "--json"]).json();
    assert_eq!(profiles["profiles"].as_array().map(Vec::len), Some(1));
    assert_eq!(profiles["profiles"][0]["name"], "good");
    let keys = test.case.run(&["key", "list", "--json"]).json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(0));
}
