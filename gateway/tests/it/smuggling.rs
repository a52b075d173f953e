//! BI-06: one message is one message. Whatever its framing, it is refused and the connection closed, or exactly one
//! request goes upstream; what hides in its body is never taken for a request.

use std::fmt::Write as _;

use keyreeve_testkit::upstream::{Step, reply};
use keyreeve_testkit::wire::Answer;

use crate::stage::{ASK, JSON, Stage};

/// Sends a message whose body hides a request for `/v1/models?smuggled`, and asserts that it stays hidden.
#[track_caller]
fn check(stage: &Stage, what: &str, message: &[u8]) {
    let before = stage.upstream.requests().len();
    let answers = stage.raw(message);
    let shown: Vec<_> = answers.iter().map(Answer::status).collect();
    let requests = stage.upstream.requests();
    let new = &requests[before..];
    assert!(new.len() <= 1, "{what}: {shown:?} {new:?}");
    assert!(answers.len() <= 1, "{what}: {shown:?}");
    for request in new {
        assert!(!request.head.line.contains("smuggled"), "{what}");
        assert_eq!(shown, [200], "{what}");
    }
    if new.is_empty() {
        assert!(
            shown.iter().all(|status| (400..500).contains(status)),
            "{what}: {shown:?}"
        );
    }
}

