//! Request bodies: what is refused for what it says (BI-07), for its size or for its pace (LS-03).

use std::time::{Duration, Instant};

use keyreeve_testkit::upstream::reply;
use keyreeve_testkit::wire::Exchange;

use crate::envelope::{check_envelope, check_refusal};
use crate::stage::{ASK, JSON, Setup, Stage, eventually};

const LIMIT: usize = 32 * 1024 * 1024;

#[test]
fn bi_07_a_body_that_could_be_read_in_two_ways_is_refused() {
    let stage = Stage::start(|_| Vec::new());
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
        let answer = stage.post(body.as_bytes());
        check_refusal(&answer, 400, "invalid_request_error");
    }
    check_refusal(
        &stage.post(b"{\"model\":\"\xff\"}"),
        400,
        "invalid_request_error",
    );
    stage.assert_nothing_happened();
}

#[test]
fn bi_07_what_is_allowed_is_what_is_forwarded() {
    let setup = Setup {
        models: &["claude-haiku-*"],
        ..Setup::default()
    };
    let stage = setup.start(|_| reply::json(200, "{}"));
    let bodies = [
        r#"{"model":"claude-haiku-5-5"}"#,
        r#"{"\u006dodel":"claude-haiku-5-5","max_tokens":0}"#,
        r#"{"model":"claude-\u0068aiku-5-5","metadata":{"model":"claude-opus-5-5"}}"#,
        r#"{"messages":[{"model":"claude-opus-5-5"}],"model":"claude-haiku-5-5"}"#,
        r#" {"system":"\"model\":\"claude-opus-5-5\"","model":"claude-haiku-5-5"} "#,
        r#"{"Model":"claude-opus-5-5","model":"claude-haiku-5-5"}"#,
    ];
    for body in bodies {
        assert_eq!(stage.post(body.as_bytes()).status(), 200, "{body}");
    }
    let forwarded: Vec<_> = stage
        .upstream
        .requests()
        .into_iter()
        .map(|one| one.body)
        .collect();
    assert_eq!(forwarded, bodies.map(|body| body.as_bytes().to_vec()));
}

#[test]
fn a_compressed_body_is_a_415() {
    let stage = Stage::start(|_| Vec::new());
    for coding in ["gzip", "br", "identity", "zstd, gzip"] {
        let answer = stage.ask(
            "POST /v1/messages",
            &[JSON, ("content-encoding", coding)],
            ASK,
        );
        check_refusal(&answer, 415, "invalid_request_error");
    }
    stage.assert_nothing_happened();
}

/// Announces a body and sends none of it.
fn announce(stage: &Stage, line: &str, length: u128) -> Exchange {
    let length = length.to_string();
    let mut exchange = stage.open();
    exchange.write(&stage.request(line, &[JSON, ("content-length", &length)], b""));
    exchange
}

#[test]
fn ls_03_an_announced_length_beyond_the_limit_is_refused_before_the_body() {
    let stage = Stage::start(|_| Vec::new());
    let beyond = LIMIT as u128 + 1;
    for (line, length) in [
        ("POST /v1/messages", beyond),
        ("POST /v1/messages/count_tokens", 33 << 20),
        ("POST /v1/messages", 1 << 63),
        ("POST /v1/messages", u128::from(u64::MAX) - 2),
        ("GET /v1/models", 1),
    ] {
        let mut exchange = announce(&stage, line, length);
        let answer = stage.saw(exchange.answer().unwrap());
        check_refusal(&answer, 413, "request_too_large");
        assert!(
            exchange.answer().is_err(),
            "the connection is closed: {line} {length}"
        );
    }
    let mut exchange = announce(&stage, "POST /v1/messages", 1 << 64);
    assert!(exchange.head().is_ok_and(|head| head.status() == 400));
    stage.assert_nothing_happened();
}

#[test]
fn ls_03_chunks_without_end_are_refused_at_the_limit() {
    let stage = Stage::start(|_| Vec::new());
    let headers = [JSON, ("transfer-encoding", "chunked")];
    let mut exchange = stage.open();
    exchange.write(&stage.request("POST /v1/messages", &headers, b""));
    let piece = [b"100000\r\n", " ".repeat(1 << 20).as_bytes(), b"\r\n"].concat();
    let mut taken = 0;
    while taken <= LIMIT * 2 && exchange.write(&piece) {
        taken += 1 << 20;
    }
    assert!((LIMIT..LIMIT * 2).contains(&taken), "{taken}");
    // What was written past the limit can have reset the connection before the answer was read.
    if let Ok(answer) = exchange.answer() {
        check_refusal(&stage.saw(answer), 413, "request_too_large");
    }
    assert_eq!(stage.ask("GET /healthz", &[], b"").status(), 200);
    stage.assert_nothing_happened();
}

