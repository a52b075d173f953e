//! Request bodies: refused for their content (BI-07), their size (LS-03), or because they stall.

use std::time::{Duration, Instant};

use keyreeve_testkit::upstream::responses;
use keyreeve_testkit::wire::Exchange;

use crate::error_envelope::{check_error, check_final_error};
use crate::harness::{JSON, REQUEST_BODY, Setup, TestGateway, eventually};

const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// BI-07: a body that two parsers could read differently is refused.
#[test]
fn ambiguous_body_is_refused() {
    let gateway = TestGateway::start(|_| Vec::new());
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let unclosed = format!("{{\"a\":{}", "[".repeat(100_000));
    for body in [
        r#"{"model":"claude-haiku-5-5","model":"claude-opus-5-5"}"#,
        r#"{"model":"claude-haiku-5-5","\u006dodel":"claude-opus-5-5"}"#,
        r#"{"model":"claude-haiku-5-5","model":"claude-haiku-5-5"}"#,
        r#"{"model":"a","max_tokens":1,"max_tokens":2}"#,
        r#"{"model":"a","stream":false,"stream":true}"#,
        r#"{"model":"a","max_tokens":1e309}"#,
        r#"{"model":"a","max_tokens":-1}"#,
        r#"{"model":"a","max_tokens":"5"}"#,
        r#"{"model":"a","max_tokens":18446744073709551616}"#,
        r#"{"model":"a","max_tokens":NaN}"#,
        r#"{"model":7}"#,
        r#"{"model":["a"]}"#,
        r#"{"model":"a","stream":1}"#,
        r#"{"model":"a"}{"model":"b"}"#,
        r#"{"model":"a"} trailing"#,
        r#"{"model":"a",}"#,
        r#"{"model":"a"} // comment"#,
        r#"[{"model":"a"}]"#,
        "\u{feff}{\"model\":\"a\"}",
        "model=a",
        "",
        "null",
        &deep,
        &unclosed,
    ] {
        let response = gateway.post(body.as_bytes());
        check_final_error(&response, 400, "invalid_request_error");
    }
    check_final_error(
        &gateway.post(b"{\"model\":\"\xff\"}"),
        400,
        "invalid_request_error",
    );
    gateway.assert_nothing_sent();
}

/// BI-07: the model that is checked is the model that is forwarded.
#[test]
fn checked_model_is_the_forwarded_model() {
    let setup = Setup {
        models: &["claude-haiku-*"],
        ..Setup::default()
    };
    let gateway = setup.start(|_| responses::json(200, "{}"));
    let bodies = [
        r#"{"model":"claude-haiku-5-5"}"#,
        r#"{"\u006dodel":"claude-haiku-5-5","max_tokens":0}"#,
        r#"{"model":"claude-\u0068aiku-5-5","metadata":{"model":"claude-opus-5-5"}}"#,
        r#"{"messages":[{"model":"claude-opus-5-5"}],"model":"claude-haiku-5-5"}"#,
        r#" {"system":"\"model\":\"claude-opus-5-5\"","model":"claude-haiku-5-5"} "#,
    ];
    for body in bodies {
        assert_eq!(gateway.post(body.as_bytes()).status(), 200, "{body}");
    }
    let forwarded: Vec<_> = gateway
        .upstream
        .requests()
        .into_iter()
        .map(|one| one.body)
        .collect();
    assert_eq!(forwarded, bodies.map(|body| body.as_bytes().to_vec()));
}

#[test]
fn compressed_body_is_a_415() {
    let gateway = TestGateway::start(|_| Vec::new());
    for coding in ["gzip", "br", "identity", "zstd, gzip"] {
        let response = gateway.send(
            "POST /v1/messages",
            &[JSON, ("content-encoding", coding)],
            REQUEST_BODY,
        );
        check_final_error(&response, 415, "invalid_request_error");
    }
    gateway.assert_nothing_sent();
}

/// Sends a head that announces a body, and no body.
fn announce(gateway: &TestGateway, line: &str, length: u128) -> Exchange {
    let length = length.to_string();
    let mut exchange = gateway.connect();
    exchange.write(&gateway.request(line, &[JSON, ("content-length", &length)], b""));
    exchange
}

