//! Redaction: an echo of the injected credential is redacted in headers and bodies, however it is split.

use keyreeve_core::profile::Auth;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::{ReceivedRequest, Step, responses};
use keyreeve_testkit::wire::ResponseEnd;

use crate::harness::{JSON, REQUEST_BODY, STREAM_REQUEST_BODY, Setup, TestGateway};

fn credential(request: &ReceivedRequest) -> String {
    request.credentials().remove(0).1
}

#[test]
fn echo_in_headers_and_json_is_redacted() {
    for auth in [Auth::ApiKey, Auth::Bearer] {
        for status in [200, 401] {
            let setup = Setup {
                auth,
                ..Setup::default()
            };
            let gateway = setup.start(move |request| responses::echo_credentials(status, request));
            let response = gateway.post(REQUEST_BODY);
            let stars = "*".repeat(gateway.secret.value().len());
            let scheme = if auth == Auth::Bearer { "Bearer " } else { "" };
            let redacted = format!("{scheme}{stars}");
            assert_eq!(response.status(), status);
            assert_eq!(response.head.header("x-echo"), Some(redacted.as_str()));
            assert_eq!(
                response.json()["error"]["message"],
                format!("not {redacted}")
            );
            assert_eq!(response.end, ResponseEnd::Complete);
        }
    }
}

/// PR-01: an echo in headers is not stored. The store is scanned when the test gateway is dropped.
#[test]
fn echo_in_headers_is_not_stored() {
    for status in [200, 401, 429] {
        let gateway = TestGateway::start(move |request| {
            let secret = credential(request);
            let named = [
                "request-id",
                "anthropic-organization-id",
                "anthropic-ratelimit-requests-remaining",
                "anthropic-ratelimit-requests-reset",
                "retry-after",
            ];
            let headers: Vec<(&str, &str)> =
                named.iter().map(|name| (*name, secret.as_str())).collect();
            let body = format!(
                r#"{{"type":"error","error":{{"type":"{secret}","message":"{secret}"}},"model":"{secret}"}}"#
            );
            responses::with_headers(status, &headers, body.as_bytes())
        });
        let response = gateway.post(REQUEST_BODY);
        let stars = "*".repeat(gateway.secret.value().len());
        assert_eq!(response.head.header("request-id"), Some(stars.as_str()));
        assert_eq!(gateway.entry().1.upstream_request_id, Some(stars));
    }
}

/// PR-01: a key that a user pasted into the wrong variable is not stored.
#[test]
fn client_key_in_another_field_is_not_stored() {
    let gateway = TestGateway::start(|_| {
        responses::json(
            404,
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: x"}}"#,
        )
    });
    let own = gateway.client_token.value();
    let body = format!(r#"{{"model":"{own}","max_tokens":1,"messages":[]}}"#);
    let headers = [JSON, ("x-claude-code-session-id", own)];
    let response = gateway.send("POST /v1/messages", &headers, body.as_bytes());
    assert_eq!(response.status(), 404);
    let intent = gateway.entry().0.intent;
    assert_eq!((intent.session, intent.model_requested), (None, None));
}

/// A stream of two events with the credential in the first, split into chunks of `size`.
fn echoed(request: &ReceivedRequest, size: usize) -> Vec<Step> {
    let secret = credential(request);
    let (prefix, _) = secret.split_at(FAMILY_PREFIX);
    let text = format!("event: a\ndata: x{secret}{secret}y\n\nevent: b\ndata: {prefix}\n\n");
    responses::stream(text.as_bytes().chunks(size))
}

/// The length of the part of a secret that names its family and is not secret.
const FAMILY_PREFIX: usize = "sk-ant-api03-".len();

#[test]
fn echo_in_a_stream_is_redacted_across_chunks() {
    for size in [1, 2, 7, 50, 107, 108, 109, 1000] {
        let gateway = TestGateway::start(move |request| echoed(request, size));
        let response = gateway.post(STREAM_REQUEST_BODY);
        let secret = gateway.secret.value();
        let (stars, prefix) = ("*".repeat(secret.len()), &secret[..FAMILY_PREFIX]);
        let expected = format!("event: a\ndata: x{stars}{stars}y\n\nevent: b\ndata: {prefix}\n\n");
        assert_eq!(response.text(), expected, "{size}");
        assert_eq!(response.end, ResponseEnd::Complete);
        let hash = *blake3::hash(&response.body).as_bytes();
        assert_eq!(gateway.entry().1.response_hash, Some(hash));
    }
}

/// Checks a response with a content-length that ends with the credential or its prefix, in two chunks.
#[track_caller]
fn check_end(echoed: usize, split_at: usize, redacted: bool) {
    let gateway = TestGateway::start(move |request| {
        let secret = credential(request);
        let body = format!("{{\"a\":\"{}", &secret[..echoed]);
        let (one, other) = body.as_bytes().split_at(body.len() - split_at);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        let chunks = [head.as_bytes(), one, other];
        chunks.map(|chunk| Step::Send(chunk.to_vec())).to_vec()
    });
    let response = gateway.post(REQUEST_BODY);
    let end = if redacted {
        "*".repeat(echoed)
    } else {
        gateway.secret.value()[..echoed].to_owned()
    };
    assert_eq!(response.text(), format!("{{\"a\":\"{end}"));
    let length = response.body.len().to_string();
    assert_eq!(
        response.head.header("content-length"),
        Some(length.as_str())
    );
}

#[test]
fn echo_at_the_end_is_redacted_at_the_same_length() {
    let full = Canary::api_key("profile").value().len();
    for split_at in [1, 2, 50, full, full + 1] {
        check_end(full, split_at, true);
    }
    for split_at in [1, FAMILY_PREFIX, FAMILY_PREFIX + 1] {
        check_end(FAMILY_PREFIX, split_at, false);
    }
}
