//! The token endpoint: both grants, single-use refresh tokens, errors of RFC 6749.

use serde_json::{Value, json};

use crate::client::{TestResponse, TestSandbox};

const OAUTH: &str = "oauth-2025-04-20";
const FEDERATION: &str = "oauth-2025-04-20,oidc-federation-2026-04-01";

async fn request_token(sandbox: &TestSandbox, beta: &str, body: &Value) -> TestResponse {
    let headers = [
        ("anthropic-beta", beta),
        ("content-type", "application/json"),
    ];
    let body = body.to_string();
    let line = "POST /v1/oauth/token";
    sandbox.send(line, &headers, body.as_bytes()).await.unwrap()
}

fn refresh(token: &str) -> Value {
    json!({"grant_type": "refresh_token", "refresh_token": token, "client_id": "made-up"})
}

fn federation(assertion: &str) -> Value {
    json!({
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": assertion,
        "federation_rule_id": "fdrl_01MADEUP",
        "organization_id": "00000000-1111-4222-8333-444444444444",
    })
}

fn refresh_token() -> String {
    format!("sk-ant-{}-{}AA", "ort01", "r".repeat(93))
}

#[tokio::test]
async fn refresh_token_works_once_and_its_successor_afterwards() {
    let sandbox = TestSandbox::start().await;
    let first = request_token(&sandbox, OAUTH, &refresh(&refresh_token())).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(first.json()["token_type"], "Bearer");
    let again = request_token(&sandbox, OAUTH, &refresh(&refresh_token())).await;
    assert_eq!(
        (again.status, &again.json()["error"]),
        (400, &json!("invalid_grant"))
    );
    let successor = first.json()["refresh_token"].as_str().unwrap().to_owned();
    let second = request_token(&sandbox, OAUTH, &refresh(&successor)).await;
    assert_eq!(second.status, 200, "{}", second.text());
    assert_ne!(first.json()["access_token"], second.json()["access_token"]);
    let bearer = format!("Bearer {}", second.json()["access_token"].as_str().unwrap());
    let headers = [
        ("authorization", bearer.as_str()),
        ("anthropic-beta", OAUTH),
        ("anthropic-version", "2023-06-01"),
    ];
    let models = sandbox.send("GET /v1/models", &headers, b"").await.unwrap();
    assert_eq!(models.status, 200, "an issued token is accepted");
    sandbox.stop().await;
}

#[tokio::test]
async fn each_grant_has_its_own_beta_and_errors() {
    let sandbox = TestSandbox::start().await;
    for (beta, body, status, error) in [
        (FEDERATION, federation("a.b.c"), 200, Value::Null),
        (FEDERATION, federation("abc"), 401, json!("invalid_grant")),
        (OAUTH, federation("a.b.c"), 400, json!("invalid_request")),
        (
            FEDERATION,
            refresh(&refresh_token()),
            400,
            json!("invalid_request"),
        ),
        (
            "other",
            refresh(&refresh_token()),
            400,
            json!("invalid_request"),
        ),
        (OAUTH, refresh("not-one"), 400, json!("invalid_grant")),
        (
            OAUTH,
            json!({"grant_type": "refresh_token"}),
            400,
            json!("invalid_request"),
        ),
        (
            OAUTH,
            json!({"grant_type": "password"}),
            400,
            json!("unsupported_grant_type"),
        ),
        (OAUTH, json!([]), 400, json!("invalid_request")),
    ] {
        let response = request_token(&sandbox, beta, &body).await;
        assert_eq!(
            (response.status, &response.json()["error"]),
            (status, &error),
            "{body}"
        );
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn script_is_selected_by_the_token_in_the_request() {
    let sandbox = TestSandbox::start().await;
    let steps = r#"[{"status": 429, "body": {"error": "rate_limited"}}]"#;
    let fingerprint = keyreeve_core::secret::Fingerprint::of(&refresh_token());
    sandbox
        .control
        .script(&fingerprint, keyreeve_sandbox::read_script(steps).unwrap());
    let limited = request_token(&sandbox, OAUTH, &refresh(&refresh_token())).await;
    assert_eq!(limited.status, 429);
    let accepted = request_token(&sandbox, OAUTH, &refresh(&refresh_token())).await;
    assert_eq!(
        accepted.status, 200,
        "the first request did not use the token"
    );
    sandbox.stop().await;
}
