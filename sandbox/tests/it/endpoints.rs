//! The other endpoints, size limits, and the loopback rule.

use std::io;

use keyreeve_sandbox::{Sandbox, SandboxSettings};
use serde_json::{Value, json};

use crate::client::{TestSandbox, api_key};

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn token_count_matches_the_recorded_one() {
    let sandbox = TestSandbox::start().await;
    let fixture = fixture(include_str!("../fixtures/count_tokens.json"));
    let body = fixture["request"].to_string();
    let response = sandbox
        .send_with_key(
            "a",
            "POST /v1/messages/count_tokens?beta=true",
            body.as_bytes(),
        )
        .await;
    assert_eq!(
        (response.status, response.json()),
        (200, fixture["body"].clone())
    );
    sandbox.stop().await;
}

async fn page(sandbox: &TestSandbox, query: &str) -> Value {
    let response = sandbox
        .send_with_key("a", &format!("GET /v1/models{query}"), b"")
        .await;
    assert_eq!(response.status, 200, "{query}");
    response.json()
}

#[tokio::test]
async fn model_pages_have_the_recorded_shape() {
    let sandbox = TestSandbox::start().await;
    let all = page(&sandbox, "?limit=1000").await;
    let models = all["data"].as_array().unwrap();
    let recorded = fixture(include_str!("../fixtures/models.json"));
    let named = |models: &[Value], id: &str| {
        models
            .iter()
            .find(|model| model["id"] == id)
            .map(|model| model["display_name"].clone())
    };
    for model in recorded["body"]["data"].as_array().unwrap() {
        let id = model["id"].as_str().unwrap();
        assert_eq!(
            named(models, id).as_ref(),
            Some(&model["display_name"]),
            "{id}"
        );
    }
    let id = |at: usize| models[at]["id"].as_str().unwrap();
    let last = models.len() - 1;
    assert_eq!(
        (&all["first_id"], &all["last_id"]),
        (&json!(id(0)), &json!(id(last)))
    );
    assert_eq!(all["has_more"], false);
    for (query, first, last, has_more) in [
        (String::from("?limit=2"), id(0), id(1), true),
        (format!("?limit=2&after_id={}", id(1)), id(2), id(3), true),
        (format!("?limit=2&before_id={}", id(4)), id(2), id(3), true),
        (format!("?before_id={}", id(2)), id(0), id(1), false),
        (
            format!("?after_id={}", id(last - 1)),
            id(last),
            id(last),
            false,
        ),
    ] {
        let page = page(&sandbox, &query).await;
        let found = (&page["first_id"], &page["last_id"], &page["has_more"]);
        assert_eq!(
            found,
            (&json!(first), &json!(last), &json!(has_more)),
            "{query}"
        );
    }
    let after_the_last = page(&sandbox, &format!("?after_id={}", id(last))).await;
    assert_eq!(
        (&after_the_last["data"], &after_the_last["first_id"]),
        (&json!([]), &Value::Null)
    );
    for query in ["?limit=0", "?limit=1001", "?limit=x", "?after_id=none-such"] {
        let response = sandbox
            .send_with_key("a", &format!("GET /v1/models{query}"), b"")
            .await;
        assert_eq!(
            (response.status, response.error().0.as_str()),
            (400, "invalid_request_error")
        );
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn model_id_is_accepted_with_or_without_its_date() {
    let sandbox = TestSandbox::start().await;
    for (requested, found) in [
        ("claude-haiku-5-5", "claude-haiku-5-5"),
        ("claude-haiku-5-5-20261007", "claude-haiku-5-5"),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
    ] {
        let response = sandbox
            .send_with_key("a", &format!("GET /v1/models/{requested}"), b"")
            .await;
        assert_eq!(
            (response.status, &response.json()["id"]),
            (200, &json!(found))
        );
        assert_eq!(
            sandbox.post("a", &json!({"model": requested})).await.status,
            200
        );
    }
    let other_date = sandbox
        .post("a", &json!({"model": "claude-haiku-4-5-20240101"}))
        .await;
    assert_eq!(other_date.status, 404);
    let response = sandbox
        .send_with_key("a", "GET /v1/models/claude-nonesuch-9", b"")
        .await;
    let error = (
        String::from("not_found_error"),
        String::from("model: claude-nonesuch-9"),
    );
    assert_eq!((response.status, response.error()), (404, error));
    sandbox.stop().await;
}

#[tokio::test]
async fn hello_needs_no_credential_and_other_paths_are_not_found() {
    let sandbox = TestSandbox::start().await;
    for (line, status) in [
        ("HEAD /", 200),
        ("HEAD /api/hello", 200),
        ("GET /api/hello", 200),
        ("GET /v1/nothing", 404),
        ("POST /v1/messages/batches", 404),
        ("GET /v1/messages", 405),
    ] {
        let response = sandbox.send(line, &[], b"").await;
        // A response to HEAD has no body, whatever its `content-length`.
        assert_eq!(response.unwrap().status, status, "{line}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn encoded_and_oversized_bodies_are_refused() {
    let sandbox = TestSandbox::start().await;
    let key = api_key("a");
    let headers = [
        ("x-api-key", key.as_str()),
        ("anthropic-version", "2023-06-01"),
        ("content-encoding", "gzip"),
    ];
    let response = sandbox
        .send("POST /v1/messages", &headers, b"{}")
        .await
        .unwrap();
    let code = &response.json()["error"]["details"]["error_code"];
    assert_eq!(
        (response.status, code),
        (400, &json!("request_body_encoding_unsupported"))
    );
    let large = vec![b' '; 32 * 1024 * 1024 + 1];
    let response = sandbox
        .send_with_key("a", "POST /v1/messages", &large)
        .await;
    assert_eq!(
        (response.status, response.error().0.as_str()),
        (413, "request_too_large")
    );
    let requests = sandbox.control.requests();
    assert_eq!(
        requests.last().map(|request| request.body_bytes),
        Some(large.len() as u64)
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn only_loopback_addresses_can_be_bound() {
    let now = || jiff::Timestamp::UNIX_EPOCH;
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let error = Sandbox::bind(address.parse().unwrap(), SandboxSettings { now })
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{address}");
        assert!(error.to_string().contains("loopback"), "{error}");
    }
}
