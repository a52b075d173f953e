//! Scripts: every named error, byte for byte; cuts, delays, counts; and invalid scripts.

use std::io::ErrorKind;
use std::time::Duration;

use keyreeve_core::secret::Fingerprint;
use keyreeve_sandbox::read_script;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{TestSandbox, api_key, message_body};

fn script(sandbox: &TestSandbox, word: &str, steps: &Value) {
    let steps = read_script(&steps.to_string()).unwrap();
    sandbox
        .control
        .script(&Fingerprint::of(&api_key(word)), steps);
}

/// A case of the data file, parsed without the sandbox's own code.
#[derive(serde::Deserialize)]
struct RecordedCase {
    name: String,
    status: Value,
    headers: std::collections::BTreeMap<String, String>,
    body: Box<RawValue>,
}

fn cases() -> Vec<RecordedCase> {
    serde_json::from_str(include_str!("../../data/errors.json")).unwrap()
}

#[tokio::test]
async fn every_named_error_is_returned_byte_for_byte() {
    let sandbox = TestSandbox::start().await;
    let cases = cases();
    assert_eq!(cases.len(), 67);
    for case in cases {
        script(&sandbox, "a", &json!([{"error": case.name}]));
        let response = sandbox.post("a", &json!({})).await;
        let status = match case.name.as_str() {
            "stream_error_overloaded" => 529,
            "stream_error_rate_limit" => 429,
            "stream_error_api" => 500,
            "legacy_usage_limit_epoch" => 200,
            _ => u16::try_from(case.status.as_u64().unwrap()).unwrap(),
        };
        assert_eq!(response.status, status, "{}", case.name);
        let body = serde_json::from_str::<String>(case.body.get());
        assert_eq!(
            response.text(),
            body.as_deref().unwrap_or_else(|_| case.body.get()),
            "{}",
            case.name
        );
        for (name, value) in &case.headers {
            assert_eq!(
                response.header(name),
                Some(value.as_str()),
                "{} {name}",
                case.name
            );
        }
        assert_eq!(
            sandbox.post("a", &json!({})).await.status,
            200,
            "after {}",
            case.name
        );
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn each_request_of_the_key_takes_one_step() {
    let sandbox = TestSandbox::start().await;
    script(
        &sandbox,
        "a",
        &json!([
            {"error": "overloaded", "times": 2},
            {"ok": true},
            {"status": 429, "headers": {"retry-after": 7, "x-should-retry": "false"}},
            {"status": 418, "body": {"b": 1, "a": [2]}},
            {"status": 302, "headers": {"location": "http://127.0.0.1:1/"}, "body": ""},
            {"status": 200, "headers": {"anthropic-ratelimit-unified-status": "allowed"}},
            {"error": "rate_limited", "headers": {"retry-after": "1"}},
        ]),
    );
    let mut statuses = Vec::new();
    for _ in 0..9 {
        assert_eq!(sandbox.post("b", &json!({})).await.status, 200);
        statuses.push(sandbox.post("a", &json!({})).await);
    }
    let found: Vec<u16> = statuses.iter().map(|response| response.status).collect();
    assert_eq!(found, [529, 529, 200, 429, 418, 302, 200, 429, 200]);
    assert_eq!(statuses[3].error().0, "rate_limit_error");
    assert_eq!(statuses[3].header("retry-after"), Some("7"));
    assert_eq!(statuses[4].text(), "{\"a\":[2],\"b\":1}");
    assert_eq!(
        (statuses[5].text(), statuses[5].header("location")),
        ("", Some("http://127.0.0.1:1/"))
    );
    assert_eq!(statuses[6].json()["type"], "message");
    assert_eq!(
        statuses[6].header("anthropic-ratelimit-unified-status"),
        Some("allowed")
    );
    assert_eq!(statuses[7].header("retry-after"), Some("1"));
    sandbox.stop().await;
}

#[tokio::test]
async fn response_is_cut_after_the_scripted_bytes() {
    let sandbox = TestSandbox::start().await;
    for stream in [false, true] {
        for (how, error) in [
            ("fin", ErrorKind::UnexpectedEof),
            ("rst", ErrorKind::ConnectionReset),
        ] {
            for bytes in [0, 1, 400] {
                script(
                    &sandbox,
                    "a",
                    &json!([{"cut_after_bytes": bytes, "how": how}]),
                );
                let response = sandbox.post("a", &json!({"stream": stream})).await;
                assert_eq!(response.status, 200);
                let found = (response.body.len(), response.connection_error);
                assert_eq!(
                    found,
                    (bytes, Some(error)),
                    "stream: {stream}, {how}, {bytes}"
                );
            }
        }
    }
    script(&sandbox, "a", &json!([{"cut_after_bytes": 1_000_000}]));
    let whole = sandbox.post("a", &json!({})).await;
    assert_eq!(
        (whole.connection_error, &whole.json()["type"]),
        (None, &json!("message"))
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn script_can_close_before_the_response() {
    let sandbox = TestSandbox::start().await;
    for (how, error) in [
        ("fin", ErrorKind::UnexpectedEof),
        ("rst", ErrorKind::ConnectionReset),
    ] {
        script(&sandbox, "a", &json!([{"no_answer": true, "how": how}]));
        let key = api_key("a");
        let response = sandbox
            .send("GET /v1/models", &[("x-api-key", &key)], b"")
            .await;
        assert_eq!(response.err(), Some(error));
        assert_eq!(sandbox.control.requests().last().unwrap().status, None);
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn script_ends_a_stream_with_an_error_event() {
    let sandbox = TestSandbox::start().await;
    for (step, count) in [
        (
            json!({"stream_error": "overloaded_error", "after_events": 3}),
            4,
        ),
        (json!({"stream_error": "overloaded_error"}), 1),
        (json!({"error": "stream_error_overloaded"}), 1),
        (
            json!({"error": "stream_error_overloaded", "after_events": 5}),
            6,
        ),
    ] {
        script(&sandbox, "a", &json!([step, step]));
        let response = sandbox.post("a", &json!({"stream": true})).await;
        let events = response.events();
        assert_eq!(
            (response.status, response.connection_error, events.len()),
            (200, None, count),
            "{step}"
        );
        let (name, data) = events.last().unwrap();
        assert_eq!(
            (name.as_str(), &data["error"]["type"]),
            ("error", &json!("overloaded_error"))
        );
        let whole = sandbox.post("a", &json!({})).await;
        assert_eq!(
            (whole.status, whole.error().0.as_str()),
            (529, "overloaded_error"),
            "{step}"
        );
    }
    script(&sandbox, "a", &json!([{"error": "plan_warning"}]));
    let response = sandbox.post("a", &json!({"stream": true})).await;
    assert_eq!(response.events().last().unwrap().0, "message_stop");
    assert_eq!(
        response.header("anthropic-ratelimit-unified-status"),
        Some("allowed_warning")
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn delays_stalls_and_pace_are_applied() {
    let sandbox = TestSandbox::start().await;
    for (step, stream, min_ms) in [
        (json!({"delay_ms": 120, "error": "overloaded"}), false, 120),
        (json!({"silent_ms": 120}), false, 120),
        (json!({"silent_ms": 120, "after_events": 4}), true, 120),
        (json!({"pace_ms": 10}), true, 100),
    ] {
        script(&sandbox, "a", &json!([step]));
        let start = Instant::now();
        sandbox.post("a", &json!({"stream": stream})).await;
        assert!(start.elapsed() >= Duration::from_millis(min_ms), "{step}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn invalid_script_error_names_the_step() {
    let sandbox = TestSandbox::start().await;
    let line = format!(
        "PUT /_sandbox/keys/{}/script",
        Fingerprint::of(&api_key("a"))
    );
    for (script, start) in [
        ("{}", "a script must be a JSON array of steps"),
        (
            "[{\"ok\":true},{\"wait\":3}]",
            "step 2 is invalid: unknown field `wait`",
        ),
        ("[{\"ok\":false}]", "step 1 is invalid: only true"),
        (
            "[{\"ok\":true,\"body\":1}]",
            "step 1 has `body`, which has no effect there",
        ),
        (
            "[{\"error\":\"credit\",\"after_events\":1}]",
            "step 1 has `after_events`",
        ),
        ("[{\"delay_ms\":1,\"how\":\"rst\"}]", "step 1 has `how`"),
        (
            "[{\"error\":\"none_such\"}]",
            "step 1 names an unknown error",
        ),
        (
            "[{\"ok\":true,\"times\":0}]",
            "step 1 is invalid: invalid value",
        ),
        ("[{}]", "step 1 must have exactly one of"),
        (
            "[{\"ok\":true,\"status\":500}]",
            "step 1 must have exactly one of",
        ),
        (
            "[{\"status\":99}]",
            "step 1 has an invalid status or header",
        ),
        (
            "[{\"ok\":true,\"headers\":{\"a b\":\"c\"}}]",
            "step 1 has an invalid status or header",
        ),
        (
            "[{\"cut_after_bytes\":1,\"how\":\"hard\"}]",
            "step 1 is invalid: unknown variant `hard`",
        ),
    ] {
        let response = sandbox.send(&line, &[], script.as_bytes()).await.unwrap();
        assert_eq!(response.status, 400, "{script}");
        let (_, message) = response.error();
        assert!(message.starts_with(start), "{script}: {message}");
    }
    let bad_key = "PUT /_sandbox/keys/not-a-fingerprint/script";
    assert_eq!(sandbox.send(bad_key, &[], b"[]").await.unwrap().status, 400);
    sandbox.stop().await;
}

#[tokio::test]
async fn script_is_set_and_removed_over_http() {
    let sandbox = TestSandbox::start().await;
    let path = format!("/_sandbox/keys/{}/script", Fingerprint::of(&api_key("a")));
    let put = format!("PUT {path}");
    let steps = b"[{\"error\":\"credit\",\"times\":9}]";
    assert_eq!(sandbox.send(&put, &[], steps).await.unwrap().status, 200);
    assert_eq!(sandbox.post("a", &json!({})).await.status, 400);
    assert_eq!(
        sandbox
            .send(&format!("DELETE {path}"), &[], b"")
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(sandbox.post("a", &json!({})).await.status, 200);
    sandbox.stop().await;
}

#[tokio::test]
async fn step_applies_before_any_check() {
    let sandbox = TestSandbox::start().await;
    script(&sandbox, "a", &json!([{"error": "internal"}]));
    let body = message_body(&json!({"model": "claude-nonesuch-9"})).to_string();
    let key = api_key("a");
    let response = sandbox
        .send("POST /v1/messages", &[("x-api-key", &key)], body.as_bytes())
        .await;
    assert_eq!(response.unwrap().status, 500);
    sandbox.stop().await;
}