/// A request with these header lines, written as they are, a valid key, and this body.
fn message(stage: &Stage, lines: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("POST /v1/messages HTTP/1.1\r\nhost: {}\r\n", stage.address);
    write!(text, "x-api-key: {}\r\n", stage.key.value()).unwrap();
    for line in lines {
        write!(text, "{line}\r\n").unwrap();
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

fn hidden(stage: &Stage) -> String {
    let (address, key) = (stage.address, stage.key.value());
    format!("GET /v1/models?smuggled HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\n\r\n")
}

fn stage() -> Stage {
    Stage::start(|_| reply::json(200, "{}"))
}

fn ask() -> &'static str {
    std::str::from_utf8(ASK).unwrap()
}

#[test]
fn bi_06_a_length_and_chunks() {
    let stage = stage();
    let hidden = hidden(&stage);
    let chunked = format!("{:x}\r\n{}\r\n0\r\n\r\n{hidden}", ASK.len(), ask());
    let at_once = format!("0\r\n\r\n{hidden}");
    let (whole, short) = (
        format!("content-length: {}", chunked.len()),
        format!("content-length: {}", ASK.len()),
    );
    for body in [&chunked, &at_once] {
        for length in [&whole, &short, &"content-length: 0".to_owned()] {
            let te = "transfer-encoding: chunked";
            check(
                &stage,
                "length, then chunks",
                &message(&stage, &[length, te], body),
            );
            check(
                &stage,
                "chunks, then length",
                &message(&stage, &[te, length], body),
            );
        }
    }
}

#[test]
fn bi_06_two_lengths_and_odd_ones() {
    let stage = stage();
    let body = format!("{}{}", ask(), hidden(&stage));
    let (short, long) = (ASK.len(), body.len());
    let length = |value: String| format!("content-length: {value}");
    let lines = |value: String| vec![length(value)];
    for headers in [
        vec![length(short.to_string()), length(long.to_string())],
        vec![length(long.to_string()), length(short.to_string())],
        lines(format!("{short}, {long}")),
        lines(format!("+{short}")),
        lines(format!("-{short}")),
        lines(format!("0x{short:x}")),
        lines(format!("{short} {long}")),
        lines(format!("{short}.0")),
        lines(format!("{short}\t\u{b}")),
        lines(String::new()),
        lines("99999999999999999999999".to_owned()),
    ] {
        let lines: Vec<_> = headers.iter().map(String::as_str).collect();
        check(
            &stage,
            &headers.join(" | "),
            &message(&stage, &lines, &body),
        );
    }
}

#[test]
fn bi_06_odd_codings() {
    let stage = stage();
    let hidden = hidden(&stage);
    let body = format!("{:x}\r\n{}\r\n0\r\n\r\n{hidden}", ASK.len(), ask());
    let length = format!("content-length: {}", body.len());
    for line in [
        "transfer-encoding: identity",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: \u{b}chunked",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding : chunked",
        " transfer-encoding: chunked",
        "transfer-encoding:\tchunked",
        "transfer-encoding: cHuNkEd",
        "transfer-encoding\u{0}: chunked",
        "x: y\rtransfer-encoding: chunked",
    ] {
        check(&stage, line, &message(&stage, &[line, &length], &body));
        check(&stage, line, &message(&stage, &[&length, line], &body));
        check(&stage, line, &message(&stage, &[line], &body));
    }
    // No framing at all to anybody who reads it right: only with a length is there a body.
    let line = "transfer_encoding: chunked";
    check(&stage, line, &message(&stage, &[line, &length], &body));
    let two = ["transfer-encoding: chunked", "transfer-encoding: identity"];
    check(&stage, "two codings", &message(&stage, &two, &body));
}

#[test]
fn bi_06_odd_chunks() {
    let stage = stage();
    let (size, hidden) = (ASK.len(), hidden(&stage));
    for (begin, end) in [
        (format!("0x{size:x}\r\n"), "\r\n0\r\n\r\n"),
        (format!("+{size:x}\r\n"), "\r\n0\r\n\r\n"),
        (format!("-{size:x}\r\n"), "\r\n0\r\n\r\n"),
        (format!(" {size:x}\r\n"), "\r\n0\r\n\r\n"),
        (format!("{size:x} \r\n"), "\r\n0\r\n\r\n"),
        (format!("{size:x};a=b\r\n"), "\r\n0\r\n\r\n"),
        (format!("{size:x};a\nb\r\n"), "\r\n0\r\n\r\n"),
        (format!("{size:x}\n"), "\n0\n\n"),
        (format!("{size:x}\r"), "\r0\r\r"),
        (format!("{size:x}\r\n"), "0\r\n\r\n"),
        (format!("{size:x}\r\n"), "xx0\r\n\r\n"),
        (format!("{size:x}\r\n"), "\r\n0\r\nx-trailer: 1\r\n\r\n"),
        (
            format!("{size:x}\r\n"),
            "\r\n0\r\ncontent-length: 0\r\n\r\n",
        ),
        (format!("{size:x}\r\n"), "\r\n0\r\nx-api-key: other\r\n\r\n"),
        (format!("1{size:016x}\r\n"), "\r\n0\r\n\r\n"),
        ("fffffffffffffffff\r\n".to_owned(), "\r\n0\r\n\r\n"),
        ("\r\n".to_owned(), "\r\n0\r\n\r\n"),
        ("g\r\n".to_owned(), "\r\n0\r\n\r\n"),
    ] {
        let body = format!("{begin}{}{end}{hidden}", ask());
        let message = message(&stage, &["transfer-encoding: chunked"], &body);
        check(&stage, &format!("{begin:?} {end:?}"), &message);
    }
}

/// A whole message with one part of it replaced, and the hidden request behind it.
#[track_caller]
fn check_replaced(stage: &Stage, part: &str, by: &str) {
    let length = format!("content-length: {}", ASK.len());
    let whole = String::from_utf8(message(stage, &[&length], ask())).unwrap();
    assert!(whole.contains(part), "{part}");
    let broken = whole.replacen(part, by, 1) + &hidden(stage);
    check(stage, by, broken.as_bytes());
}

#[test]
fn bi_06_odd_lines() {
    let stage = stage();
    for line in [
        "x-a: 1\r\n folded: 2",
        "x-a: 1\r\n\tfolded: 2",
        "no-colon",
        ": no name",
        "x a: space",
        "x-a: a\0b",
        "x-a: a\rb",
        "host: evil.test",
    ] {
        check_replaced(&stage, "host:", &format!("{line}\r\nhost:"));
    }
    check_replaced(&stage, "content-length: ", "content-length:\r\n ");
    check_replaced(&stage, "content-length: ", "content-length : ");
    check_replaced(&stage, "POST /", "POST  /");
    check_replaced(&stage, "POST /v1/", "POST /v1/ ");
    for version in [
        "HTTP/1.2",
        "HTTP/2.0",
        "HTTP/0.9",
        "http/1.1",
        "",
        "HTTP/1.1 HTTP/1.1",
    ] {
        check_replaced(&stage, "HTTP/1.1", version);
    }
}

#[test]
fn bi_06_line_ends_of_one_character() {
    let stage = stage();
    let length = format!("content-length: {}", ASK.len());
    let whole = String::from_utf8(message(&stage, &[&length], ask())).unwrap();
    // Some take a bare line feed for a line end, and then this is one whole message.
    check(&stage, "line feeds", whole.replace("\r\n", "\n").as_bytes());
    check(
        &stage,
        "carriage returns",
        whole.replace("\r\n", "\r").as_bytes(),
    );
    let hides_chunks = "x-a: b\ntransfer-encoding: chunked";
    let chunked = format!("0\r\n\r\n{}", hidden(&stage));
    let length = format!("content-length: {}", chunked.len());
    check(
        &stage,
        hides_chunks,
        &message(&stage, &[hides_chunks, &length], &chunked),
    );
}

#[test]
fn bi_06_older_versions_and_upgrades_end_the_connection() {
    let stage = stage();
    let hidden = hidden(&stage);
    let chunked = format!("{:x}\r\n{}\r\n0\r\n\r\n{hidden}", ASK.len(), ask());
    let sized = format!("{}{hidden}", ask());
    let length = format!("content-length: {}", ASK.len());
    let old = |message: Vec<u8>| {
        String::from_utf8(message)
            .unwrap()
            .replacen("HTTP/1.1", "HTTP/1.0", 1)
            .into_bytes()
    };
    let te = "transfer-encoding: chunked";
    check(
        &stage,
        "chunks in 1.0",
        &old(message(&stage, &[te], &chunked)),
    );
    check(&stage, "1.0", &old(message(&stage, &[&length], &sized)));
    let keep = "connection: keep-alive";
    check(
        &stage,
        "1.0 kept alive",
        &old(message(&stage, &[&length, keep], &sized)),
    );
    for upgrade in ["upgrade: websocket", "upgrade: h2c", "upgrade: TLS/1.2"] {
        let lines = [
            upgrade,
            "connection: upgrade, http2-settings",
            "http2-settings: AAMAAABk",
            &length,
        ];
        check(&stage, upgrade, &message(&stage, &lines, &sized));
        let lines = [upgrade, &length];
        check(&stage, upgrade, &message(&stage, &lines, &sized));
    }
    check(
        &stage,
        "http/2",
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{hidden}").as_bytes(),
    );
    check(
        &stage,
        "connect",
        format!(
            "CONNECT {0} HTTP/1.1\r\nhost: {0}\r\n\r\n{hidden}",
            stage.address
        )
        .as_bytes(),
    );
}

#[test]
fn bi_06_a_body_nobody_read_is_not_the_next_request() {
    let stage = stage();
    let hidden = hidden(&stage);
    let length = format!("content-length: {}", hidden.len());
    let host = format!("host: {}", stage.address);
    for (line, header) in [
        ("POST /v1/messages", "x-api-key: wrong"),
        ("POST /v1/nothing", "x-a: b"),
        ("PUT /v1/messages", "x-a: b"),
        ("GET /healthz", "x-a: b"),
        ("HEAD /", "x-a: b"),
        ("POST /v1/messages", "origin: https://evil.test"),
        ("POST /v1/messages", "content-encoding: gzip"),
    ] {
        let message = format!("{line} HTTP/1.1\r\n{host}\r\n{header}\r\n{length}\r\n\r\n{hidden}");
        let before = stage.upstream.requests().len();
        stage.raw(message.as_bytes());
        assert_eq!(stage.upstream.requests().len(), before, "{line}");
        // The same in two writes: the body comes when the answer is already out.
        let mut exchange = stage.open();
        let (head, body) = message.split_at(message.len() - hidden.len());
        exchange.write(head.as_bytes());
        let _refused = exchange.head();
        exchange.write(body.as_bytes());
        drop(exchange.answer().map(|answer| stage.saw(answer)));
        drop(exchange.answer().map(|answer| stage.saw(answer)));
        assert_eq!(stage.upstream.requests().len(), before, "{line}");
    }
}

#[test]
fn bi_06_connection_names_no_way_around_the_key() {
    let stage = stage();
    let length = format!("content-length: {}", ASK.len());
    for named in [
        "x-api-key",
        "host",
        "content-length",
        "authorization, x-api-key, host",
    ] {
        let connection = format!("connection: {named}");
        check(
            &stage,
            named,
            &message(&stage, &[&connection, &length], ask()),
        );
    }
    for request in stage.upstream.requests() {
        assert_eq!(request.body, ASK);
        let expected = ("x-api-key".to_owned(), stage.secret.value().to_owned());
        assert_eq!(request.credentials(), [expected]);
    }
}

#[test]
fn two_whole_requests_in_one_write_are_two() {
    let stage = Stage::start(|request| reply::json(200, &request.number.to_string()));
    let one = stage.request("POST /v1/messages", &[JSON], ASK);
    let answers = stage.raw(&[one.clone(), one].concat());
    let texts: Vec<_> = answers.iter().map(Answer::text).collect();
    assert_eq!(texts, ["0", "1"]);
}

#[test]
fn bi_06_what_an_upstream_adds_behind_its_answer_reaches_nobody() {
    let poison = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    let stage = Stage::start(move |request| {
        let mut steps = reply::json(200, &request.number.to_string());
        if let (0, Some(Step::Send(bytes))) = (request.number % 2, steps.last_mut()) {
            bytes.extend_from_slice(poison);
        }
        steps
    });
    for number in 0..20 {
        let answer = stage.post(ASK);
        assert_eq!(answer.text(), number.to_string());
    }
}
