//! BI-01: a pasted key with junk around it is repaired and said to be, or refused without an echo.

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::Output;
use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::terminal::Typed;

use crate::case::{Case, ends};
use crate::serving::{Serving, message};

/// How the person hands the paste over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Pipe,
    /// Key by key, as a terminal of old sends it.
    Terminal,
    /// As a terminal sends it that marks where a paste begins and ends, which the prompt asks it to do.
    MarkedPaste,
}

/// Something around a key, and a word of the note that says it was repaired; the key stands for `{}`.
const REPAIRED: [(&str, &str); 11] = [
    ("{}\n", "line breaks around it"),
    ("{}\r\n", "line breaks around it"),
    ("  {}\t", "blanks"),
    ("\u{a0}{}", "blanks"),
    ("\u{feff}{}", "cannot be seen"),
    ("\u{200b}{}", "cannot be seen"),
    ("\"{}\"", "quotes"),
    ("\u{201c}{}\u{201d},", "quotes"),
    ("export ANTHROPIC_API_KEY={}", "variable's name"),
    ("export X=\"{}\"", "variable's name"),
    ("x-api-key: {}", "header's name"),
];

/// Something inside a key, and what the refusal calls it.
const REFUSED: [(&[u8], &str); 7] = [
    (b"\0", "control character"),
    (b" ", "blank or line break"),
    (b"\r", "blank or line break"),
    (b"\n\n-", "blank or line break"),
    (b"/", "mark that no token has"),
    ("\u{e9}".as_bytes(), "outside ASCII"),
    (b"\xff", "outside ASCII"),
];

/// A store whose profiles lead to a sandbox, which tells by fingerprint what it was sent.
struct Bed {
    case: Case,
    sandbox: Sandbox,
}

impl Bed {
    fn new() -> Self {
        Self {
            case: Case::new(),
            sandbox: Sandbox::start(),
        }
    }

    /// Adds a profile with a pasted secret.
    fn paste(&self, way: Way, name: &str, pasted: &[u8]) -> Output {
        let origin = self.sandbox.base_url();
        let mut arguments = vec!["profile", "add", name, "--origin", &origin];
        arguments.extend(["--insecure-loopback", "--simulated"]);
        match way {
            Way::Pipe => self
                .case
                .feed(&[&arguments[..], &["--stdin"]].concat(), pasted),
            Way::Terminal | Way::MarkedPaste => {
                let keys = match way {
                    Way::MarkedPaste => [b"\x1b[200~", pasted, b"\x1b[201~\r"].concat(),
                    Way::Pipe | Way::Terminal => [pasted, b"\r"].concat(),
                };
                let answer = Typed {
                    prompt: "Secret",
                    keys: &keys,
                };
                self.case
                    .home
                    .run_at_terminal(&mut self.case.command(&arguments), &[answer])
            }
        }
    }

