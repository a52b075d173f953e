//! Who pays: the one meant, or nothing is started.

use jiff::Timestamp;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Auth, BillingClass, Handing, Profile, ProfileId, Provenance, Source};
use keyreeve_core::secret::Secret;
use keyreeve_core::token::Family;
use keyreeve_store::{Durability, Places, Store};
use keyreeve_testkit::canary::Canary;
use uuid::Uuid;

use super::{Machine, TELLS, with_rivals};
use crate::case::{Case, ends};

#[test]
fn su_02_the_profile_meant_pays_whatever_is_set() {
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
    let mut command = with_rivals(machine.command(&arguments));
    machine.check("exec_key", machine.case.home.run(&mut command));
    let arguments = ["exec", "--quiet", "--", "tool", "--", "--settings", ""];
    let mut command = with_rivals(machine.command(&arguments));
    machine.check("exec_tool", machine.case.home.run(&mut command));
}

#[test]
fn su_02_a_gateways_key_goes_to_the_gateway_alone() {
    let machine = Machine::new();
    let origin = ["--origin", "https://gateway.example", "--direct"];
    machine.profile("team", &origin, "gateway-token-of-the-team-1234567890");
    let mut command = with_rivals(machine.command(&["exec", "--profile", "team", "--", "claude"]));
    machine.check("exec_gateway", machine.case.home.run(&mut command));
}

#[test]
fn su_02_the_own_login_pays_or_what_stands_in_its_way_is_named() {
    let machine = Machine::new();
    let native = [
        "exec", "--native", "--expect", "plan", "--", "claude", "-p", "hi",
    ];
    machine.check("exec_native_no_login", machine.run(&native));
    machine.login();
    let mut command = with_rivals(machine.command(&native));
    machine.check("exec_native", machine.case.home.run(&mut command));
    let settings = "{\n  \"env\": {\n    \"ANTHROPIC_API_KEY\": \"stale\"\n  }\n}";
    machine.file("home/.claude/settings.json", settings);
    machine.check("exec_native_rival", machine.run(&native));
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

#[test]
fn su_01_another_payer_than_the_one_expected_is_refused() {
    let machine = Machine::new();
    machine.login();
    machine.check(
        "exec_unexpected",
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
    ends(
        machine.run(&["exec", "--native", "--expect", "metered", "--", "claude"]),
        8,
    );
    ends(
        machine.run(&["exec", "--expect", "work", "--", "claude"]),
        0,
    );
    ends(machine.run(&["profile", "add", "own", "--claude-login"]), 0);
    machine.check(
        "exec_login_elsewhere",
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

#[test]
fn su_02_a_key_that_claude_code_would_pass_over_is_handed_to_no_terminal_session() {
    let machine = Machine::new();
    machine.login();
    let (_, end) = machine.key.value().split_at(machine.key.value().len() - 20);
    let memory = format!(r#"{{"customApiKeyResponses": {{"rejected": ["{end}"]}}}}"#);
    machine.file("home/.claude.json", &memory);
    let started = ["exec", "--profile", "work", "--", "claude"];
    machine.check("exec_key_refused", machine.run(&started));
    ends(machine.run(&[&started[..], &["-p", "hi"]].concat()), 0);
    machine.file("home/.claude.json", "{}");
    ends(machine.run(&started), 0);
}

/// The token of a person's own plan in the store, as `claude setup-token` makes one.
pub(crate) fn keep_setup_token(machine: &Machine, token: &Canary) {
    let root = machine.case.home.keyreeve_home();
    let places = Places {
        data: root.join("data"),
        keys: root.join("config"),
    };
    let profile = Profile {
        id: ProfileId(Uuid::from_u128(7)),
        name: "mine".parse().unwrap(),
        source: Source::Sealed,
        base_url: BaseUrl::parse("https://api.anthropic.com", PlainHttp::Refused).unwrap(),
        auth: Auth::Bearer,
        provenance: Provenance::SetupToken,
        billing: BillingClass::Plan,
        family: Some(Family::OauthAccess),
        hint: None,
        handing: Handing::Leased,
        simulated: false,
        expires_at: None,
        created_at: Timestamp::UNIX_EPOCH,
        rotated_at: None,
    };
    let store = Store::open(&places, Durability::Process).unwrap();
    let secret = Secret::new(token.value().to_owned());
    store.add_profile(&profile, Some(&secret)).unwrap();
}

#[test]
fn su_01_a_setup_token_goes_to_the_genuine_program_alone() {
    let machine = Machine::new();
    let token = Canary::oauth("setup");
    keep_setup_token(&machine, &token);
    let exec = [
        "exec",
        "--profile",
        "mine",
        "--expect",
        "plan",
        "--",
        "claude",
    ];
    let mut command = with_rivals(machine.command(&exec));
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
        let told = machine.run(refused).expect_code(8);
        assert!(told.stderr.contains("plan login"), "{}", told.stderr);
    }
    machine.file(
        "home/.claude/settings.json",
        r#"{"env": {"ANTHROPIC_BASE_URL": "https://evil.example"}}"#,
    );
    let told = machine.run(&exec).expect_code(8);
    assert!(
        told.stderr
            .contains("settings.json:1 would send the credential elsewhere")
    );
}

#[test]
fn without_a_profile_the_own_login_is_meant() {
    let case = Case::new();
    let machine = Machine {
        key: Canary::api_key("none"),
        case,
    };
    machine.program("claude", TELLS);
    machine.program("tool", TELLS);
    machine.login();
    let mut command = with_rivals(machine.command(&["exec", "--", "claude"]));
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
fn only_a_profile_marked_for_it_gives_its_secret() {
    let machine = Machine::new();
    ends(machine.run(&["profile", "direct", "work", "--undo"]), 0);
    let exec = ["exec", "--profile", "work", "--", "tool"];
    machine.check("exec_leased", machine.run(&exec));
    machine.check(
        "profile_direct",
        machine.run(&["profile", "direct", "work"]),
    );
    ends(machine.run(&exec), 0);
}

#[test]
fn an_older_release_is_kept_from_its_helper() {
    let machine = Machine::new();
    machine.file("home/.claude/settings.json", r#"{"apiKeyHelper": "~/key"}"#);
    let told = |arguments: &[&str]| machine.run(arguments).expect_code(0).stdout;
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
    let printed = told(&old);
    assert!(
        printed.ends_with("[--settings]\n[{\"a\":1,\"apiKeyHelper\":\"\"}]\n[-p]\n"),
        "{printed}"
    );
    let new = ["exec", "--for", "claude-code@2.1.329", "--", "claude", "-p"];
    assert!(!told(&new).contains("--settings"));
}

#[test]
fn a_login_is_not_started_past_settings_that_cannot_be_read() {
    let machine = Machine::new();
    machine.login();
    machine.program("claude", "#!/bin/sh\necho started\n");
    let folder = machine.case.home.user_home().join(".claude");
    std::fs::create_dir(folder.join("settings.json")).unwrap();
    let exec = ["exec", "--native", "--", "claude"];
    machine.check("exec_unread", machine.run(&exec));
    // With a profile's key no settings file decides.
    ends(
        machine.run(&["exec", "--profile", "work", "--", "claude"]),
        0,
    );
}