/// LS-03: a content-length beyond the limit is refused before the body arrives.
#[test]
fn announced_length_beyond_the_limit_is_refused() {
    let gateway = TestGateway::start(|_| Vec::new());
    let too_long = MAX_BODY_BYTES as u128 + 1;
    for (line, length) in [
        ("POST /v1/messages", too_long),
        ("POST /v1/messages/count_tokens", 33 << 20),
        ("POST /v1/messages", 1 << 63),
        ("POST /v1/messages", u128::from(u64::MAX) - 2),
        ("GET /v1/models", 1),
    ] {
        let mut exchange = announce(&gateway, line, length);
        let response = gateway.record_response(exchange.response().unwrap());
        check_final_error(&response, 413, "request_too_large");
        assert!(
            exchange.response().is_err(),
            "the connection is closed: {line} {length}"
        );
    }
    let mut exchange = announce(&gateway, "POST /v1/messages", 1 << 64);
    assert!(exchange.head().is_ok_and(|head| head.status() == 400));
    gateway.assert_nothing_sent();
}

/// LS-03: a chunked body is refused when it exceeds the limit.
#[test]
fn endless_chunks_are_refused_at_the_limit() {
    let gateway = TestGateway::start(|_| Vec::new());
    let headers = [JSON, ("transfer-encoding", "chunked")];
    let mut exchange = gateway.connect();
    exchange.write(&gateway.request("POST /v1/messages", &headers, b""));
    let chunk = [b"100000\r\n", " ".repeat(1 << 20).as_bytes(), b"\r\n"].concat();
    let mut written = 0;
    while written <= MAX_BODY_BYTES * 2 && exchange.write(&chunk) {
        written += 1 << 20;
    }
    assert!(
        (MAX_BODY_BYTES..MAX_BODY_BYTES * 2).contains(&written),
        "{written}"
    );
    // Bytes written past the limit may have reset the connection before the response was read.
    if let Ok(response) = exchange.response() {
        check_final_error(&gateway.record_response(response), 413, "request_too_large");
    }
    assert_eq!(gateway.send("GET /healthz", &[], b"").status(), 200);
    gateway.assert_nothing_sent();
}

/// LS-03: a body of exactly the maximum size is forwarded unchanged.
#[test]
fn body_of_maximum_size_is_forwarded_whole() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let text = "x".repeat(MAX_BODY_BYTES - REQUEST_BODY.len() - 13);
    let body = [
        &REQUEST_BODY[..REQUEST_BODY.len() - 1],
        format!(",\"padding\":\"{text}\"}}").as_bytes(),
    ]
    .concat();
    assert_eq!(body.len(), MAX_BODY_BYTES);
    // A slow machine needs time for so many bytes.
    let mut exchange = Exchange::open_with(gateway.address, Duration::from_mins(1));
    exchange.write(&gateway.request("POST /v1/messages", &[JSON], &body));
    let response = gateway.record_response(exchange.response().unwrap());
    assert_eq!(response.status(), 200, "{}", response.text());
    assert!(
        gateway.upstream.requests()[0].body == body,
        "the body was changed"
    );
}

fn short_stall_timeout() -> Setup {
    let mut setup = Setup::default();
    setup.config.client_stall_timeout = Duration::from_millis(200);
    setup
}

#[test]
fn stalled_body_is_refused() {
    let gateway = short_stall_timeout().start(|_| Vec::new());
    let length = REQUEST_BODY.len().to_string();
    for headers in [
        [JSON, ("content-length", &length)],
        [JSON, ("transfer-encoding", "chunked")],
    ] {
        let mut exchange = gateway.connect();
        exchange.write(&gateway.request("POST /v1/messages", &headers, b""));
        let response = gateway.record_response(exchange.response().unwrap());
        check_final_error(&response, 400, "invalid_request_error");
        assert!(exchange.response().is_err(), "the connection is closed");
    }
    gateway.assert_nothing_sent();
}

#[test]
fn incomplete_body_is_not_forwarded() {
    let gateway = TestGateway::start(|_| Vec::new());
    let request = gateway.request("POST /v1/messages", &[JSON], REQUEST_BODY);
    let mut exchange = gateway.connect();
    exchange.write(&request[..request.len() - 1]);
    exchange.finish_writing();
    if let Ok(response) = exchange.response() {
        check_final_error(
            &gateway.record_response(response),
            400,
            "invalid_request_error",
        );
    }
    let mut exchange = gateway.connect();
    exchange.write(&request[..request.len() - 1]);
    exchange.reset();
    gateway.assert_nothing_sent();
}

