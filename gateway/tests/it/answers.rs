//! What comes back: status, headers and body as the upstream sent them, but for what binds a browser or a hop.

use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::{Step, reply};
use keyreeve_testkit::wire::{Answer, Ended};

use crate::envelope::check_envelope;
use crate::stage::{ASK, ASK_STREAM, JSON, Setup, Stage};

/// Asks an upstream that always sends `steps`.
fn answer_to(body: &[u8], steps: Vec<Step>) -> (Stage, Answer) {
    let stage = Stage::start(move |_| steps.clone());
    let answer = stage.post(body);
    (stage, answer)
}

#[test]
fn a_json_answer_passes_byte_for_byte() {
    let fixture = fixtures::json("success.json");
    // Spelled as no serializer of ours would.
    let body = format!(" {}\r\n", fixture["body"].to_string().replace(':', " :\t"));
    let (_stage, answer) = answer_to(ASK, reply::json(200, &body));
    assert_eq!((answer.status(), answer.text()), (200, body.clone()));
    let length = body.len().to_string();
    assert_eq!(answer.head.header("content-length"), Some(length.as_str()));
    assert_eq!(answer.head.header("cache-control"), Some("no-store"));
}

#[test]
fn a_stream_passes_byte_for_byte() {
    for stream in fixtures::streams() {
        let (_stage, answer) = answer_to(ASK_STREAM, reply::stream(stream.bytes.chunks(100)));
        assert_eq!(answer.ended, Ended::Whole, "{}", stream.name);
        assert_eq!(answer.body, stream.bytes, "{}", stream.name);
        assert_eq!(
            answer.head.header("content-type"),
            Some("text/event-stream")
        );
        assert_eq!(
            answer.head.header("cache-control"),
            Some("no-cache, no-transform")
        );
        assert_eq!(answer.head.header("x-accel-buffering"), Some("no"));
    }
}

#[test]
fn answers_without_a_body_pass() {
    let (stage, answer) = answer_to(
        ASK,
        vec![Step::Send(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())],
    );
    assert_eq!((answer.status(), answer.ended), (204, Ended::Whole));
    assert_eq!(stage.row().1.status, Some(204));
    let (_stage, answer) = answer_to(ASK, reply::with_headers(500, &[], b""));
    assert_eq!(
        (answer.status(), answer.body.as_slice()),
        (500, b"".as_slice())
    );
}

#[track_caller]
fn check_error(status: u16, headers: &[(&str, &str)], body: &str) {
    let (stage, answer) = answer_to(ASK, reply::with_headers(status, headers, body.as_bytes()));
    assert_eq!((answer.status(), answer.text().as_str()), (status, body));
    for (name, value) in headers {
        assert_eq!(answer.head.header(name), Some(*value), "{status} {name}");
    }
    assert_eq!(
        answer.head.header("x-should-retry").is_some(),
        body.contains("limit")
    );
    let (_, ended) = stage.row();
    assert_eq!((ended.status, ended.cost.get()), (Some(status), 0));
    assert_eq!(
        ended.upstream_request_id.as_deref(),
        Some("req_011UPSTREAM")
    );
}

#[test]
fn errors_of_the_upstream_pass_as_they_are() {
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
        check_error(status, &[JSON, id], &body);
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
    check_error(
        429,
        &limits,
        "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"}}",
    );
    check_error(
        502,
        &[("content-type", "text/html"), id],
        "<html>\x1b[31mnot JSON</html>",
    );
}

#[test]
fn open_headers_come_back_and_binding_ones_do_not() {
    let passing = [
        JSON,
        ("request-id", "req_011UPSTREAM"),
        (
            "anthropic-organization-id",
            "00000000-1111-4222-8333-444444444444",
        ),
        ("x-nobody-knows", "1"),
        ("x-nobody-knows", "2"),
        ("cf-ray", "8f0-FRA"),
    ];
    let staying = [
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
    let (_stage, answer) = answer_to(
        ASK,
        reply::with_headers(200, &[&passing[..], &staying[..]].concat(), b"{}"),
    );
    for (name, value) in passing {
        assert!(
            answer.head.all(name).any(|found| found == value),
            "{name}: {:?}",
            answer.head
        );
    }
    for (name, _) in staying {
        assert_eq!(answer.head.header(name), None, "{name}");
    }
    let id = answer.head.header("x-keyreeve-request-id").unwrap();
    assert!(id.starts_with("req_kr_"), "{id}");
}

#[test]
fn an_upstream_that_cannot_be_reached_is_a_502_to_be_tried_again() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let setup = Setup {
        elsewhere: Some(format!("http://{address}")),
        ..Setup::default()
    };
    let stage = setup.start(|_| Vec::new());
    let answer = stage.post(ASK);
    check_envelope(&answer, 502, "api_error");
    assert_eq!(answer.head.header("retry-after"), Some("1"));
    assert_eq!(answer.head.header("x-should-retry"), None);
    let (row, ended) = stage.row();
    assert_eq!(ended.cost.get(), 0);
    let id = row.intent.request.to_string();
    assert_eq!(answer.head.header("request-id"), Some(id.as_str()));
}

#[test]
fn an_upstream_that_is_silent_is_a_504_at_its_reserved_cost() {
    let mut setup = Setup::default();
    setup.patience.head = std::time::Duration::from_millis(200);
    let stage = setup.start(|_| reply::silence());
    let answer = stage.post(ASK);
    check_envelope(&answer, 504, "timeout_error");
    let (row, ended) = stage.row();
    assert_eq!(ended.cost, row.intent.reserved);
    assert_ne!(ended.cost.get(), 0);
}

#[test]
fn a_bomb_of_headers_is_a_502() {
    let (stage, answer) = answer_to(ASK, reply::header_bomb(200));
    check_envelope(&answer, 502, "api_error");
    stage.row();
}