    /// Fails the test unless a request through this profile carries just this credential.
    fn assert_sends(&self, serving: &Serving, profile: &str, canary: &Canary) {
        let made = self
            .case
            .run(&["key", "add", profile, "--profile", profile, "--json"])
            .expect_code(0)
            .json();
        let answer = serving.ask(made["key"].as_str().unwrap(), &message("hello"));
        assert_eq!(answer.status(), 200, "{}", answer.text());
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

fn repairs(way: Way) {
    let bed = Bed::new();
    let serving = Serving::start(&bed.case);
    for (number, (around, note)) in REPAIRED.iter().enumerate() {
        let (name, canary) = (
            format!("p{number}"),
            Canary::api_key(&format!("bi01-{number}")),
        );
        bed.case.home.plant(&canary);
        let pasted = around.replace("{}", canary.value());
        let added = bed.paste(way, &name, pasted.as_bytes()).expect_code(0);
        let said = [added.stdout, added.stderr].concat();
        // At a terminal the line ends with the first return, which so never reaches us.
        if way != Way::Terminal || !around.ends_with('\n') {
            assert!(said.contains(note), "{around:?}: {said}");
        }
        bed.assert_sends(&serving, &name, &canary);
    }
    let _ended = serving.end();
}

fn refuses(way: Way) {
    let (bed, canary) = (Bed::new(), Canary::api_key("bi01-refused"));
    bed.case.home.plant(&canary);
    let (start, end) = canary.value().split_at(40);
    for (inside, names) in REFUSED {
        let comes_in = match way {
            Way::Pipe => true,
            // These are keys of their own to a terminal.
            Way::Terminal => !matches!(inside, b"\0" | b"\r" | b"\n\n-" | b"\xff"),
            // Inside a paste a return is a line break, and so joined.
            Way::MarkedPaste => inside != b"\r",
        };
        if !comes_in {
            continue;
        }
        let pasted = [start.as_bytes(), inside, end.as_bytes()].concat();
        let refused = bed.paste(way, "refused", &pasted).expect_code(4);
        let said = [refused.stdout, refused.stderr].concat();
        assert!(said.contains(names), "{inside:?}: {said}");
        assert!(said.contains("character 41"), "{inside:?}: {said}");
        ends(bed.case.run(&["profile", "show", "refused"]), 1);
    }
}

#[test]
fn bi_01_junk_around_a_piped_key_is_repaired() {
    repairs(Way::Pipe);
}

#[test]
fn bi_01_junk_around_a_typed_key_is_repaired() {
    repairs(Way::Terminal);
}

#[test]
fn bi_01_junk_around_a_pasted_key_is_repaired() {
    repairs(Way::MarkedPaste);
}

#[test]
fn bi_01_junk_inside_a_piped_key_is_refused() {
    refuses(Way::Pipe);
}

#[test]
fn bi_01_junk_inside_a_typed_key_is_refused() {
    refuses(Way::Terminal);
}

#[test]
fn bi_01_junk_inside_a_pasted_key_is_refused() {
    refuses(Way::MarkedPaste);
}

/// A terminal wraps a long line: the pieces are put together only where they give a token's very shape.
#[test]
fn bi_01_a_wrapped_key_is_joined_and_said() {
    for (number, wrap) in ["\n", "\r\n", "\r\n    "].into_iter().enumerate() {
        let bed = Bed::new();
        let canary = Canary::api_key(&format!("bi01-wrapped-{number}"));
        bed.case.home.plant(&canary);
        let (start, end) = canary.value().split_at(70);
        let added = bed
            .paste(Way::Pipe, "work", format!("{start}{wrap}{end}").as_bytes())
            .expect_code(0);
        assert!(added.stderr.contains("joined"), "{}", added.stderr);
        let serving = Serving::start(&bed.case);
        bed.assert_sends(&serving, "work", &canary);
        let _ended = serving.end();
    }
}

/// At a terminal a return ends the paste: what came before it is no whole key, and that is said.
#[test]
fn bi_01_a_typed_key_that_breaks_off_is_told() {
    let (bed, canary) = (Bed::new(), Canary::api_key("bi01-broken"));
    bed.case.home.plant(&canary);
    let (start, end) = canary.value().split_at(70);
    let added = bed.paste(Way::Terminal, "work", format!("{start}\r{end}").as_bytes());
    assert!(added.stdout.contains("length"), "{}", added.stdout);
}

#[test]
fn bi_01_two_keys_are_not_one() {
    let bed = Bed::new();
    let (one, other) = (Canary::api_key("bi01-one"), Canary::api_key("bi01-other"));
    bed.case.home.plant(&one);
    bed.case.home.plant(&other);
    let pasted = format!("{}\n{}\n", one.value(), other.value());
    let refused = bed
        .paste(Way::Pipe, "work", pasted.as_bytes())
        .expect_code(4);
    assert!(
        refused.stderr.contains("more than one token"),
        "{}",
        refused.stderr
    );
}

/// BI-02: what ends up in a line protocol or a table cannot end a line or begin another field.
#[test]
fn bi_02_names_that_could_break_a_line_are_refused() {
    let (bed, canary) = (Bed::new(), Canary::api_key("bi02"));
    bed.case.home.plant(&canary);
    ends(bed.paste(Way::Pipe, "good", canary.value().as_bytes()), 0);
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
            let refused = bed.case.feed(&arguments, canary.value()).expect_code(2);
            assert_eq!(refused.stdout, "", "{name:?} {command:?}");
            let live = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
            assert!(!refused.stderr.contains(live), "{:?}", refused.stderr);
        }
    }
    let profiles = bed.case.run(&["profile", "list", "--json"]).json();
    assert_eq!(profiles["profiles"].as_array().map(Vec::len), Some(1));
    assert_eq!(profiles["profiles"][0]["name"], "good");
    let keys = bed.case.run(&["key", "list", "--json"]).json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(0));
}
