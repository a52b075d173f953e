//! A plan login: its headers, its endpoints, and the credentials that cannot use these.

use serde_json::{Value, json};

use crate::client::{TestResponse, TestSandbox, api_key, message_body, oauth_token};

const BETA: (&str, &str) = ("anthropic-beta", "oauth-2025-04-20");

async fn send(sandbox: &TestSandbox, token: &str, line: &str, body: &Value) -> TestResponse {
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
async fn plan_responses_report_windows_instead_of_minute_limits() {
    let sandbox = TestSandbox::start().await;
    for (token, is_plan) in [(oauth_token("plan-a"), true), (oauth_token("a"), false)] {
        let response = send(
            &sandbox,
            &token,
            "POST /v1/messages",
            &message_body(&json!({})),
        )
        .await;
        assert_eq!(response.status, 200);
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
            assert_eq!(response.header(name), is_plan.then_some(value), "{name}");
        }
        let minute = response.header("anthropic-ratelimit-requests-limit");
        assert_eq!(minute.is_none(), is_plan);
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn plan_login_can_read_its_windows_and_account() {
    let sandbox = TestSandbox::start().await;
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
async fn other_credentials_cannot_read_plan_endpoints() {
    let sandbox = TestSandbox::start().await;
    for token in [oauth_token("c"), api_key("plan")] {
        for line in ["GET /api/oauth/usage", "GET /api/oauth/profile"] {
            let response = send(&sandbox, &token, line, &Value::Null).await;
            assert_eq!(response.status, 403, "{}", response.text());
            assert!(
                response.text().contains("user:profile"),
                "{}",
                response.text()
            );
        }
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn plan_endpoints_follow_scripts() {
    let sandbox = TestSandbox::start().await;
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
