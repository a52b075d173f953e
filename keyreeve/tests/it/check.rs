//! `check`: the main responses are explained, few requests run at a time, and nothing else is contacted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::upstream::{Decoy, Scripted, Step, responses};
use serde_json::{Value, json};

use crate::case::{Case, check};

const MESSAGE: &str = r#"{"type":"message","model":"claude-haiku-5-5","content":[{"type":"text","text":"hi"}],"usage":{"input_tokens":8,"output_tokens":1}}"#;

/// Adds a profile for `origin`, and plants its key.
pub(crate) fn add_profile(case: &Case, name: &str, origin: &str, more: &[&str]) -> Canary {
    let canary = Canary::api_key(name);
    case.home.plant(&canary);
    let add = ["profile", "add", name, "--origin", origin, "--stdin"];
    let add = [&add[..], &["--insecure-loopback"], more].concat();
    let _output = case.feed(&add, canary.value()).expect_code(0);
    canary
}

fn newest(case: &Case) -> Value {
    let attempts = case
        .run(&["requests", "--attempts", "--json", "--limit", "1"])
        .json();
    attempts["attempts"][0].clone()
}

/// Name of the response, part of the summary, code of the verdict, exit code.
const RESPONSES: [(&str, &str, &str, i32); 16] = [
    ("invalid_x_api_key", "revoked or mistyped", "invalid_key", 4),
    (
        "oauth_token_revoked_403",
        "revoked or mistyped",
        "login_revoked",
        4,
    ),
    ("credit_too_low_400", "out of credit", "out_of_credit", 5),
    ("billing_error_402", "out of credit", "billing", 5),
    (
        "org_spend_limit_400",
        "spend limit is reached",
        "spend_limit",
        5,
    ),
    (
        "rate_limit_rpm",
        "rate-limited but valid",
        "minute_limit",
        5,
    ),
    (
        "rate_limit_no_headers",
        "rate-limited but valid",
        "short_throttle",
        5,
    ),
    (
        "plan_five_hour_limit",
        "plan window used up",
        "plan_window",
        5,
    ),
    (
        "oauth_not_allowed_for_org",
        "subscription required",
        "login_not_allowed",
        5,
    ),
    (
        "organization_disabled_400",
        "organization disabled",
        "organization_disabled",
        4,
    ),
    (
        "credential_only_for_claude_code",
        "licence restriction",
        "claude_code_only",
        4,
    ),
    (
        "model_not_found",
        "not for this request",
        "model_not_found",
        5,
    ),
    (
        "forbidden_cloudflare",
        "upstream error",
        "foreign_answer",
        6,
    ),
    ("overloaded_529", "upstream error", "overloaded", 6),
    ("bad_gateway_html", "upstream error", "foreign_answer", 6),
    ("api_error_500", "upstream error", "upstream", 6),
];

#[test]
fn each_response_is_explained_and_recorded() {
    let (case, sandbox) = (Case::new(), Sandbox::start());
    let key = add_profile(&case, "work", &sandbox.base_url(), &["--simulated"]);
    for (response, words, verdict, code) in RESPONSES {
        sandbox.script(&key, &json!([{ "error": response }]));
        let output = case.run(&["check", "--json"]).expect_code(code);
        let checked = &output.json()["profiles"][0];
        assert_eq!(checked["verdict"], verdict, "{response}");
        assert!(
            checked["summary"].as_str().unwrap().contains(words),
            "{response}: {checked}"
        );
        assert!(
            !checked["remedy"].as_str().unwrap().is_empty(),
            "{response}"
        );
        let page = format!("docs/responses/{verdict}.md");
        assert!(
            checked["docs"].as_str().unwrap().ends_with(&page),
            "{response}: {checked}"
        );
        let entry = newest(&case);
        assert_eq!(
            (&entry["attempt"], &entry["verdict"], &entry["key"]),
            (&checked["attempt"], &json!(verdict), &json!("(keyreeve)"))
        );
    }
}

#[test]
fn working_and_failing_credentials_are_shown() {
    let (case, sandbox) = (Case::new(), Sandbox::start());
    let key = add_profile(&case, "work", &sandbox.base_url(), &["--simulated"]);
    check("check_works", &case, &case.run(&["check"]));
    sandbox.script(&key, &json!([{ "error": "credit" }]));
    check("check_credit", &case, &case.run(&["check", "work"]));
    let requested = newest(&case);
    assert_eq!(
        requested["model_requested"], "claude-haiku-5-5",
        "the cheapest"
    );
    assert_eq!(sandbox.requests()["data"].as_array().unwrap().len(), 2);
}

