//! Profile health: a cooldown from a response, and `profile resume`, `pause` and `drain`.

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::case::{Case, assert_exit, check};
use crate::serving::{Serving, message};

/// A machine with a profile for a sandbox, and a key for it.
fn machine() -> (Case, Sandbox, Canary, String) {
    let (case, sandbox) = (Case::new(), Sandbox::start());
    let secret = Canary::api_key("health");
    case.home.plant(&secret);
    let origin = sandbox.base_url();
    let add = ["profile", "add", "work", "--stdin", "--insecure-loopback"];
    let add = [add.as_slice(), &["--simulated", "--origin", &origin]].concat();
    assert_exit(case.feed(&add, secret.value()), 0);
    let key = json_of(
        &case,
        &["key", "add", "laptop", "--profile", "work", "--json"],
    );
    let key = key["key"].as_str().unwrap().to_owned();
    (case, sandbox, secret, key)
}

#[track_caller]
fn json_of(case: &Case, arguments: &[&str]) -> Value {
    let output = case.run(arguments).expect_code(0);
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn cooldown_is_explained_and_resumed() {
    let (case, sandbox, secret, key) = machine();
    let serving = Serving::start(&case);
    let limit = json!([{"error": "rate_limited", "headers": {"retry-after": "600"}}]);
    sandbox.script(&secret, &limit);
    assert_eq!(serving.ask(&key, &message("hi")).status(), 429);
    assert_eq!(
        serving
            .ask(&key, &message("hi"))
            .head
            .header("x-should-retry"),
        Some("false")
    );

    check(
        "health_show",
        &case,
        &case.run(&["profile", "show", "work"]),
    );
    let status = json_of(&case, &["status", "--json"]);
    let health = &status["profiles"][0]["health"];
    let reason = &health["reasons"][0];
    assert_eq!(reason["state"], "cooldown", "{health}");
    assert_eq!(reason["code"], "minute_limit");
    assert_eq!(reason["time_source"], "server");
    assert_eq!(reason["next_probe"], Value::Null);
    assert!(reason["since"].is_string() && reason["until"].is_string());

    check(
        "health_resume_cooldown",
        &case,
        &case.run(&["profile", "resume", "work"]),
    );
    assert_eq!(serving.ask(&key, &message("hi")).status(), 200);
    assert_exit(serving.end(), 0);
}

#[test]
fn profile_is_paused_drained_and_resumed() {
    let (case, _sandbox, _secret, key) = machine();
    let serving = Serving::start(&case);
    for (name, arguments, status) in [
        (
            "health_pause",
            &["profile", "pause", "work", "--for", "10m"][..],
            429,
        ),
        ("health_resume_pause", &["profile", "resume", "work"], 200),
        ("health_drain", &["profile", "drain", "work"], 403),
        ("health_pause_drained", &["profile", "pause", "work"], 403),
        ("health_resume_drain", &["profile", "resume", "work"], 200),
    ] {
        check(name, &case, &case.run(arguments));
        assert_eq!(serving.ask(&key, &message("hi")).status(), status, "{name}");
    }
    check(
        "health_pause_too_long",
        &case,
        &case.run(&["profile", "pause", "work", "--for", "90d"]),
    );
    assert_exit(serving.end(), 0);
}
