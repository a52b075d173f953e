//! Authentication: each token family in each header, and the API's real errors.

use serde_json::json;

use crate::client::{TestSandbox, api_key, message_body, oauth_token};

/// Sends a minimal request with these headers and compares the error; `None` means the request is accepted.
async fn check(sandbox: &TestSandbox, headers: &[(&str, &str)], expected: Option<(u16, &str)>) {
    let mut headers = headers.to_vec();
    if headers.iter().all(|(name, _)| *name != "anthropic-version") {
        headers.push(("anthropic-version", "2023-06-01"));
    }
    let body = message_body(&json!({})).to_string();
    let response = sandbox
        .send("POST /v1/messages", &headers, body.as_bytes())
        .await
        .unwrap();
    match expected {
        None => assert_eq!(response.status, 200, "{headers:?}: {}", response.text()),
        Some((status, message)) => {
            let (_, found) = response.error();
            assert_eq!(
                (response.status, found.as_str()),
                (status, message),
                "{headers:?}"
            );
        }
    }
}

const INVALID_KEY: Option<(u16, &str)> = Some((401, "invalid x-api-key"));
const INVALID_BEARER: Option<(u16, &str)> = Some((401, "Invalid bearer token"));
const NO_CREDENTIAL: Option<(u16, &str)> = Some((401, "x-api-key header is required"));
const OAUTH_NOT_SUPPORTED: Option<(u16, &str)> =
    Some((401, "OAuth authentication is currently not supported."));

#[tokio::test]
async fn each_token_family_is_accepted_in_its_own_header() {
    let sandbox = TestSandbox::start().await;
    let (key, other, token) = (api_key("a"), api_key("b"), oauth_token("a"));
    let (as_bearer, token_as_bearer) = (format!("Bearer {key}"), format!("bearer {token}"));
    let (key, other, token) = (key.as_str(), other.as_str(), token.as_str());
    let beta = ("anthropic-beta", "some-beta-2026-01-01, oauth-2025-04-20");
    for (headers, expected) in [
        (vec![("x-api-key", key)], None),
        (vec![("authorization", as_bearer.as_str())], None),
        (
            vec![("x-api-key", key), ("authorization", &as_bearer)],
            None,
        ),
        (vec![("x-api-key", ""), ("authorization", &as_bearer)], None),
        (vec![("authorization", &token_as_bearer), beta], None),
        (
            vec![
                ("authorization", &token_as_bearer),
                ("anthropic-beta", "a"),
                beta,
            ],
            None,
        ),
        (
            vec![("authorization", &token_as_bearer)],
            OAUTH_NOT_SUPPORTED,
        ),
        (
            vec![
                ("authorization", &token_as_bearer),
                ("anthropic-beta", "x-oauth-2025-04-20"),
            ],
            OAUTH_NOT_SUPPORTED,
        ),
        (
            vec![("x-api-key", other), ("authorization", &as_bearer)],
            INVALID_KEY,
        ),
        (vec![("x-api-key", key), ("x-api-key", other)], INVALID_KEY),
        (vec![("x-api-key", token), beta], INVALID_KEY),
        (vec![], NO_CREDENTIAL),
        (vec![("x-api-key", " ")], NO_CREDENTIAL),
        (vec![("authorization", "Bearer ")], NO_CREDENTIAL),
        (vec![("authorization", "Basic dTpw")], INVALID_BEARER),
        (vec![("authorization", key)], INVALID_BEARER),
    ] {
        check(&sandbox, &headers, expected).await;
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn tokens_that_are_not_api_credentials_are_refused() {
    let sandbox = TestSandbox::start().await;
    let beta = ("anthropic-beta", "oauth-2025-04-20");
    let anthropic = |kind: &str| format!("sk-ant-{kind}-{}AA", "x".repeat(93));
    for token in [
        anthropic("admin01"),
        anthropic("ort01"),
        anthropic("sid01"),
        anthropic("new99"),
        anthropic("req"),
        format!("krv_{}", "x".repeat(48)),
        format!("sk-ant-{}-", "api03"),
        format!("{}\u{e9}", api_key("a")),
        format!("\"{}\"", api_key("a")),
        String::from("hello"),
    ] {
        let bearer = format!("Bearer {token}");
        check(&sandbox, &[("x-api-key", &token), beta], INVALID_KEY).await;
        check(
            &sandbox,
            &[("authorization", &bearer), beta],
            INVALID_BEARER,
        )
        .await;
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn versions_betas_and_origins_are_checked() {
    let sandbox = TestSandbox::start().await;
    let key = api_key("a");
    let (key, version) = (("x-api-key", key.as_str()), "anthropic-version");
    let cors = "CORS requests are not allowed for this Organization because of its settings";
    let unknown = "anthropic-version: is not a valid version: 2026-10-21 and 2023-06-01 are";
    for (headers, expected) in [
        (vec![key, (version, "2026-10-21")], None),
        (vec![key, (version, "2025-01-01")], Some((400, unknown))),
        (
            vec![key, ("anthropic-beta", "unknown-beta-2030-01-01")],
            None,
        ),
        (
            vec![key, ("origin", "https://example.invalid")],
            Some((401, cors)),
        ),
    ] {
        check(&sandbox, &headers, expected).await;
    }
    let body = message_body(&json!({})).to_string();
    let response = sandbox
        .send("POST /v1/messages", &[key], body.as_bytes())
        .await
        .unwrap();
    assert_eq!(response.status, 400);
    assert_eq!(response.error().1, "anthropic-version: header is required");
    sandbox.stop().await;
}