#[test]
fn slow_request_head_times_out() {
    let mut setup = Setup::default();
    setup.config.head_timeout = Duration::from_millis(300);
    let gateway = setup.start(|_| Vec::new());
    let request = gateway.request("POST /v1/messages", &[JSON], REQUEST_BODY);
    let mut exchange = gateway.connect();
    let started = Instant::now();
    for byte in request.chunks(1) {
        if !exchange.write(byte) || started.elapsed() > Duration::from_secs(3) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "the connection was not closed"
    );
    gateway.assert_nothing_sent();
}

#[test]
fn all_bodies_share_one_budget() {
    let mut setup = Setup::default();
    setup.config.body_budget = 64 << 10;
    let gateway = setup.start(|_| responses::json(200, "{}"));
    let body = [
        REQUEST_BODY,
        " ".repeat((40 << 10) - REQUEST_BODY.len()).as_bytes(),
    ]
    .concat();
    let request = gateway.request("POST /v1/messages", &[JSON], &body);

    let mut holder = gateway.connect();
    holder.write(&request[..request.len() - 1]);
    let full = || {
        let response = gateway.post(&body);
        (response.status() == 529).then_some(response)
    };
    let mut refused = None;
    assert!(eventually(|| {
        refused = full();
        refused.is_some()
    }));
    let refused = refused.unwrap();
    check_error(&refused, 529, "overloaded_error");
    assert_eq!(refused.head.header("retry-after"), Some("1"));
    assert_eq!(refused.head.header("x-should-retry"), None);
    assert_eq!(
        gateway.post(REQUEST_BODY).status(),
        200,
        "a small body still fits"
    );

    holder.write(&request[request.len() - 1..]);
    assert_eq!(
        gateway.record_response(holder.response().unwrap()).status(),
        200
    );
    assert!(
        eventually(|| gateway.post(&body).status() == 200),
        "the budget was released"
    );
    let chunked = [JSON, ("transfer-encoding", "chunked")];
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 65 << 10, " ".repeat(65 << 10));
    let response = gateway.send("POST /v1/messages", &chunked, chunk.as_bytes());
    check_error(&response, 529, "overloaded_error");
}

#[test]
fn small_chunks_use_no_more_budget_than_their_bytes() {
    let mut setup = Setup::default();
    setup.config.body_budget = 4 << 10;
    let gateway = setup.start(|_| responses::json(200, "{}"));
    let chunked = [JSON, ("transfer-encoding", "chunked")];
    let body = [REQUEST_BODY, " ".repeat(2000).as_bytes()].concat();
    let mut chunks = Vec::new();
    for byte in body {
        chunks.extend_from_slice(b"1\r\n");
        chunks.push(byte);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(
        gateway
            .send("POST /v1/messages", &chunked, &chunks)
            .status(),
        200
    );
}

/// F-26: many bodies that were announced and do not arrive lock no other key out.
#[test]
fn announced_bodies_use_no_budget_until_they_arrive() {
    let mut setup = Setup::default();
    setup.config.body_budget = 64 << 10;
    let gateway = setup.start(|_| responses::json(200, "{}"));
    let announced = "x".repeat(30 << 10);
    let request = gateway.request("POST /v1/messages", &[JSON], announced.as_bytes());
    let mut slow: Vec<_> = (0..20).map(|_| gateway.connect()).collect();
    for exchange in &mut slow {
        assert!(exchange.write(&request[..=request.len() - announced.len()]));
    }
    assert_eq!(gateway.post(REQUEST_BODY).status(), 200);
}

/// F-26: a body that arrives byte by byte, without ever stalling, has a total time.
#[test]
fn body_has_a_total_time() {
    let mut setup = Setup::default();
    setup.config.client_body_timeout = Duration::from_millis(300);
    let gateway = setup.start(|_| Vec::new());
    let request = gateway.request("POST /v1/messages", &[JSON], &[b' '; 1000]);
    let (head, body) = request.split_at(request.len() - 1000);
    let mut exchange = gateway.connect();
    exchange.write(head);
    let started = Instant::now();
    for byte in body.chunks(1) {
        if !exchange.write(byte) || started.elapsed() > Duration::from_secs(5) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(started.elapsed() < Duration::from_secs(5));
    let response = gateway.record_response(exchange.response().unwrap());
    check_error(&response, 400, "invalid_request_error");
    gateway.assert_nothing_sent();
}
