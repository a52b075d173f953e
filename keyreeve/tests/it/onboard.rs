//! `onboard`, interactive and by flags: it ends with a successful request or the reason for the failure, and reports its changes.

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::terminal::TerminalInput;
use serde_json::json;

use crate::case::{Case, assert_exit, check};
use crate::setup_token::with_claude;

const WORKING_CLAUDE: &str = "echo '{\"type\":\"result\",\"is_error\":false,\"result\":\"hi\"}'\n";
const DOWN: &str = "\x1b[B";

fn typed<'a>(prompt: &'a str, keys: &'a str) -> TerminalInput<'a> {
    TerminalInput {
        prompt,
        keys: keys.as_bytes(),
    }
}

/// Returns the arguments that set up a sandbox as a gateway.
fn gateway(origin: &str) -> [&str; 5] {
    let [way, loopback, simulated] = ["--gateway", "--insecure-loopback", "--simulated"];
    ["onboard", way, origin, loopback, simulated]
}

#[test]
fn nothing_happens_without_a_terminal_or_a_flag() {
    let case = Case::new();
    check("onboard_not_interactive", &case, &case.run(&["onboard"]));
    check(
        "onboard_no_input",
        &case,
        &case.run(&["onboard", "--no-input"]),
    );
    assert!(!case.home.keyreeve_home().exists(), "not even a store");
}

#[test]
fn gateway_is_set_up_by_flags() {
    let (case, sandbox, key) = (Case::new(), Sandbox::start(), Canary::api_key("onboarded"));
    case.home.plant(&key);
    let mut command = case.command(&gateway(&sandbox.base_url()));
    command.env("PATH", "/usr/bin:/bin");
    let ended = case.home.run_with_input(
        command.stdin(std::process::Stdio::piped()),
        key.value().as_bytes(),
    );
    check("onboard_gateway", &case, &ended);
    assert_eq!(sandbox.requests()["data"].as_array().unwrap().len(), 1);
}

#[test]
fn json_output_is_one_document_with_the_key() {
    let (case, sandbox, key) = (Case::new(), Sandbox::start(), Canary::api_key("json"));
    case.home.plant(&key);
    let origin = sandbox.base_url();
    let arguments = [
        &gateway(&origin)[..],
        &["--json", "--key", "ci", "--name", "box"],
    ]
    .concat();
    let done = case.feed(&arguments, key.value()).expect_code(0).json();
    assert_eq!(done["profile"]["name"], "box");
    assert_eq!(done["profile"]["default"], true);
    assert_eq!(done["check"]["credential_status"], "works");
    assert_eq!(done["schema_version"], 2);
    assert!(done["key"].as_str().unwrap().starts_with("krv_"));
    assert_eq!(done["changes"].as_array().unwrap().len(), 4, "{done}");
    assert_eq!(
        done["next_steps"][1],
        "keyreeve connect claude-code --key ci"
    );
}

#[test]
fn failed_test_request_is_explained() {
    let (case, sandbox, key) = (Case::new(), Sandbox::start(), Canary::api_key("broke"));
    case.home.plant(&key);
    sandbox.script(&key, &json!([{ "error": "credit" }]));
    let origin = sandbox.base_url();
    let output = case.feed(&gateway(&origin), key.value()).expect_code(5);
    assert!(output.stdout.contains("out of credit"), "{}", output.stdout);
    assert!(output.stdout.contains("Done"), "{}", output.stdout);
    let wrong = ["onboard", "--api-key-stdin", "--no-check"];
    check("onboard_wrong_key", &case, &case.feed(&wrong, "not a key"));
    let oauth = Canary::oauth("pasted");
    case.home.plant(&oauth);
    assert_exit(case.feed(&wrong, oauth.value()), 8);
}

#[test]
fn new_api_key_becomes_the_default() {
    let (case, _) = Case::with_profile();
    let key = Canary::api_key("second");
    case.home.plant(&key);
    let add = ["onboard", "--api-key-stdin", "--no-check"];
    let done = case.feed(&add, key.value()).expect_code(0).stdout;
    assert!(done.contains("Added profile `work-2`"), "{done}");
    assert!(
        done.contains("Profile `work-2` is the default (was `work`)"),
        "{done}"
    );
}

#[test]
fn environment_variable_is_used_by_reference() {
    let (case, sandbox, key) = (Case::new(), Sandbox::start(), Canary::api_key("env"));
    case.home.plant(&key);
    let run = |variables: &[(&str, &str)]| {
        let mut command = case.command(&["onboard", "--from-env", "--json"]);
        command.envs(variables.iter().copied());
        case.home.run(&mut command)
    };
    let origin = sandbox.base_url();
    let set = [
        ("ANTHROPIC_API_KEY", key.value()),
        ("ANTHROPIC_BASE_URL", &origin),
    ];
    let done = run(&set).expect_code(0).json();
    assert_eq!(done["profile"]["source"]["variable"], "ANTHROPIC_API_KEY");
    assert_eq!(done["profile"]["base_url"], origin.as_str());
    assert_eq!(done["check"]["credential_status"], "works");
    let again = run(&set).expect_code(0).json();
    assert_eq!(again["profile"]["name"], "env", "the existing profile");
    let plan = Canary::oauth("env-plan");
    case.home.plant(&plan);
    for (variables, code) in [
        (&[][..], 4),
        (&[("ANTHROPIC_API_KEY", " ")], 4),
        (&[("ANTHROPIC_API_KEY", "half")], 4),
        (&[("ANTHROPIC_AUTH_TOKEN", plan.value())], 8),
    ] {
        assert_exit(run(variables), code);
    }
}

