//! A plan login: its headers, what it is told of itself, and who is not.

use serde_json::{Value, json};

use crate::client::{Reply, Running, api_key, ask, oauth_token};

const BETA: (&str, &str) = ("anthropic-beta", "oauth-2025-04-20");

async fn send(sandbox: &Running, token: &str, line: &str, body: &Value) -> Reply {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("anthropic-version", "2023-06-01"),
        BETA,
    ];
    let body = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    sandbox.send(line, &headers, &body).await.unwrap()
}

#[tokio::test]
async fn its_messages_tell_windows_instead_of_minute_limits() {
    let sandbox = Running::start().await;
    for (token, of_plan) in [(oauth_token("plan-a"), true), (oauth_token("a"), false)] {
        let reply = send(&sandbox, &token, "POST /v1/messages", &ask(&json!({}))).await;
        assert_eq!(reply.status, 200);
        for (name, value) in [
            ("anthropic-ratelimit-unified-status", "allowed"),
            ("anthropic-ratelimit-unified-5h-utilization", "0.12"),
            ("anthropic-ratelimit-unified-5h-reset", "1795194000"),
            ("anthropic-ratelimit-unified-7d-utilization", "0.34"),
            (
                "anthropic-ratelimit-unified-representative-claim",
                "five_hour",
            ),
        ] {
            assert_eq!(reply.header(name), of_plan.then_some(value), "{name}");
        }
        let minute = reply.header("anthropic-ratelimit-requests-limit");
        assert_eq!(minute.is_none(), of_plan);
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn it_is_told_its_windows_and_its_account() {
    let sandbox = Running::start().await;
    let token = oauth_token("plan-b");
    let usage = send(&sandbox, &token, "GET /api/oauth/usage", &Value::Null).await;
    assert_eq!(
        (usage.status, &usage.json()["five_hour"]),
        (
            200,
            &json!({ "utilization": 12.0, "resets_at": "2026-11-20T17:00:00+00:00" })
        )
    );
    assert_eq!(usage.json()["seven_day_opus"], Value::Null);
    let profile = send(&sandbox, &token, "GET /api/oauth/profile", &Value::Null).await;
    let organization = profile.header("anthropic-organization-id").unwrap();
    assert_eq!(profile.json()["organization"]["uuid"], organization);
    let post = send(&sandbox, &token, "POST /api/oauth/usage", &Value::Null).await;
    assert_eq!(post.status, 405);
    sandbox.stop().await;
}

#[tokio::test]
async fn others_are_told_nothing() {
    let sandbox = Running::start().await;
    for token in [oauth_token("c"), api_key("plan")] {
        for line in ["GET /api/oauth/usage", "GET /api/oauth/profile"] {
            let reply = send(&sandbox, &token, line, &Value::Null).await;
            assert_eq!(reply.status, 403, "{}", reply.text());
            assert!(reply.text().contains("user:profile"), "{}", reply.text());
        }
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn its_pages_follow_scripts_too() {
    let sandbox = Running::start().await;
    let token = oauth_token("plan-d");
    let steps = r#"[{"status": 429, "headers": {"retry-after": 2895}}]"#;
    let fingerprint = keyreeve_core::secret::Fingerprint::of(&token);
    let steps = keyreeve_sandbox::read_script(steps).unwrap();
    sandbox.control.script(&fingerprint, steps);
    let throttled = send(&sandbox, &token, "GET /api/oauth/usage", &Value::Null).await;
    assert_eq!(
        (throttled.status, throttled.header("retry-after")),
        (429, Some("2895"))
    );
    let usage = send(&sandbox, &token, "GET /api/oauth/usage", &Value::Null).await;
    assert_eq!(usage.status, 200);
    sandbox.stop().await;
}
