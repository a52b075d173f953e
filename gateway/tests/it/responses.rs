//! Responses: status, headers and body are passed on unchanged, except for hop-by-hop headers and those a browser acts
//! on.

use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::{Step, responses};
use keyreeve_testkit::wire::{ResponseEnd, WireResponse};

use crate::error_envelope::check_error;
use crate::harness::{JSON, REQUEST_BODY, STREAM_REQUEST_BODY, Setup, TestGateway};

/// Sends a request to an upstream that always sends `steps`.
fn response_to(body: &[u8], steps: Vec<Step>) -> (TestGateway, WireResponse) {
    let gateway = TestGateway::start(move |_| steps.clone());
    let response = gateway.post(body);
    (gateway, response)
}

#[test]
fn json_response_is_unchanged() {
    let fixture = fixtures::json("success.json");
    // Formatted as no serializer of ours would.
    let body = format!(" {}\r\n", fixture["body"].to_string().replace(':', " :\t"));
    let (_gateway, response) = response_to(REQUEST_BODY, responses::json(200, &body));
    assert_eq!((response.status(), response.text()), (200, body.clone()));
    let length = body.len().to_string();
    assert_eq!(
        response.head.header("content-length"),
        Some(length.as_str())
    );
    assert_eq!(response.head.header("cache-control"), Some("no-store"));
}

#[test]
fn stream_is_unchanged() {
    for stream in fixtures::streams() {
        let (_gateway, response) = response_to(
            STREAM_REQUEST_BODY,
            responses::stream(stream.bytes.chunks(100)),
        );
        assert_eq!(response.end, ResponseEnd::Complete, "{}", stream.name);
        assert_eq!(response.body, stream.bytes, "{}", stream.name);
        assert_eq!(
            response.head.header("content-type"),
            Some("text/event-stream")
        );
        assert_eq!(
            response.head.header("cache-control"),
            Some("no-cache, no-transform")
        );
        assert_eq!(response.head.header("x-accel-buffering"), Some("no"));
    }
}

#[test]
fn response_without_a_body_is_passed_on() {
    let (gateway, response) = response_to(
        REQUEST_BODY,
        vec![Step::Send(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())],
    );
    assert_eq!(
        (response.status(), response.end),
        (204, ResponseEnd::Complete)
    );
    assert_eq!(gateway.entry().1.status, Some(204));
    let (_gateway, response) = response_to(REQUEST_BODY, responses::with_headers(500, &[], b""));
    assert_eq!(
        (response.status(), response.body.as_slice()),
        (500, b"".as_slice())
    );
}

#[track_caller]
fn check_upstream_error(status: u16, headers: &[(&str, &str)], body: &str) {
    let (gateway, response) = response_to(
        REQUEST_BODY,
        responses::with_headers(status, headers, body.as_bytes()),
    );
    assert_eq!(
        (response.status(), response.text().as_str()),
        (status, body)
    );
    for (name, value) in headers {
        assert_eq!(response.head.header(name), Some(*value), "{status} {name}");
    }
    assert_eq!(
        response.head.header("x-should-retry").is_some(),
        body.contains("limit")
    );
    let (_, outcome) = gateway.entry();
    assert_eq!((outcome.status, outcome.cost.get()), (Some(status), 0));
    assert_eq!(
        outcome.upstream_request_id.as_deref(),
        Some("req_011UPSTREAM")
    );
}

#[test]
fn upstream_errors_are_unchanged() {
    let id = ("request-id", "req_011UPSTREAM");
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ] {
        let body = format!(
            "{{\"type\":\"error\", \"error\":{{\"type\":\"{kind}\",\"message\":\"m\\u0000\"}} }}\n"
        );
        check_upstream_error(status, &[JSON, id], &body);
    }
    let limits = [
        JSON,
        id,
        ("retry-after", "17"),
        ("x-should-retry", "true"),
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-requests-reset", "2026-11-20T12:00:01Z"),
        (
            "anthropic-ratelimit-new-class-reset",
            "2026-11-20T12:00:01Z",
        ),
    ];
    check_upstream_error(
        429,
        &limits,
        "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"}}",
    );
    check_upstream_error(
        502,
        &[("content-type", "text/html"), id],
        "<html>\x1b[31mnot JSON</html>",
    );
}

#[test]
fn response_headers_are_filtered() {
    let passed = [
        JSON,
        ("request-id", "req_011UPSTREAM"),
        (
            "anthropic-organization-id",
            "00000000-1111-4222-8333-444444444444",
        ),
        ("x-unknown", "1"),
        ("x-unknown", "2"),
        ("cf-ray", "8f0-FRA"),
    ];
    let dropped = [
        ("set-cookie", "a=b; Secure"),
        ("alt-svc", "h3=\":443\""),
        ("strict-transport-security", "max-age=31536000"),
        ("connection", "keep-alive, x-between-hops"),
        ("x-between-hops", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-authenticate", "Basic"),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
    ];
    let (_gateway, response) = response_to(
        REQUEST_BODY,
        responses::with_headers(200, &[&passed[..], &dropped[..]].concat(), b"{}"),
    );
    for (name, value) in passed {
        assert!(
            response
                .head
                .header_values(name)
                .any(|found| found == value),
            "{name}: {:?}",
            response.head
        );
    }
    for (name, _) in dropped {
        assert_eq!(response.head.header(name), None, "{name}");
    }
    let id = response.head.header("x-keyreeve-request-id").unwrap();
    assert!(id.starts_with("req_kr_"), "{id}");
}

#[test]
fn unreachable_upstream_is_a_retryable_502() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let setup = Setup {
        upstream_url: Some(format!("http://{address}")),
        ..Setup::default()
    };
    let gateway = setup.start(|_| Vec::new());
    let response = gateway.post(REQUEST_BODY);
    check_error(&response, 502, "api_error");
    assert_eq!(response.head.header("retry-after"), Some("1"));
    assert_eq!(response.head.header("x-should-retry"), None);
    let (entry, outcome) = gateway.entry();
    assert_eq!(outcome.cost.get(), 0);
    let id = entry.intent.request.to_string();
    assert_eq!(response.head.header("request-id"), Some(id.as_str()));
}

#[test]
fn silent_upstream_is_a_504_at_its_reserved_cost() {
    let mut setup = Setup::default();
    setup.timeouts.head = std::time::Duration::from_millis(200);
    let gateway = setup.start(|_| responses::hang());
    let response = gateway.post(REQUEST_BODY);
    check_error(&response, 504, "timeout_error");
    let (entry, outcome) = gateway.entry();
    assert_eq!(outcome.cost, entry.intent.reserved);
    assert_ne!(outcome.cost.get(), 0);
}

#[test]
fn too_many_response_headers_are_a_502() {
    let (gateway, response) = response_to(REQUEST_BODY, responses::header_bomb(200));
    check_error(&response, 502, "api_error");
    gateway.entry();
}