#[test]
fn existing_login_is_tested_by_claude_itself() {
    let case = Case::new();
    let mut command = case.command(&["onboard", "--use", "claude-login"]);
    with_claude(&case, &mut command, WORKING_CLAUDE);
    check("onboard_login", &case, &case.home.run(&mut command));
    let mut command = case.command(&["onboard", "--use", "claude-login"]);
    command.env("PATH", "/nowhere");
    let output = case.home.run(&mut command).expect_code(1);
    assert!(
        output.stderr.contains("already uses this credential"),
        "{}",
        output.stderr
    );
    assert_exit(
        case.run(&["onboard", "--use", "claude-login", "--key", "laptop"]),
        2,
    );
}

#[test]
fn setup_token_is_set_up_by_flags() {
    let case = Case::new();
    let token = Canary::oauth("onboard");
    case.home.plant(&token);
    let arguments = ["onboard", "--setup-token", "--stdin", "--json"];
    assert_exit(case.feed(&arguments, token.value()), 2);
    let mut command = case.command(&[&arguments[..], &["--consent"]].concat());
    with_claude(&case, &mut command, WORKING_CLAUDE);
    let ended = case.home.run_with_input(
        command.stdin(std::process::Stdio::piped()),
        token.value().as_bytes(),
    );
    let done = ended.expect_code(0).json();
    assert_eq!(done["profile"]["billing"], "plan");
    assert_eq!(done["check"]["credential_status"], "works");
}

#[test]
fn at_most_four_questions_are_asked() {
    let (case, sandbox, key) = (Case::new(), Sandbox::start(), Canary::api_key("asked"));
    case.home.plant(&key);
    let mut command = case.command(&["onboard"]);
    command.env("PATH", "/usr/bin:/bin");
    let url = format!("{}\r", sandbox.base_url());
    let secret = format!("{}\r", key.value());
    let last = format!("{DOWN}{DOWN}\r");
    let responses = [
        typed("Which credential should pay?", &last),
        typed("Gateway URL", &url),
        typed("virtual key for your tools", "\r"),
        typed("Secret", &secret),
    ];
    let seen = case
        .home
        .run_at_terminal(&mut command, &responses)
        .expect_code(0)
        .stdout;
    for part in [
        "Found no credentials",
        "gateway: works",
        "Created key `laptop`",
        "is not shown again",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    assert_eq!(sandbox.requests()["data"].as_array().unwrap().len(), 1);
}

#[test]
fn user_can_choose_an_existing_profile_or_stop() {
    let (case, _) = Case::with_profile();
    let key = Canary::api_key("conflicting");
    case.home.plant(&key);
    let mut command = case.command(&["onboard", "--no-check"]);
    command.env("ANTHROPIC_API_KEY", key.value());
    let stop = [typed("Which credential should pay?", "\x1b")];
    let seen = case.home.run_at_terminal(&mut command, &stop);
    assert!(seen.expect_code(130).stdout.contains("nothing was changed"));
    let first = [typed("Which credential should pay?", "\r")];
    let seen = case.home.run_at_terminal(&mut command, &first);
    let seen = seen.expect_code(0).stdout;
    for part in [
        "Found: ANTHROPIC_API_KEY is set",
        "Found: profile `work`",
        "Profile `work` is the default",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
}

/// Returns the terminal output with visible escape sequences.
fn screen(case: &Case, variables: &[(&str, &str)]) -> String {
    let mut command = case.command(&["onboard", "--use", "claude-login"]);
    with_claude(case, &mut command, WORKING_CLAUDE);
    command
        .env("TERM", "xterm-256color")
        .envs(variables.iter().copied());
    let seen = case.home.run_at_terminal(&mut command, &[]).expect_code(0);
    let path = case.home.path().display().to_string();
    let seen = seen.stdout.replace(&path, "[HOME]").replace("\r\n", "\n");
    seen.replace('\u{1b}', "ESC")
}

#[test]
fn color_is_only_for_terminals_that_want_it() {
    let colored = screen(&Case::new(), &[]);
    let plain = screen(&Case::new(), &[("NO_COLOR", "1")]);
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("onboard_screen_colored", colored);
        insta::assert_snapshot!("onboard_screen_plain", plain);
    });
    assert!(colored.contains("ESC[") && !plain.contains("ESC"));
}
