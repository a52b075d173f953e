//! Rate limits, from response headers to `limits`, `status` and `profile show`.

use jiff::{SignedDuration, Timestamp};
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::ProcessOutput;
use keyreeve_testkit::upstream::{Scripted, responses};
use serde_json::{Value, json};

use crate::case::{Case, assert_exit, check};
use crate::serving::{Serving, message};

const MESSAGE: &str = r#"{"type":"message","model":"claude-haiku-5-5","usage":{"input_tokens":1,"output_tokens":1},"content":[]}"#;

/// A machine with a profile for an upstream whose responses have these headers, and a key for it.
fn machine(headers: Vec<(&'static str, String)>) -> (Case, Scripted, String) {
    let upstream = Scripted::start(move |_| {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
        responses::with_headers(200, &all, MESSAGE.as_bytes())
    });
    let case = Case::new();
    let secret = Canary::api_key("limits");
    case.home.plant(&secret);
    let origin = upstream.base_url();
    let add = ["profile", "add", "work", "--stdin", "--insecure-loopback"];
    let add = [add.as_slice(), &["--origin", &origin]].concat();
    assert_exit(case.feed(&add, secret.value()), 0);
    let key = ["key", "add", "laptop", "--profile", "work", "--json"];
    let key = case.run(&key).expect_code(0).json();
    let key = key["key"].as_str().unwrap().to_owned();
    (case, upstream, key)
}

fn in_minutes(minutes: i64) -> Timestamp {
    keyreeve_os::system::now() + SignedDuration::from_mins(minutes)
}

/// Sends one request through `serve`, and stops it.
fn send_one_request(case: &Case, key: &str) {
    let serving = Serving::start(case);
    assert_eq!(serving.ask(key, &message("hi")).status(), 200);
    assert_exit(serving.end(), 0);
}

fn run_in_utc(case: &Case, arguments: &[&str]) -> ProcessOutput {
    let mut command = case.command(arguments);
    command.env("TZ", "UTC");
    case.home.run(&mut command).expect_code(0)
}

#[test]
fn limits_are_not_seen_before_any_response() {
    let case = Case::new();
    check("limits_no_profile", &case, &case.run(&["limits"]));
    let (case, _canary) = Case::with_profile();
    check("limits_not_seen", &case, &case.run(&["limits"]));
    let limits = case.run(&["limits", "--json"]).expect_code(0).json();
    assert_eq!(limits["schema_version"], 2);
    let work = &limits["subjects"][0];
    assert_eq!(
        (&work["name"], &work["billing"]),
        (&json!("work"), &json!("metered"))
    );
    assert_eq!(
        (&work["seen_at"], &work["tightest"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(work["limits"], json!([]));
    let shown = case.run(&["profile", "show", "work"]).expect_code(0).stdout;
    assert!(shown.contains("limits       not seen yet"), "{shown}");
    let status = case.run(&["status"]).expect_code(0).stdout;
    assert!(!status.contains("seen"), "{status}");
}

#[test]
fn limits_are_shown_with_reset_time_and_age() {
    let reset = in_minutes(12).to_string();
    let past = in_minutes(-1).to_string();
    let headers = [
        ("anthropic-ratelimit-requests-limit", "1000"),
        ("anthropic-ratelimit-requests-remaining", "250"),
        ("anthropic-ratelimit-requests-reset", &reset),
        ("anthropic-ratelimit-tokens-remaining", "9"),
        ("anthropic-ratelimit-tokens-reset", &past),
    ];
    let headers = headers.map(|(name, value)| (name, value.to_owned()));
    let (case, _upstream, key) = machine(headers.to_vec());
    send_one_request(&case, &key);

    let limits = case.run(&["limits", "--json"]).expect_code(0).json();
    let work = &limits["subjects"][0];
    let requests = &work["limits"][0];
    assert_eq!(work["tightest"], *requests, "{work}");
    assert_eq!(requests["name"], "requests");
    assert_eq!(
        (&requests["kind"], &requests["class"]),
        (&json!("minute"), &json!("haiku-4"))
    );
    assert_eq!(
        (&requests["remaining"], &requests["limit"]),
        (&json!(250), &json!(1000))
    );
    assert_eq!(
        (&requests["used"], &requests["has_reset"]),
        (&json!(0.75), &json!(false))
    );
    let tokens = &work["limits"][1];
    assert_eq!(
        (&tokens["has_reset"], &tokens["remaining"]),
        (&json!(true), &Value::Null)
    );

    let table = run_in_utc(&case, &["limits"]).stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[1].contains("250 of 1,000 left") && lines[1].contains("(in 11 min)"),
        "{table}"
    );
    assert!(
        lines[2].contains("has reset") && lines[2].contains(" ago)"),
        "{table}"
    );
    let limit = "250 of 1,000 requests/min left on haiku-4, resets ";
    for arguments in [&["status"][..], &["profile", "show", "work"]] {
        let output = run_in_utc(&case, arguments).stdout;
        assert!(output.contains(limit), "{output}");
    }
    let status = run_in_utc(&case, &["status", "--json"]).json();
    assert_eq!(status["limits"][0]["limits"][0]["remaining"], 250);
    let shown = run_in_utc(&case, &["profile", "show", "work", "--json"]).json();
    assert_eq!(shown["limits"][0]["remaining"], 250);
}

/// SU-01: a plan behind a virtual key stays blocked after a restart, with its remedy.
#[test]
fn plan_behind_a_key_stays_blocked_after_a_restart() {
    let unified = |field: &str| match field {
        "status" => "anthropic-ratelimit-unified-5h-status",
        "reset" => "anthropic-ratelimit-unified-5h-reset",
        _ => "anthropic-ratelimit-unified-5h-utilization",
    };
    let reset = in_minutes(90).as_second().to_string();
    let headers = [
        ("status", "allowed"),
        ("reset", &reset),
        ("utilization", "0.28"),
    ];
    let headers = headers.map(|(field, value)| (unified(field), value.to_owned()));
    let (case, upstream, key) = machine(headers.to_vec());
    send_one_request(&case, &key);

    let serving = Serving::start(&case);
    let refused = serving.ask(&key, &message("hi"));
    assert_eq!(refused.status(), 403);
    assert_exit(serving.end(), 0);
    assert_eq!(upstream.requests().len(), 1);

    let status = run_in_utc(&case, &["status"]).stdout;
    assert!(status.contains("blocked (plan_behind_key)"), "{status}");
    assert!(
        status.contains("work: plan, 5 hours: 28% used, resets "),
        "{status}"
    );
    let status = run_in_utc(&case, &["status", "--json"]).json();
    let unusable = &status["unusable_profiles"][0];
    assert_eq!(
        (&unusable["name"], &unusable["kind"]),
        (&json!("work"), &json!("blocked"))
    );
    let shown = run_in_utc(&case, &["profile", "show", "work"]).stdout;
    assert!(
        shown.contains("keyreeve exec --native -- claude"),
        "{shown}"
    );
    // Neither the owner's own commands nor programs may use it.
    assert_exit(case.run(&["profile", "direct", "work"]), 0);
    for (arguments, code) in [
        (&["ask", "hi", "--profile", "work"][..], 8),
        (&["exec", "--profile", "work", "--", "true"], 8),
        (&["check", "work"], 4),
    ] {
        let refused = case.run(arguments);
        let output = format!("{}{}", refused.stdout, refused.stderr);
        assert_eq!(refused.code, code, "{output}");
        assert!(output.contains("keyreeve profile show work"), "{output}");
    }
    assert_eq!(upstream.requests().len(), 1);
}
