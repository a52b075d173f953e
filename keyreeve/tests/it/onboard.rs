//! `onboard`: with questions and without, it ends with a working request or the reason why not, and says what it did.

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::terminal::Typed;
use serde_json::json;

use crate::case::{Case, check, ends};
use crate::setup_token::with_claude;

const WORKS: &str = "echo '{\"type\":\"result\",\"is_error\":false,\"result\":\"hi\"}'\n";
const DOWN: &str = "\x1b[B";

fn typed<'a>(prompt: &'a str, keys: &'a str) -> Typed<'a> {
    Typed {
        prompt,
        keys: keys.as_bytes(),
    }
}

/// The arguments for the gateway that a sandbox is.
fn gateway(origin: &str) -> [&str; 5] {
    let [way, loopback, simulated] = ["--gateway", "--insecure-loopback", "--simulated"];
    ["onboard", way, origin, loopback, simulated]
}

#[test]
fn without_a_terminal_and_without_a_way_nothing_happens() {
    let case = Case::new();
    check("onboard_nobody", &case, &case.run(&["onboard"]));
    check(
        "onboard_no_input",
        &case,
        &case.run(&["onboard", "--no-input"]),
    );
    assert!(!case.home.keyreeve_home().exists(), "not even a store");
}

#[test]
fn a_gateway_is_set_up_by_flags_and_works() {
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
fn programs_get_one_document_with_the_key() {
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
    assert_eq!(done["check"]["health"], "works");
    assert_eq!(done["schema_version"], 1);
    assert!(done["key"].as_str().unwrap().starts_with("krv_"));
    assert_eq!(done["did"].as_array().unwrap().len(), 4, "{done}");
    assert_eq!(done["next"][1], "keyreeve connect claude-code --key ci");
}

#[test]
fn what_does_not_work_is_told_with_the_reason() {
    let (case, sandbox, key) = (Case::new(), Sandbox::start(), Canary::api_key("broke"));
    case.home.plant(&key);
    sandbox.script(&key, &json!([{ "error": "credit" }]));
    let origin = sandbox.base_url();
    let told = case.feed(&gateway(&origin), key.value()).expect_code(5);
    assert!(told.stdout.contains("out of credit"), "{}", told.stdout);
    assert!(told.stdout.contains("Done"), "{}", told.stdout);
    let wrong = ["onboard", "--api-key-stdin", "--no-check"];
    check("onboard_wrong_key", &case, &case.feed(&wrong, "not a key"));
    let oauth = Canary::oauth("pasted");
    case.home.plant(&oauth);
    ends(case.feed(&wrong, oauth.value()), 8);
}

#[test]
fn an_api_key_becomes_the_default_and_what_it_replaces_is_said() {
    let (case, _) = Case::with_profile();
    let key = Canary::api_key("second");
    case.home.plant(&key);
    let add = ["onboard", "--api-key-stdin", "--no-check"];
    let done = case.feed(&add, key.value()).expect_code(0).stdout;
    assert!(done.contains("added profile `work-2`"), "{done}");
    assert!(
        done.contains("profile `work-2` is the default, instead of `work`"),
        "{done}"
    );
}

#[test]
fn the_environment_is_used_by_reference() {
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
    assert_eq!(done["check"]["health"], "works");
    let again = run(&set).expect_code(0).json();
    assert_eq!(again["profile"]["name"], "env", "the same once more");
    let plan = Canary::oauth("env-plan");
    case.home.plant(&plan);
    for (variables, code) in [
        (&[][..], 4),
        (&[("ANTHROPIC_API_KEY", " ")], 4),
        (&[("ANTHROPIC_API_KEY", "half")], 4),
        (&[("ANTHROPIC_AUTH_TOKEN", plan.value())], 8),
    ] {
        ends(run(variables), code);
    }
}

#[test]
fn a_login_that_is_there_is_tried_by_the_genuine_claude() {
    let case = Case::new();
    let mut command = case.command(&["onboard", "--use", "claude-login"]);
    with_claude(&case, &mut command, WORKS);
    check("onboard_login", &case, &case.home.run(&mut command));
    let mut command = case.command(&["onboard", "--use", "claude-login"]);
    command.env("PATH", "/nowhere");
    let told = case.home.run(&mut command).expect_code(1);
    assert!(
        told.stderr.contains("is just this already"),
        "{}",
        told.stderr
    );
    ends(
        case.run(&["onboard", "--use", "claude-login", "--key", "laptop"]),
        2,
    );
}

#[test]
fn a_setup_token_is_set_up_by_flags() {
    let case = Case::new();
    let token = Canary::oauth("onboard");
    case.home.plant(&token);
    let arguments = ["onboard", "--setup-token", "--stdin", "--json"];
    ends(case.feed(&arguments, token.value()), 2);
    let mut command = case.command(&[&arguments[..], &["--consent"]].concat());
    with_claude(&case, &mut command, WORKS);
    let ended = case.home.run_with_input(
        command.stdin(std::process::Stdio::piped()),
        token.value().as_bytes(),
    );
    let done = ended.expect_code(0).json();
    assert_eq!(done["profile"]["billing"], "plan");
    assert_eq!(done["check"]["health"], "works");
}

#[test]
fn a_person_is_asked_four_questions_at_the_most() {
    let (case, sandbox, key) = (Case::new(), Sandbox::start(), Canary::api_key("asked"));
    case.home.plant(&key);
    let mut command = case.command(&["onboard"]);
    command.env("PATH", "/usr/bin:/bin");
    let url = format!("{}\r", sandbox.base_url());
    let secret = format!("{}\r", key.value());
    let last = format!("{DOWN}{DOWN}\r");
    let answers = [
        typed("What shall pay?", &last),
        typed("Its address", &url),
        typed("virtual key for your tools", "\r"),
        typed("Secret", &secret),
    ];
    let seen = case
        .home
        .run_at_terminal(&mut command, &answers)
        .expect_code(0)
        .stdout;
    for part in [
        "found: nothing that could pay",
        "gateway: works",
        "made key `laptop`",
        "is not shown again",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    assert_eq!(sandbox.requests()["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_person_can_take_what_is_there_or_stop() {
    let (case, _) = Case::with_profile();
    let key = Canary::api_key("rival");
    case.home.plant(&key);
    let mut command = case.command(&["onboard", "--no-check"]);
    command.env("ANTHROPIC_API_KEY", key.value());
    let stop = [typed("What shall pay?", "\x1b")];
    let seen = case.home.run_at_terminal(&mut command, &stop);
    assert!(seen.expect_code(130).stdout.contains("nothing was changed"));
    let first = [typed("What shall pay?", "\r")];
    let seen = case.home.run_at_terminal(&mut command, &first);
    let seen = seen.expect_code(0).stdout;
    for part in [
        "found: ANTHROPIC_API_KEY is set",
        "found: profile `work`",
        "profile `work` is the default",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
}

/// What the screen got, with the commands to the terminal made visible.
fn screen(case: &Case, variables: &[(&str, &str)]) -> String {
    let mut command = case.command(&["onboard", "--use", "claude-login"]);
    with_claude(case, &mut command, WORKS);
    command
        .env("TERM", "xterm-256color")
        .envs(variables.iter().copied());
    let seen = case.home.run_at_terminal(&mut command, &[]).expect_code(0);
    let path = case.home.path().display().to_string();
    let seen = seen.stdout.replace(&path, "[HOME]").replace("\r\n", "\n");
    seen.replace('\u{1b}', "ESC")
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let colored = screen(&Case::new(), &[]);
    let plain = screen(&Case::new(), &[("NO_COLOR", "1")]);
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("onboard_screen_colored", colored);
        insta::assert_snapshot!("onboard_screen_plain", plain);
    });
    assert!(colored.contains("ESC[") && !plain.contains("ESC"));
}
