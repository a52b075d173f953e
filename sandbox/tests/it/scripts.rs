//! Scripts: every named error, byte for byte; cuts, delays, counts; and what is no script.

use std::io::ErrorKind;
use std::time::Duration;

use keyreeve_core::secret::Fingerprint;
use keyreeve_sandbox::read_script;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Running, api_key, ask};

fn script(sandbox: &Running, word: &str, steps: &Value) {
    let steps = read_script(&steps.to_string()).unwrap();
    sandbox
        .control
        .script(&Fingerprint::of(&api_key(word)), steps);
}

/// A case as the data file writes it, read without the sandbox's own code.
#[derive(serde::Deserialize)]
struct Case {
    name: String,
    status: Value,
    headers: std::collections::BTreeMap<String, String>,
    body: Box<RawValue>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../data/errors.json")).unwrap()
}

#[tokio::test]
async fn every_named_error_is_answered_byte_for_byte() {
    let sandbox = Running::start().await;
    let cases = cases();
    assert_eq!(cases.len(), 67);
    for case in cases {
        script(&sandbox, "a", &json!([{"error": case.name}]));
        let reply = sandbox.post("a", &json!({})).await;
        let status = match case.name.as_str() {
            "stream_error_overloaded" => 529,
            "stream_error_rate_limit" => 429,
            "stream_error_api" => 500,
            "legacy_usage_limit_epoch" => 200,
            _ => u16::try_from(case.status.as_u64().unwrap()).unwrap(),
        };
        assert_eq!(reply.status, status, "{}", case.name);
        let body = serde_json::from_str::<String>(case.body.get());
        assert_eq!(
            reply.text(),
            body.as_deref().unwrap_or_else(|_| case.body.get()),
            "{}",
            case.name
        );
        for (name, value) in &case.headers {
            assert_eq!(
                reply.header(name),
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
async fn steps_are_taken_one_per_request_and_only_by_their_key() {
    let sandbox = Running::start().await;
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
    let found: Vec<u16> = statuses.iter().map(|reply| reply.status).collect();
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
async fn an_answer_is_cut_where_the_script_says() {
    let sandbox = Running::start().await;
    for stream in [false, true] {
        for (how, ends) in [
            ("fin", ErrorKind::UnexpectedEof),
            ("rst", ErrorKind::ConnectionReset),
        ] {
            for bytes in [0, 1, 400] {
                script(
                    &sandbox,
                    "a",
                    &json!([{"cut_after_bytes": bytes, "how": how}]),
                );
                let reply = sandbox.post("a", &json!({"stream": stream})).await;
                assert_eq!(reply.status, 200);
                let found = (reply.body.len(), reply.broken);
                assert_eq!(
                    found,
                    (bytes, Some(ends)),
                    "stream: {stream}, {how}, {bytes}"
                );
            }
        }
    }
    script(&sandbox, "a", &json!([{"cut_after_bytes": 1_000_000}]));
    let whole = sandbox.post("a", &json!({})).await;
    assert_eq!(
        (whole.broken, &whole.json()["type"]),
        (None, &json!("message"))
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn an_answer_may_not_come_at_all() {
    let sandbox = Running::start().await;
    for (how, ends) in [
        ("fin", ErrorKind::UnexpectedEof),
        ("rst", ErrorKind::ConnectionReset),
    ] {
        script(&sandbox, "a", &json!([{"no_answer": true, "how": how}]));
        let key = api_key("a");
        let reply = sandbox
            .send("GET /v1/models", &[("x-api-key", &key)], b"")
            .await;
        assert_eq!(reply.err(), Some(ends));
        assert_eq!(sandbox.control.requests().last().unwrap().status, None);
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn a_stream_breaks_with_an_error_event() {
    let sandbox = Running::start().await;
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
        let reply = sandbox.post("a", &json!({"stream": true})).await;
        let events = reply.events();
        assert_eq!(
            (reply.status, reply.broken, events.len()),
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
    let reply = sandbox.post("a", &json!({"stream": true})).await;
    assert_eq!(reply.events().last().unwrap().0, "message_stop");
    assert_eq!(
        reply.header("anthropic-ratelimit-unified-status"),
        Some("allowed_warning")
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn delays_silences_and_pace_take_their_time() {
    let sandbox = Running::start().await;
    for (step, stream, least) in [
        (json!({"delay_ms": 120, "error": "overloaded"}), false, 120),
        (json!({"silent_ms": 120}), false, 120),
        (json!({"silent_ms": 120, "after_events": 4}), true, 120),
        (json!({"pace_ms": 10}), true, 100),
    ] {
        script(&sandbox, "a", &json!([step]));
        let start = Instant::now();
        sandbox.post("a", &json!({"stream": stream})).await;
        assert!(start.elapsed() >= Duration::from_millis(least), "{step}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn what_is_no_script_is_refused_by_name() {
    let sandbox = Running::start().await;
    let line = format!(
        "PUT /_sandbox/keys/{}/script",
        Fingerprint::of(&api_key("a"))
    );
    for (script, words) in [
        ("{}", "a script is a JSON array of steps"),
        (
            "[{\"ok\":true},{\"wait\":3}]",
            "step 2 cannot be read: unknown field `wait`",
        ),
        ("[{\"ok\":false}]", "step 1 cannot be read: only true"),
        (
            "[{\"ok\":true,\"body\":1}]",
            "step 1 says `body`, which does nothing there",
        ),
        (
            "[{\"error\":\"credit\",\"after_events\":1}]",
            "step 1 says `after_events`",
        ),
        ("[{\"delay_ms\":1,\"how\":\"rst\"}]", "step 1 says `how`"),
        ("[{\"error\":\"none_such\"}]", "step 1 names an error"),
        (
            "[{\"ok\":true,\"times\":0}]",
            "step 1 cannot be read: invalid value",
        ),
        ("[{}]", "step 1 must say one of"),
        ("[{\"ok\":true,\"status\":500}]", "step 1 must say one of"),
        ("[{\"status\":99}]", "step 1 has a status or header"),
        (
            "[{\"ok\":true,\"headers\":{\"a b\":\"c\"}}]",
            "step 1 has a status or header",
        ),
        (
            "[{\"cut_after_bytes\":1,\"how\":\"hard\"}]",
            "step 1 cannot be read: unknown variant `hard`",
        ),
    ] {
        let reply = sandbox.send(&line, &[], script.as_bytes()).await.unwrap();
        assert_eq!(reply.status, 400, "{script}");
        let (_, message) = reply.error();
        assert!(message.starts_with(words), "{script}: {message}");
    }
    let bad_key = "PUT /_sandbox/keys/not-a-fingerprint/script";
    assert_eq!(sandbox.send(bad_key, &[], b"[]").await.unwrap().status, 400);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_script_is_set_and_taken_away_over_http() {
    let sandbox = Running::start().await;
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
async fn a_step_decides_before_any_check() {
    let sandbox = Running::start().await;
    script(&sandbox, "a", &json!([{"error": "internal"}]));
    let body = ask(&json!({"model": "claude-nonesuch-9"})).to_string();
    let key = api_key("a");
    let reply = sandbox
        .send("POST /v1/messages", &[("x-api-key", &key)], body.as_bytes())
        .await;
    assert_eq!(reply.unwrap().status, 500);
    sandbox.stop().await;
}
