//! The payer: the intended credential pays, or nothing is started.

use jiff::Timestamp;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{
    Auth, BillingClass, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::secret::Secret;
use keyreeve_core::token::Family;
use keyreeve_store::{Durability, Store, StorePaths};
use keyreeve_testkit::canary::Canary;
use uuid::Uuid;

use super::{ENVIRONMENT_PRINTER, Machine, with_conflicting_variables};
use crate::case::{Case, assert_exit};

/// SU-02: the selected profile pays, whatever variables are set.
#[test]
fn selected_profile_pays_despite_conflicting_variables() {
    let machine = Machine::new();
    machine.login();
    machine.file(
        "home/.claude/settings.json",
        r#"{"apiKeyHelper": "~/key", "env": {"ANTHROPIC_AUTH_TOKEN": "x"}}"#,
    );
    let arguments = [
        "exec",
        "--profile",
        "work",
        "--expect",
        "metered",
        "--",
        "claude",
        "-p",
        "a b",
    ];
    let mut command = with_conflicting_variables(machine.command(&arguments));
    machine.check("exec_key", machine.case.home.run(&mut command));
    let arguments = ["exec", "--quiet", "--", "tool", "--", "--settings", ""];
    let mut command = with_conflicting_variables(machine.command(&arguments));
    machine.check("exec_tool", machine.case.home.run(&mut command));
}

/// SU-02: a gateway's key goes only to that gateway.
#[test]
fn gateway_key_goes_only_to_the_gateway() {
    let machine = Machine::new();
    let origin = ["--origin", "https://gateway.example", "--direct"];
    machine.profile("team", &origin, "gateway-token-of-the-team-1234567890");
    let mut command =
        with_conflicting_variables(machine.command(&["exec", "--profile", "team", "--", "claude"]));
    machine.check("exec_gateway", machine.case.home.run(&mut command));
}

/// SU-02: the program's own login pays, or the conflicting setting is named.
#[test]
fn own_login_pays_or_the_conflict_is_named() {
    let machine = Machine::new();
    let native = [
        "exec", "--native", "--expect", "plan", "--", "claude", "-p", "hi",
    ];
    machine.check("exec_native_no_login", machine.run(&native));
    machine.login();
    let mut command = with_conflicting_variables(machine.command(&native));
    machine.check("exec_native", machine.case.home.run(&mut command));
    let settings = "{\n  \"env\": {\n    \"ANTHROPIC_API_KEY\": \"stale\"\n  }\n}";
    machine.file("home/.claude/settings.json", settings);
    machine.check("exec_native_conflict", machine.run(&native));
    machine.file(
        "home/.claude/settings.json",
        "{\"apiKeyHelper\": \"~/key\"}",
    );
    machine.check("exec_native_helper", machine.run(&native));
    machine.check(
        "exec_native_python",
        machine.run(&["exec", "--native", "--", "tool"]),
    );
}

/// SU-01: a payer other than the expected one is refused.
#[test]
fn unexpected_payer_is_refused() {
    let machine = Machine::new();
    machine.login();
    machine.check(
        "exec_unexpected_payer",
        machine.run(&[
            "exec",
            "--profile",
            "work",
            "--expect",
            "plan",
            "--",
            "claude",
        ]),
    );
    assert_exit(
        machine.run(&["exec", "--native", "--expect", "metered", "--", "claude"]),
        8,
    );
    assert_exit(
        machine.run(&["exec", "--expect", "work", "--", "claude"]),
        0,
    );
    assert_exit(machine.run(&["profile", "add", "own", "--claude-login"]), 0);
    machine.check(
        "exec_login_other_program",
        machine.run(&["exec", "--profile", "own", "--", "tool"]),
    );
    machine.check(
        "exec_login",
        machine.run(&[
            "exec",
            "--profile",
            "own",
            "--expect",
            "plan",
            "--",
            "claude",
        ]),
    );
}

/// SU-02: a key that the user rejected in Claude Code is not given to an interactive session.
#[test]
fn key_rejected_in_claude_code_is_not_used_interactively() {
    let machine = Machine::new();
    machine.login();
    let (_, end) = machine.key.value().split_at(machine.key.value().len() - 20);
    let memory = format!(r#"{{"customApiKeyResponses": {{"rejected": ["{end}"]}}}}"#);
    machine.file("home/.claude.json", &memory);
    let started = ["exec", "--profile", "work", "--", "claude"];
    machine.check("exec_key_refused", machine.run(&started));
    assert_exit(machine.run(&[&started[..], &["-p", "hi"]].concat()), 0);
    machine.file("home/.claude.json", "{}");
    assert_exit(machine.run(&started), 0);
}

/// Stores a plan token, as `claude setup-token` creates it.
pub(crate) fn add_setup_token(machine: &Machine, token: &Canary) {
    let root = machine.case.home.keyreeve_home();
    let paths = StorePaths {
        data: root.join("data"),
        keys: root.join("config"),
    };
    let profile = Profile {
        id: ProfileId(Uuid::from_u128(7)),
        name: "mine".parse().unwrap(),
        source: Source::Sealed,
        base_url: BaseUrl::parse("https://api.anthropic.com", PlainHttp::Forbidden).unwrap(),
        auth: Auth::Bearer,
        provenance: Provenance::SetupToken,
        billing: BillingClass::Plan,
        family: Some(Family::OauthAccess),
        hint: None,
        secret_exposure: SecretExposure::RequestsOnly,
        simulated: false,
        expires_at: None,
        created_at: Timestamp::UNIX_EPOCH,
        rotated_at: None,
    };
    let store = Store::open(&paths, Durability::Local).unwrap();
    let secret = Secret::new(token.value().to_owned());
    store.add_profile(&profile, Some(&secret)).unwrap();
}

/// SU-01: a setup token is given only to the genuine `claude`.
#[test]
fn setup_token_goes_only_to_claude() {
    let machine = Machine::new();
    let token = Canary::oauth("setup");
    add_setup_token(&machine, &token);
    let exec = [
        "exec",
        "--profile",
        "mine",
        "--expect",
        "plan",
        "--",
        "claude",
    ];
    let mut command = with_conflicting_variables(machine.command(&exec));
    let ran = machine.case.home.run(&mut command).expect_code(0);
    let expected = format!(
        "ANTHROPIC_MODEL=kept\nCLAUDE_CODE_OAUTH_TOKEN={}\n",
        token.value()
    );
    assert_eq!(ran.stdout, expected);
    assert!(
        ran.stderr
            .contains("CLAUDE_CODE_OAUTH_TOKEN of profile mine pays (a plan)")
    );
    for refused in [
        &["exec", "--profile", "mine", "--", "tool"][..],
        &[
            "exec",
            "--profile",
            "mine",
            "--for",
            "claude-code",
            "--",
            "tool",
        ],
        &["env", "--profile", "mine", "--json"],
        &["profile", "direct", "mine"],
    ] {
        let output = machine.run(refused).expect_code(8);
        assert!(output.stderr.contains("plan login"), "{}", output.stderr);
    }
    machine.file(
        "home/.claude/settings.json",
        r#"{"env": {"ANTHROPIC_BASE_URL": "https://evil.example"}}"#,
    );
    let output = machine.run(&exec).expect_code(8);
    assert!(
        output
            .stderr
            .contains("settings.json:1 would send the credential to another address")
    );
}

#[test]
fn own_login_is_the_default() {
    let case = Case::new();
    let machine = Machine {
        key: Canary::api_key("none"),
        case,
    };
    machine.program("claude", ENVIRONMENT_PRINTER);
    machine.program("tool", ENVIRONMENT_PRINTER);
    machine.login();
    let mut command = with_conflicting_variables(machine.command(&["exec", "--", "claude"]));
    let ran = machine.case.home.run(&mut command).expect_code(0);
    assert_eq!(ran.stdout, "ANTHROPIC_MODEL=kept\n");
    assert!(
        ran.stderr.contains("Claude Code's own login pays (a plan)"),
        "{}",
        ran.stderr
    );
    machine.check("exec_no_profile", machine.run(&["exec", "--", "tool"]));
}

#[test]
fn raw_key_is_given_only_if_the_profile_allows_it() {
    let machine = Machine::new();
    assert_exit(machine.run(&["profile", "direct", "work", "--undo"]), 0);
    let exec = ["exec", "--profile", "work", "--", "tool"];
    machine.check("exec_raw_key_not_allowed", machine.run(&exec));
    machine.check(
        "profile_direct",
        machine.run(&["profile", "direct", "work"]),
    );
    assert_exit(machine.run(&exec), 0);
}

#[test]
fn helper_is_disabled_for_older_releases() {
    let machine = Machine::new();
    machine.file("home/.claude/settings.json", r#"{"apiKeyHelper": "~/key"}"#);
    let stdout_of = |arguments: &[&str]| machine.run(arguments).expect_code(0).stdout;
    let old = [
        "exec",
        "--for",
        "claude-code@2.1.197",
        "--",
        "claude",
        "-p",
        "--settings",
        r#"{"a":1}"#,
    ];
    let printed = stdout_of(&old);
    assert!(
        printed.ends_with("[--settings]\n[{\"a\":1,\"apiKeyHelper\":\"\"}]\n[-p]\n"),
        "{printed}"
    );
    let new = ["exec", "--for", "claude-code@2.1.329", "--", "claude", "-p"];
    assert!(!stdout_of(&new).contains("--settings"));
}

#[test]
fn own_login_is_refused_with_unreadable_settings() {
    let machine = Machine::new();
    machine.login();
    machine.program("claude", "#!/bin/sh\necho started\n");
    let directory = machine.case.home.user_home().join(".claude");
    std::fs::create_dir(directory.join("settings.json")).unwrap();
    let exec = ["exec", "--native", "--", "claude"];
    machine.check("exec_unreadable_settings", machine.run(&exec));
    // With a profile's key, settings files do not matter.
    assert_exit(
        machine.run(&["exec", "--profile", "work", "--", "claude"]),
        0,
    );
}
