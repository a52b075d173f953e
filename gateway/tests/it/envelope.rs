//! The gateway's own refusals, as every client can read them.

use keyreeve_testkit::wire::Answer;

/// Asserts that an answer is one of the gateway's own refusals, which no client asks again for, and gives its text.
#[track_caller]
pub(crate) fn check_refusal(answer: &Answer, status: u16, kind: &str) -> String {
    let text = check_envelope(answer, status, kind);
    assert_eq!(
        answer.head.header("x-should-retry"),
        Some("false"),
        "{answer:?}"
    );
    assert_eq!(answer.head.header("retry-after"), None);
    text
}

/// Asserts that an answer is one of the gateway's own, in Anthropic's envelope, and gives its text.
#[track_caller]
pub(crate) fn check_envelope(answer: &Answer, status: u16, kind: &str) -> String {
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(answer.head.header("content-type"), Some("application/json"));
    assert_eq!(answer.head.header("cache-control"), Some("no-store"));
    let body = answer.json();
    let id = answer.head.header("request-id").unwrap();
    assert!(id.starts_with("req_kr_") && id.len() > 20, "{id}");
    assert_eq!(body["request_id"], id);
    assert_eq!(body["type"], "error");
    assert_eq!(body["error"]["type"], kind, "{body}");
    body["error"]["message"].as_str().unwrap().to_owned()
}