#[test]
fn highest_exit_code_wins() {
    let case = Case::new();
    let good = Scripted::start(|_| responses::json(200, MESSAGE));
    let unreachable = Scripted::start(|_| vec![Step::Reset]);
    add_profile(&case, "a-good", &good.base_url(), &[]);
    add_profile(&case, "b-gone", &unreachable.base_url(), &[]);
    let _good = case.run(&["check", "a-good"]).expect_code(0);
    let all = case.run(&["check", "--all", "--json"]).expect_code(6);
    let health: Vec<Value> = all.json()["profiles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["credential_status"].clone())
        .collect();
    assert_eq!(health, ["works", "upstream_trouble"]);
}

#[test]
fn at_most_two_requests_run_at_a_time() {
    let case = Case::new();
    let (now, maximum) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (running, seen) = (Arc::clone(&now), Arc::clone(&maximum));
    let slow = Scripted::start(move |_| {
        let count = running.fetch_add(1, Ordering::SeqCst) + 1;
        seen.fetch_max(count, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(300));
        running.fetch_sub(1, Ordering::SeqCst);
        responses::json(200, MESSAGE)
    });
    for name in ["a", "b", "c", "d", "e"] {
        add_profile(&case, name, &slow.base_url(), &[]);
    }
    let _all = case.run(&["check", "--all"]).expect_code(0);
    assert_eq!(slow.requests().len(), 5);
    assert_eq!(maximum.load(Ordering::SeqCst), 2);
}

#[test]
fn redirects_and_proxies_are_not_followed() {
    let (case, decoy) = (Case::new(), Decoy::start());
    let other_url = decoy.base_url();
    let upstream =
        Scripted::start(move |_| responses::redirect(307, &format!("{other_url}/v1/messages")));
    add_profile(&case, "work", &upstream.base_url(), &[]);
    let mut command = case.command(&["check", "--json"]);
    for variable in [
        "ANTHROPIC_BASE_URL",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
    ] {
        command.env(variable, decoy.base_url());
    }
    let output = case.home.run(&mut command).expect_code(6);
    let text = output.json()["profiles"][0]["message"].clone();
    assert!(text.as_str().unwrap().contains("never followed"), "{text}");
    decoy.assert_untouched();
}

#[test]
fn echoed_key_is_not_quoted() {
    let case = Case::new();
    let echo = Scripted::start(|request| responses::echo_credentials(400, request));
    add_profile(&case, "work", &echo.base_url(), &[]);
    let output = case.run(&["check", "--json"]).expect_code(5);
    assert_eq!(output.json()["profiles"][0]["message"], Value::Null);
    assert_eq!(echo.requests().len(), 1);
}

#[test]
fn missing_or_ambiguous_profile_is_an_error() {
    let case = Case::new();
    check("check_no_profile", &case, &case.run(&["check"]));
    let upstream = Scripted::start(|_| responses::json(200, MESSAGE));
    for name in ["one", "two", "three"] {
        add_profile(&case, name, &upstream.base_url(), &[]);
    }
    let _gone = case.run(&["profile", "remove", "one"]).expect_code(0);
    check("check_which_profile", &case, &case.run(&["check"]));
    check("check_missing", &case, &case.run(&["check", "missing"]));
    let _named = case.run(&["check", "two"]).expect_code(0);
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn plan_login_is_checked_only_by_claude_itself() {
    let case = Case::new();
    let add = [
        "profile",
        "add",
        "mine",
        "--claude-login",
        "--config-dir",
        "/somewhere",
    ];
    let _output = case.run(&add).expect_code(0);
    let mut without = case.command(&["check"]);
    without.env("PATH", "/nowhere");
    check("check_no_claude", &case, &case.home.run(&mut without));

    let bin = case.home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let program = bin.join("claude");
    let script = "#!/bin/sh\n[ \"$CLAUDE_CONFIG_DIR\" = /somewhere ] && [ -z \"$ANTHROPIC_API_KEY\" ] || exit 9\n\
        echo '{\"type\":\"result\",\"is_error\":false,\"result\":\"hi\"}'\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    let conflicting = Canary::api_key("conflicting");
    case.home.plant(&conflicting);
    let mut with = case.command(&["check", "--json"]);
    with.env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("ANTHROPIC_API_KEY", conflicting.value());
    let checked = case.home.run(&mut with).expect_code(0).json();
    assert_eq!(
        checked["profiles"][0]["credential_status"], "works",
        "{checked}"
    );
    check("ask_plan", &case, &case.run(&["ask", "hi"]));
    let attempts = case.run(&["requests", "--attempts", "--json"]).json();
    assert_eq!(
        attempts["attempts"],
        json!([]),
        "keyreeve sent nothing itself"
    );
}
