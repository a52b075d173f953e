//! Recorded requests: enough detail to test a client, and never a secret.

use serde_json::{Value, json};

use crate::client::{TestSandbox, api_key, message_body, oauth_token};

async fn list(sandbox: &TestSandbox) -> Value {
    sandbox
        .send("GET /_sandbox/requests", &[], b"")
        .await
        .unwrap()
        .json()["data"]
        .clone()
}

fn header<'a>(request: &'a Value, name: &str) -> Option<&'a Value> {
    let headers = request["headers"].as_array()?;
    headers
        .iter()
        .find(|header| header[0] == name)
        .map(|header| &header[1])
}

#[tokio::test]
async fn request_is_recorded_with_all_fields() {
    let sandbox = TestSandbox::start().await;
    let key = api_key("a");
    let bearer = format!("Bearer {key}");
    let body = message_body(&json!({})).to_string();
    let headers = [
        ("Authorization", bearer.as_str()),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "one"),
        ("anthropic-beta", "two"),
    ];
    let response = sandbox
        .send("POST /v1/messages?beta=true", &headers, body.as_bytes())
        .await
        .unwrap();
    assert_eq!(response.status, 200);
    let list = list(&sandbox).await;
    let request = &list[0];
    for (field, value) in [
        ("number", json!(1)),
        ("method", json!("POST")),
        ("path", json!("/v1/messages")),
        ("query", json!("beta=true")),
        ("body_bytes", json!(body.len())),
        (
            "body_blake3",
            json!(blake3::hash(body.as_bytes()).to_hex().as_str()),
        ),
        ("status", json!(200)),
        ("arrived_at", json!("2026-11-20T12:00:00Z")),
        ("answered_at", json!("2026-11-20T12:00:00Z")),
    ] {
        assert_eq!(request[field], value, "{field}");
    }
    let fingerprint = &blake3::hash(key.as_bytes()).to_hex()[..16];
    let credential = json!({"scheme": "Bearer", "fingerprint": fingerprint, "family": "api_key"});
    assert_eq!(header(request, "authorization"), Some(&credential));
    let betas = request["headers"].as_array().unwrap().iter();
    assert_eq!(
        betas.filter(|header| header[0] == "anthropic-beta").count(),
        2
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn no_secret_and_no_body_is_recorded() {
    let sandbox = TestSandbox::start().await;
    let (key, token) = (api_key("CANARY"), oauth_token("CANARY"));
    let (bearer, basic) = (
        format!("Bearer {token}"),
        String::from("Basic Q0FOQVJZOkNBTkFSWQ=="),
    );
    let cookie = format!("sessionKey={key}; other=CANARY");
    let body = message_body(&json!({"metadata": {"user_id": "CANARY"}, "system": key})).to_string();
    let encoded = key.replace('-', "%2D");
    for line in [
        String::from("POST /v1/messages"),
        format!("POST /v1/messages?key={key}"),
        format!("POST /v1/messages?key={encoded}"),
        format!("GET /{key}"),
        format!("GET /v1/models/{encoded}"),
    ] {
        for headers in [
            [("x-api-key", key.as_str()), ("authorization", &bearer)],
            [("api-key", &key), ("proxy-authorization", &basic)],
            [("cookie", &cookie), ("x-goog-api-key", &key)],
            [("user-agent", &key), ("x-auth-token", "CANARY")],
            [("authorization", &key), ("x-api-key", &bearer)],
        ] {
            let response = sandbox
                .send(&line, &headers, body.as_bytes())
                .await
                .unwrap();
            assert!(response.status >= 400 || response.status == 200);
        }
    }
    let recorded = list(&sandbox).await;
    assert_eq!(recorded.as_array().unwrap().len(), 25);
    let recorded = recorded.to_string() + &format!("{:?}", sandbox.control.requests());
    for secret in ["CANARY", "Q0FOQVJZ", "sk-ant", "sk%2Dant"] {
        assert!(!recorded.contains(secret), "{secret}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn newest_thousand_requests_are_stored() {
    let sandbox = TestSandbox::start().await;
    for _ in 0..1_005 {
        sandbox.send("HEAD /", &[], b"").await.unwrap();
    }
    let requests = sandbox.control.requests();
    let (first, last) = (
        requests.first().unwrap().number,
        requests.last().unwrap().number,
    );
    assert_eq!((requests.len(), first, last), (1_000, 6, 1_005));
    sandbox
        .send("DELETE /_sandbox/requests", &[], b"")
        .await
        .unwrap();
    assert!(sandbox.control.requests().is_empty());
    sandbox.stop().await;
}

#[tokio::test]
async fn control_api_accepts_only_requests_to_this_machine() {
    let sandbox = TestSandbox::start().await;
    let overview = sandbox
        .send("GET /_sandbox", &[], b"")
        .await
        .unwrap()
        .json();
    assert_eq!(overview["errors"].as_array().unwrap().len(), 67);
    for (name, value) in [("origin", "https://example.invalid"), ("host", "evil.test")] {
        let response = sandbox
            .send("GET /_sandbox/requests", &[(name, value)], b"")
            .await
            .unwrap();
        assert_eq!(response.status, 403, "{name}");
    }
    let unknown = sandbox
        .send("GET /_sandbox/nothing", &[], b"")
        .await
        .unwrap();
    assert_eq!(
        (unknown.status, unknown.error().0.as_str()),
        (404, "not_found_error")
    );
    assert!(sandbox.control.requests().is_empty());
    sandbox.stop().await;
}
