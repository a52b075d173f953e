//! `profile add --setup-token`: only with its owner's consent, from `claude setup-token` or a paste, and only for `claude`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::home::COMMAND_TIMEOUT;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::process::ProcessOutput;
use keyreeve_testkit::terminal::TerminalInput;
use serde_json::json;

use crate::case::{Case, assert_exit, check};

const ADD: [&str; 4] = ["profile", "add", "plan", "--setup-token"];

/// Puts a fake `claude` first on the PATH of a command.
pub(crate) fn with_claude(case: &Case, command: &mut Command, script: &str) {
    let folder = case.home.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join("claude");
    std::fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
}

/// Asserts that a token is nowhere in plain text.
fn assert_encrypted(case: &Case, token: &Canary) {
    let homes = [case.home.keyreeve_home(), case.home.user_home()];
    for home in homes {
        leakscan::assert_no_leaks(&LeakScan::new(std::slice::from_ref(token)).path(&home));
    }
}

fn typed<'a>(prompt: &'a str, keys: &'a str) -> TerminalInput<'a> {
    TerminalInput {
        prompt,
        keys: keys.as_bytes(),
    }
}

/// A script like `claude setup-token`: asks for a code and shows the token, wrapped and in color.
fn genuine(token: &Canary) -> String {
    let (first, second) = token.value().split_at(80);
    format!(
        "[ \"$1\" = setup-token ] && [ -z \"$ANTHROPIC_API_KEY$CLAUDE_CODE_OAUTH_TOKEN\" ] || exit 9\n\
         echo size $(stty size) in $CLAUDE_CONFIG_DIR\n\
         printf 'Paste code here: '\nread code\n\
         echo got $code\n\
         printf '\\033[2J\\033[1;1H\\033[1mYour token\\033[22m (1 year):\\n\\n\\033[33m%s\\n%s\\033[39m\\n\\n' {first} {second}\n\
         echo 'Store this token securely.'\n"
    )
}

#[test]
fn token_is_read_from_the_output_of_claude() {
    let (case, token, rival) = (
        Case::new(),
        Canary::oauth("screen"),
        Canary::api_key("rival"),
    );
    let mut command = case.command(&ADD);
    with_claude(&case, &mut command, &genuine(&token));
    command
        .env("ANTHROPIC_API_KEY", rival.value())
        .env("CLAUDE_CONFIG_DIR", "/srv/claude");
    let answers = [
        typed("your own plan", "y\r"),
        typed("Run it now", "\r"),
        typed("Paste code here", "the-code#of-the-page\r"),
    ];
    let seen = case
        .home
        .run_at_terminal(&mut command, &answers)
        .expect_code(0);
    for part in [
        "legal-and-compliance",
        "size 24 80 in /srv/claude",
        "got the-code#of-the-page",
        "Store this token securely.",
        "Read the token from its output",
        "Joined the wrapped lines",
        "No virtual key can use it",
    ] {
        assert!(seen.stdout.contains(part), "{part}: {}", seen.stdout);
    }
    assert_encrypted(&case, &token);
    case.home.plant(&rival);

    let shown = case.run(&["profile", "show", "plan", "--json"]).json();
    assert_eq!(shown["billing"], "plan");
    assert_eq!(shown["provenance"], "setup-token");
    assert_eq!(shown["auth"], "bearer");
    assert_eq!(shown["family"], "oauth_access");
    let key = case.run(&["key", "add", "laptop", "--profile", "plan"]);
    assert_exit(key, 8);
}

#[test]
fn output_without_a_token_saves_nothing() {
    for (script, code, part) in [
        ("echo no browser; exit 3", 1, "printed no token"),
        ("echo nothing to see", 4, "no setup-token found"),
    ] {
        let case = Case::new();
        let mut command = case.command(&ADD);
        with_claude(&case, &mut command, script);
        let answers = [typed("your own plan", "y\r"), typed("Run it now", "\r")];
        let seen = case.home.run_at_terminal(&mut command, &answers);
        let seen = seen.expect_code(code);
        assert!(seen.stdout.contains(part), "{}", seen.stdout);
        assert_no_profile(&case);
    }
}

fn assert_no_profile(case: &Case) {
    let listed = case.run(&["profile", "list", "--json"]).json();
    assert_eq!(listed["profiles"], json!([]));
}