#[test]
fn ls_03_a_body_of_the_limit_passes_whole() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    let text = "x".repeat(LIMIT - ASK.len() - 13);
    let body = [
        &ASK[..ASK.len() - 1],
        format!(",\"padding\":\"{text}\"}}").as_bytes(),
    ]
    .concat();
    assert_eq!(body.len(), LIMIT);
    // A slow machine takes its time over so much.
    let mut exchange = Exchange::open_with(stage.address, Duration::from_mins(1));
    exchange.write(&stage.request("POST /v1/messages", &[JSON], &body));
    let answer = stage.saw(exchange.answer().unwrap());
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(
        stage.upstream.requests()[0].body == body,
        "the body was changed"
    );
}

fn hurried() -> Setup {
    let mut setup = Setup::default();
    setup.config.client_stall = Duration::from_millis(200);
    setup
}

#[test]
fn a_body_that_stalls_is_let_go() {
    let stage = hurried().start(|_| Vec::new());
    let length = ASK.len().to_string();
    for headers in [
        [JSON, ("content-length", &length)],
        [JSON, ("transfer-encoding", "chunked")],
    ] {
        let mut exchange = stage.open();
        exchange.write(&stage.request("POST /v1/messages", &headers, b""));
        let answer = stage.saw(exchange.answer().unwrap());
        check_refusal(&answer, 400, "invalid_request_error");
        assert!(exchange.answer().is_err(), "the connection is closed");
    }
    stage.assert_nothing_happened();
}

#[test]
fn a_body_that_breaks_off_goes_nowhere() {
    let stage = Stage::start(|_| Vec::new());
    let request = stage.request("POST /v1/messages", &[JSON], ASK);
    let mut exchange = stage.open();
    exchange.write(&request[..request.len() - 1]);
    exchange.finish_writing();
    if let Ok(answer) = exchange.answer() {
        check_refusal(&stage.saw(answer), 400, "invalid_request_error");
    }
    let mut exchange = stage.open();
    exchange.write(&request[..request.len() - 1]);
    exchange.reset();
    stage.assert_nothing_happened();
}

#[test]
fn a_head_that_drips_is_let_go() {
    let mut setup = Setup::default();
    setup.config.head_time = Duration::from_millis(300);
    let stage = setup.start(|_| Vec::new());
    let request = stage.request("POST /v1/messages", &[JSON], ASK);
    let mut exchange = stage.open();
    let begun = Instant::now();
    for byte in request.chunks(1) {
        if !exchange.write(byte) || begun.elapsed() > Duration::from_secs(3) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "it was let drip");
    stage.assert_nothing_happened();
}

#[test]
fn all_bodies_together_have_one_budget() {
    let mut setup = Setup::default();
    setup.config.body_budget = 64 << 10;
    let stage = setup.start(|_| reply::json(200, "{}"));
    let body = [ASK, " ".repeat((40 << 10) - ASK.len()).as_bytes()].concat();
    let request = stage.request("POST /v1/messages", &[JSON], &body);

    let mut holder = stage.open();
    holder.write(&request[..request.len() - 1]);
    let full = || {
        let answer = stage.post(&body);
        (answer.status() == 529).then_some(answer)
    };
    let mut refused = None;
    assert!(eventually(|| {
        refused = full();
        refused.is_some()
    }));
    let refused = refused.unwrap();
    check_envelope(&refused, 529, "overloaded_error");
    assert_eq!(refused.head.header("retry-after"), Some("1"));
    assert_eq!(refused.head.header("x-should-retry"), None);
    assert_eq!(stage.post(ASK).status(), 200, "a small one still fits");

    holder.write(&request[request.len() - 1..]);
    assert_eq!(stage.saw(holder.answer().unwrap()).status(), 200);
    assert!(
        eventually(|| stage.post(&body).status() == 200),
        "the room came back"
    );
    let chunked = [JSON, ("transfer-encoding", "chunked")];
    let piece = format!("{:x}\r\n{}\r\n0\r\n\r\n", 65 << 10, " ".repeat(65 << 10));
    let answer = stage.ask("POST /v1/messages", &chunked, piece.as_bytes());
    check_envelope(&answer, 529, "overloaded_error");
}

#[test]
fn small_pieces_take_no_more_of_the_budget_than_their_bytes() {
    let mut setup = Setup::default();
    setup.config.body_budget = 4 << 10;
    let stage = setup.start(|_| reply::json(200, "{}"));
    let chunked = [JSON, ("transfer-encoding", "chunked")];
    let body = [ASK, " ".repeat(2000).as_bytes()].concat();
    let mut pieces = Vec::new();
    for byte in body {
        pieces.extend_from_slice(b"1\r\n");
        pieces.push(byte);
        pieces.extend_from_slice(b"\r\n");
    }
    pieces.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(
        stage.ask("POST /v1/messages", &chunked, &pieces).status(),
        200
    );
}
