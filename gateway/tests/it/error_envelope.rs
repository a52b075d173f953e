//! Checks of the gateway's own errors in Anthropic's error envelope.

use keyreeve_testkit::wire::WireResponse;

/// Checks that a response is an error of the gateway that stops clients from retrying, and returns its message.
#[track_caller]
pub(crate) fn check_final_error(response: &WireResponse, status: u16, kind: &str) -> String {
    let text = check_error(response, status, kind);
    assert_eq!(
        response.head.header("x-should-retry"),
        Some("false"),
        "{response:?}"
    );
    assert_eq!(response.head.header("retry-after"), None);
    text
}

/// Checks that a response is an error of the gateway in Anthropic's envelope, and returns its message.
#[track_caller]
pub(crate) fn check_error(response: &WireResponse, status: u16, kind: &str) -> String {
    assert_eq!(response.status(), status, "{}", response.text());
    assert_eq!(
        response.head.header("content-type"),
        Some("application/json")
    );
    assert_eq!(response.head.header("cache-control"), Some("no-store"));
    let body = response.json();
    let id = response.head.header("request-id").unwrap();
    assert!(id.starts_with("req_kr_") && id.len() > 20, "{id}");
    assert_eq!(body["request_id"], id);
    assert_eq!(body["type"], "error");
    assert_eq!(body["error"]["type"], kind, "{body}");
    body["error"]["message"].as_str().unwrap().to_owned()
}

/// Returns the seconds of `retry-after`.
#[track_caller]
pub(crate) fn retry_after(response: &WireResponse) -> u64 {
    let seconds = response.head.header("retry-after").unwrap();
    seconds.parse().unwrap()
}