/// Runs a shell at a terminal, which runs the command.
fn at_a_shell(
    case: &Case,
    script: &str,
    claude: &str,
    answers: &[TerminalInput<'_>],
) -> ProcessOutput {
    let mut shell = case.home.command("sh");
    with_claude(case, &mut shell, claude);
    shell
        .args(["-c", script, env!("CARGO_BIN_EXE_keyreeve")])
        .args(ADD);
    case.home.run_at_terminal(&mut shell, answers)
}

#[test]
fn terminal_modes_are_always_restored() {
    let answers = [typed("your own plan", "y\r"), typed("Run it now", "\r")];
    let modes = |screen: &str, mark: &str| {
        let (_, modes) = screen.split_once(mark).unwrap();
        let modes: Vec<&str> = modes.split_whitespace().collect();
        for mode in ["icanon", "echo", "isig", "opost"] {
            assert!(modes.contains(&mode), "{mode}: {screen}");
        }
    };
    let case = Case::new();
    let seen = at_a_shell(
        &case,
        "\"$0\" \"$@\"; echo ended $?; stty -a",
        "exit 3",
        &answers,
    );
    modes(&seen.stdout, "ended 1");

    let case = Case::new();
    let mark: PathBuf = case.home.path().join("mark");
    let claude = format!("touch {}\nexec sleep 60", mark.display());
    let script = format!(
        "exec 3<&0; \"$0\" \"$@\" <&3 & keyreeve=$!\n\
         until [ -e {} ]; do sleep 0.05; done; sleep 0.3; kill -TERM $keyreeve; wait $keyreeve\n\
         echo ended $?; stty -a",
        mark.display()
    );
    let begun = std::time::Instant::now();
    let seen = at_a_shell(&case, &script, &claude, &answers);
    modes(&seen.stdout, "ended 130");
    assert!(
        begun.elapsed() < COMMAND_TIMEOUT,
        "the program must be gone"
    );
    assert_no_profile(&case);
}

#[test]
fn pasted_lines_are_joined() {
    let case = Case::new();
    let token = Canary::oauth("pasted");
    case.home.plant(&token);
    let (first, second) = token.value().split_at(80);
    let pasted = format!("{first}\r{second}\r");
    let answers = [
        typed("your own plan", "y\r"),
        typed("Run it now", "n"),
        typed("(No: paste one)", "\r"),
        typed("Setup-token", &pasted),
    ];
    let mut command = case.command(&ADD);
    with_claude(&case, &mut command, "exit 9");
    let seen = case
        .home
        .run_at_terminal(&mut command, &answers)
        .expect_code(0);
    assert!(
        seen.stdout.contains("Joined the wrapped lines"),
        "{}",
        seen.stdout
    );
}

#[test]
fn nothing_is_saved_without_consent() {
    let case = Case::new();
    let token = Canary::oauth("unasked");
    case.home.plant(&token);
    check(
        "setup_token_no_consent",
        &case,
        &case.feed(&[&ADD[..], &["--stdin"]].concat(), token.value()),
    );
    check(
        "setup_token_no_input",
        &case,
        &case.run(&[&ADD[..], &["--no-input", "--consent"]].concat()),
    );
    let no = [typed("your own plan", "\r")];
    let seen = case
        .home
        .run_at_terminal(&mut case.command(&ADD), &no)
        .expect_code(1);
    assert!(seen.stdout.contains("nothing was saved"), "{}", seen.stdout);
    assert_no_profile(&case);
}

#[test]
fn token_from_standard_input_is_validated() {
    let case = Case::new();
    let token = Canary::oauth("stdin");
    case.home.plant(&token);
    let add = [&ADD[..], &["--stdin", "--consent"]].concat();
    let token_of = |family: &str| ["sk-", "ant-", family, "-", &"x".repeat(93), "AA"].concat();
    check(
        "setup_token_cut",
        &case,
        &case.feed(&add, &token.value()[..80]),
    );
    check(
        "setup_token_api_key",
        &case,
        &case.feed(&add, token_of("api03")),
    );
    check(
        "setup_token_refresh",
        &case,
        &case.feed(&add, token_of("ort01")),
    );
    check(
        "setup_token_code",
        &case,
        &case.feed(&add, "ABCDEFGHIJK12#state-of-it-45"),
    );
    assert_no_profile(&case);
    let leftover = format!("{}#state\n", token.value());
    check("setup_token_saved", &case, &case.feed(&add, leftover));
    check(
        "setup_token_shown",
        &case,
        &case.run(&["profile", "show", "plan"]),
    );
    check("setup_token_list", &case, &case.run(&["profile", "list"]));
}

/// Returns the date that many days ago.
fn ago(days: i64) -> String {
    let day = keyreeve_os::system::now().checked_sub(jiff::SignedDuration::from_hours(24 * days));
    day.unwrap().to_string()[..10].to_owned()
}

#[test]
fn expiry_is_reported_and_token_is_replaced() {
    let case = Case::new();
    let (token, new) = (Canary::oauth("old"), Canary::oauth("new"));
    case.home.plant(&token);
    case.home.plant(&new);
    let created_at = ago(345);
    let add = [&ADD[..], &["--stdin", "--consent", "--made", &created_at]].concat();
    assert_exit(case.feed(&add, token.value()), 0);
    for command in [
        &["profile", "list"][..],
        &["profile", "show", "plan"],
        &["status"],
        &[],
    ] {
        let stderr = case.run(command).expect_code(0).stderr;
        assert!(
            stderr.contains("The secret of profile `plan` expires on 2"),
            "{command:?}: {stderr}"
        );
        assert!(
            stderr.contains("fix: keyreeve profile rotate plan"),
            "{stderr}"
        );
    }
    let rotate = ["profile", "rotate", "plan", "--stdin"];
    assert_exit(case.feed(&rotate, new.value()), 2);
    let rotated = case.feed(&[&rotate[..], &["--consent"]].concat(), new.value());
    let rotated = rotated.expect_code(0).stderr;
    assert!(rotated.contains("The terms: https://"), "{rotated}");
    let stderr = case.run(&["profile", "list"]).expect_code(0).stderr;
    assert_eq!(stderr, "");
    for wrong in [&ago(365), &ago(-2), "someday"] {
        let add = ["profile", "add", "other", "--setup-token", "--made", wrong];
        assert_exit(case.run(&add), 2);
    }
    let misplaced = case.run(&["profile", "add", "other", "--consent"]);
    check("setup_token_misplaced", &case, &misplaced);
}

/// SU-01: a setup-token is sent only by the real `claude`.
#[test]
fn setup_token_is_tested_only_through_claude() {
    let case = Case::new();
    let token = Canary::oauth("su01");
    let add = [&ADD[..], &["--stdin", "--consent"]].concat();
    assert_exit(case.feed(&add, token.value()), 0);
    case.home.plant(&token);
    let mut command = case.command(&["check", "plan", "--json"]);
    let script = "[ ${#CLAUDE_CODE_OAUTH_TOKEN} = 108 ] || exit 9\n\
        echo '{\"type\":\"result\",\"is_error\":false,\"result\":\"hi\"}'\n";
    with_claude(&case, &mut command, script);
    let checked = case.home.run(&mut command).expect_code(0).json();
    assert_eq!(
        checked["profiles"][0]["credential_status"], "works",
        "{checked}"
    );
    assert_exit(case.run(&["ask", "--profile", "plan", "hi"]), 8);
    assert_exit(case.run(&["key", "add", "laptop", "--profile", "plan"]), 8);
    let requests = case.run(&["requests", "--json"]).json();
    assert_eq!(requests["requests"], json!([]), "keyreeve sent nothing");
}

/// SU-01: `exec` gives a setup-token to the real `claude` only.
#[test]
fn exec_gives_the_setup_token_to_claude_only() {
    let case = Case::new();
    let (token, rival) = (Canary::oauth("exec"), Canary::api_key("exec-rival"));
    case.home.plant(&rival);
    let add = [&ADD[..], &["--stdin", "--consent"]].concat();
    assert_exit(case.feed(&add, token.value()), 0);
    case.home.plant(&token);
    let mut command = case.command(&["exec", "--profile", "plan", "--", "claude"]);
    let script = "echo token ${#CLAUDE_CODE_OAUTH_TOKEN} key ${#ANTHROPIC_API_KEY}";
    with_claude(&case, &mut command, script);
    command.env("ANTHROPIC_API_KEY", rival.value());
    let seen = case.home.run(&mut command).expect_code(0);
    assert_eq!(seen.stdout, "token 108 key 0\n", "{}", seen.stderr);
    assert_exit(case.run(&["exec", "--profile", "plan", "--", "env"]), 8);
}
