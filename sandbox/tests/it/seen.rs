//! What the sandbox tells of the requests that came: enough to test a client by, and never a secret.

use serde_json::{Value, json};

use crate::client::{Running, api_key, ask, oauth_token};

async fn list(sandbox: &Running) -> Value {
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
async fn a_request_is_told_by_its_shape() {
    let sandbox = Running::start().await;
    let key = api_key("a");
    let bearer = format!("Bearer {key}");
    let body = ask(&json!({})).to_string();
    let headers = [
        ("Authorization", bearer.as_str()),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "one"),
        ("anthropic-beta", "two"),
    ];
    let reply = sandbox
        .send("POST /v1/messages?beta=true", &headers, body.as_bytes())
        .await
        .unwrap();
    assert_eq!(reply.status, 200);
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
async fn no_secret_and_no_body_is_told_wherever_it_was_put() {
    let sandbox = Running::start().await;
    let (key, token) = (api_key("CANARY"), oauth_token("CANARY"));
    let (bearer, basic) = (
        format!("Bearer {token}"),
        String::from("Basic Q0FOQVJZOkNBTkFSWQ=="),
    );
    let cookie = format!("sessionKey={key}; other=CANARY");
    let body = ask(&json!({"metadata": {"user_id": "CANARY"}, "system": key})).to_string();
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
            let reply = sandbox
                .send(&line, &headers, body.as_bytes())
                .await
                .unwrap();
            assert!(reply.status >= 400 || reply.status == 200);
        }
    }
    let told = list(&sandbox).await;
    assert_eq!(told.as_array().unwrap().len(), 25);
    let told = told.to_string() + &format!("{:?}", sandbox.control.requests());
    for secret in ["CANARY", "Q0FOQVJZ", "sk-ant", "sk%2Dant"] {
        assert!(!told.contains(secret), "{secret}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn the_newest_thousand_are_kept() {
    let sandbox = Running::start().await;
    for _ in 0..1_005 {
        sandbox.send("HEAD /", &[], b"").await.unwrap();
    }
    let kept = sandbox.control.requests();
    let (first, last) = (kept.first().unwrap().number, kept.last().unwrap().number);
    assert_eq!((kept.len(), first, last), (1_000, 6, 1_005));
    sandbox
        .send("DELETE /_sandbox/requests", &[], b"")
        .await
        .unwrap();
    assert!(sandbox.control.requests().is_empty());
    sandbox.stop().await;
}

#[tokio::test]
async fn the_control_desk_explains_itself_and_answers_this_machine_only() {
    let sandbox = Running::start().await;
    let explained = sandbox
        .send("GET /_sandbox", &[], b"")
        .await
        .unwrap()
        .json();
    assert_eq!(explained["errors"].as_array().unwrap().len(), 67);
    for (name, value) in [("origin", "https://example.invalid"), ("host", "evil.test")] {
        let refused = sandbox
            .send("GET /_sandbox/requests", &[(name, value)], b"")
            .await
            .unwrap();
        assert_eq!(refused.status, 403, "{name}");
    }
    let nothing = sandbox
        .send("GET /_sandbox/nothing", &[], b"")
        .await
        .unwrap();
    assert_eq!(
        (nothing.status, nothing.error().0.as_str()),
        (404, "not_found_error")
    );
    assert!(sandbox.control.requests().is_empty());
    sandbox.stop().await;
}
