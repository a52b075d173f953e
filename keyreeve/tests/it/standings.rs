//! How a profile stands, from the answer that said so to the person who acts.

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::case::{Case, check, ends};
use crate::serving::{Serving, message};

/// A machine with a profile that leads to a sandbox, and a key for it.
fn machine() -> (Case, Sandbox, Canary, String) {
    let (case, sandbox) = (Case::new(), Sandbox::start());
    let secret = Canary::api_key("standing");
    case.home.plant(&secret);
    let origin = sandbox.base_url();
    let add = ["profile", "add", "work", "--stdin", "--insecure-loopback"];
    let add = [add.as_slice(), &["--simulated", "--origin", &origin]].concat();
    ends(case.feed(&add, secret.value()), 0);
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
fn a_person_sees_why_a_profile_rests_and_wakes_it_beside_a_running_gateway() {
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
        "standing_show",
        &case,
        &case.run(&["profile", "show", "work"]),
    );
    let status = json_of(&case, &["status", "--json"]);
    let standing = &status["profiles"][0]["standing"];
    let reason = &standing["reasons"][0];
    assert_eq!(reason["state"], "resting", "{standing}");
    assert_eq!(reason["code"], "minute_limit");
    assert_eq!(reason["time_source"], "server");
    assert_eq!(reason["next_probe"], Value::Null);
    assert!(reason["since"].is_string() && reason["until"].is_string());

    check(
        "standing_wake",
        &case,
        &case.run(&["profile", "wake", "work"]),
    );
    assert_eq!(serving.ask(&key, &message("hi")).status(), 200);
    ends(serving.end(), 0);
}

#[test]
fn a_person_takes_a_profile_out_and_in_again() {
    let (case, _sandbox, _secret, key) = machine();
    let serving = Serving::start(&case);
    for (name, arguments, status) in [
        (
            "standing_rest",
            &["profile", "rest", "work", "--for", "10m"][..],
            429,
        ),
        ("standing_not_drained", &["profile", "enable", "work"], 429),
        ("standing_drain", &["profile", "drain", "work"], 403),
        ("standing_still_drained", &["profile", "wake", "work"], 403),
        ("standing_enable", &["profile", "enable", "work"], 200),
    ] {
        check(name, &case, &case.run(arguments));
        assert_eq!(serving.ask(&key, &message("hi")).status(), status, "{name}");
    }
    check(
        "standing_rest_too_long",
        &case,
        &case.run(&["profile", "rest", "work", "--for", "90d"]),
    );
    ends(serving.end(), 0);
}
