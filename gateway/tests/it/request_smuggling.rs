//! BI-06: request smuggling. Whatever its framing, a message is refused and the connection closed, or exactly one
//! request is sent upstream; a request hidden in its body is never parsed.

use std::fmt::Write as _;

use keyreeve_testkit::upstream::{Step, responses};
use keyreeve_testkit::wire::WireResponse;

use crate::harness::{JSON, REQUEST_BODY, TestGateway};

/// Sends a message whose body hides a request for `/v1/models?smuggled`, and asserts that it stays hidden.
#[track_caller]
fn check(gateway: &TestGateway, what: &str, message: &[u8]) {
    let before = gateway.upstream.requests().len();
    let responses = gateway.send_raw(message);
    let statuses: Vec<_> = responses.iter().map(WireResponse::status).collect();
    let requests = gateway.upstream.requests();
    let new = &requests[before..];
    assert!(new.len() <= 1, "{what}: {statuses:?} {new:?}");
    assert!(responses.len() <= 1, "{what}: {statuses:?}");
    for request in new {
        assert!(!request.head.line.contains("smuggled"), "{what}");
        assert_eq!(statuses, [200], "{what}");
    }
    if new.is_empty() {
        assert!(
            statuses.iter().all(|status| (400..500).contains(status)),
            "{what}: {statuses:?}"
        );
    }
}

/// Builds a request with these raw header lines, a valid key and this body.
fn message(gateway: &TestGateway, lines: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: {}\r\n",
        gateway.address
    );
    write!(text, "x-api-key: {}\r\n", gateway.key.value()).unwrap();
    for line in lines {
        write!(text, "{line}\r\n").unwrap();
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

fn smuggled_request(gateway: &TestGateway) -> String {
    let (address, key) = (gateway.address, gateway.key.value());
    format!("GET /v1/models?smuggled HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\n\r\n")
}

fn start_gateway() -> TestGateway {
    TestGateway::start(|_| responses::json(200, "{}"))
}

fn body_text() -> &'static str {
    std::str::from_utf8(REQUEST_BODY).unwrap()
}

/// The request's body as one chunk, with bytes after its end.
fn chunked_body(rest: &str) -> String {
    let length = REQUEST_BODY.len();
    format!("{length:x}\r\n{}\r\n0\r\n\r\n{rest}", body_text())
}

/// BI-06: a content-length in addition to a chunked body.
#[test]
fn content_length_with_chunked_encoding() {
    let gateway = start_gateway();
    let hidden = smuggled_request(&gateway);
    let chunked = chunked_body(&hidden);
    let at_once = format!("0\r\n\r\n{hidden}");
    let (whole, short) = (
        format!("content-length: {}", chunked.len()),
        format!("content-length: {}", REQUEST_BODY.len()),
    );
    for body in [&chunked, &at_once] {
        for length in [&whole, &short, &"content-length: 0".to_owned()] {
            let te = "transfer-encoding: chunked";
            check(
                &gateway,
                "length, then chunks",
                &message(&gateway, &[length, te], body),
            );
            check(
                &gateway,
                "chunks, then length",
                &message(&gateway, &[te, length], body),
            );
        }
    }
}

/// BI-06: two content-lengths, and invalid ones.
#[test]
fn duplicate_and_invalid_content_lengths() {
    let gateway = start_gateway();
    let body = format!("{}{}", body_text(), smuggled_request(&gateway));
    let (short, long) = (REQUEST_BODY.len(), body.len());
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
            &gateway,
            &headers.join(" | "),
            &message(&gateway, &lines, &body),
        );
    }
}

/// BI-06: invalid transfer-encodings.
#[test]
fn invalid_transfer_encodings() {
    let gateway = start_gateway();
    let hidden = smuggled_request(&gateway);
    let body = chunked_body(&hidden);
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
        check(&gateway, line, &message(&gateway, &[line, &length], &body));
        check(&gateway, line, &message(&gateway, &[&length, line], &body));
        check(&gateway, line, &message(&gateway, &[line], &body));
    }
    // Not a framing header to a correct parser: only a content-length makes a body.
    let line = "transfer_encoding: chunked";
    check(&gateway, line, &message(&gateway, &[line, &length], &body));
    let two = ["transfer-encoding: chunked", "transfer-encoding: identity"];
    check(&gateway, "two codings", &message(&gateway, &two, &body));
}

/// BI-06: invalid chunks.
#[test]
fn invalid_chunks() {
    let gateway = start_gateway();
    let (size, hidden) = (REQUEST_BODY.len(), smuggled_request(&gateway));
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
        let body = format!("{begin}{}{end}{hidden}", body_text());
        let message = message(&gateway, &["transfer-encoding: chunked"], &body);
        check(&gateway, &format!("{begin:?} {end:?}"), &message);
    }
}

/// Checks a message with one part replaced, followed by the hidden request.
#[track_caller]
fn check_replaced(gateway: &TestGateway, part: &str, by: &str) {
    let length = format!("content-length: {}", REQUEST_BODY.len());
    let whole = String::from_utf8(message(gateway, &[&length], body_text())).unwrap();
    assert!(whole.contains(part), "{part}");
    let broken = whole.replacen(part, by, 1) + &smuggled_request(gateway);
    check(gateway, by, broken.as_bytes());
}

/// BI-06: invalid header lines and versions.
#[test]
fn invalid_header_lines() {
    let gateway = start_gateway();
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
        check_replaced(&gateway, "host:", &format!("{line}\r\nhost:"));
    }
    check_replaced(&gateway, "content-length: ", "content-length:\r\n ");
    check_replaced(&gateway, "content-length: ", "content-length : ");
    check_replaced(&gateway, "POST /", "POST  /");
    check_replaced(&gateway, "POST /v1/", "POST /v1/ ");
    for version in [
        "HTTP/1.2",
        "HTTP/2.0",
        "HTTP/0.9",
        "http/1.1",
        "",
        "HTTP/1.1 HTTP/1.1",
    ] {
        check_replaced(&gateway, "HTTP/1.1", version);
    }
}

/// BI-06: bare line feeds and carriage returns.
#[test]
fn bare_line_ends() {
    let gateway = start_gateway();
    let length = format!("content-length: {}", REQUEST_BODY.len());
    let whole = String::from_utf8(message(&gateway, &[&length], body_text())).unwrap();
    // Some parsers accept a bare line feed as a line end; then this is one whole message.
    check(
        &gateway,
        "line feeds",
        whole.replace("\r\n", "\n").as_bytes(),
    );
    check(
        &gateway,
        "carriage returns",
        whole.replace("\r\n", "\r").as_bytes(),
    );
    let hides_chunks = "x-a: b\ntransfer-encoding: chunked";
    let chunked = format!("0\r\n\r\n{}", smuggled_request(&gateway));
    let length = format!("content-length: {}", chunked.len());
    check(
        &gateway,
        hides_chunks,
        &message(&gateway, &[hides_chunks, &length], &chunked),
    );
}

/// BI-06: HTTP/1.0, HTTP/2, CONNECT and upgrades.
#[test]
fn old_versions_and_upgrades_close_the_connection() {
    let gateway = start_gateway();
    let hidden = smuggled_request(&gateway);
    let chunked = chunked_body(&hidden);
    let sized = format!("{}{hidden}", body_text());
    let length = format!("content-length: {}", REQUEST_BODY.len());
    let old = |message: Vec<u8>| {
        String::from_utf8(message)
            .unwrap()
            .replacen("HTTP/1.1", "HTTP/1.0", 1)
            .into_bytes()
    };
    let te = "transfer-encoding: chunked";
    check(
        &gateway,
        "chunks in 1.0",
        &old(message(&gateway, &[te], &chunked)),
    );
    check(&gateway, "1.0", &old(message(&gateway, &[&length], &sized)));
    let keep = "connection: keep-alive";
    check(
        &gateway,
        "1.0 kept alive",
        &old(message(&gateway, &[&length, keep], &sized)),
    );
    for upgrade in ["upgrade: websocket", "upgrade: h2c", "upgrade: TLS/1.2"] {
        let lines = [
            upgrade,
            "connection: upgrade, http2-settings",
            "http2-settings: AAMAAABk",
            &length,
        ];
        check(&gateway, upgrade, &message(&gateway, &lines, &sized));
        let lines = [upgrade, &length];
        check(&gateway, upgrade, &message(&gateway, &lines, &sized));
    }
    check(
        &gateway,
        "http/2",
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{hidden}").as_bytes(),
    );
    check(
        &gateway,
        "connect",
        format!(
            "CONNECT {0} HTTP/1.1\r\nhost: {0}\r\n\r\n{hidden}",
            gateway.address
        )
        .as_bytes(),
    );
}

/// BI-06: the body of a refused request is not parsed as a request.
#[test]
fn unread_body_is_not_the_next_request() {
    let gateway = start_gateway();
    let hidden = smuggled_request(&gateway);
    let length = format!("content-length: {}", hidden.len());
    let host = format!("host: {}", gateway.address);
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
        let before = gateway.upstream.requests().len();
        gateway.send_raw(message.as_bytes());
        assert_eq!(gateway.upstream.requests().len(), before, "{line}");
        // The same in two writes: the body arrives after the response was sent.
        let mut exchange = gateway.connect();
        let (head, body) = message.split_at(message.len() - hidden.len());
        exchange.write(head.as_bytes());
        let _refused = exchange.head();
        exchange.write(body.as_bytes());
        drop(
            exchange
                .response()
                .map(|response| gateway.record_response(response)),
        );
        drop(
            exchange
                .response()
                .map(|response| gateway.record_response(response)),
        );
        assert_eq!(gateway.upstream.requests().len(), before, "{line}");
    }
}

/// BI-06: a connection header that names protected headers.
#[test]
fn connection_header_cannot_remove_the_key() {
    let gateway = start_gateway();
    let length = format!("content-length: {}", REQUEST_BODY.len());
    for named in [
        "x-api-key",
        "host",
        "content-length",
        "authorization, x-api-key, host",
    ] {
        let connection = format!("connection: {named}");
        check(
            &gateway,
            named,
            &message(&gateway, &[&connection, &length], body_text()),
        );
    }
    for request in gateway.upstream.requests() {
        assert_eq!(request.body, REQUEST_BODY);
        let expected = ("x-api-key".to_owned(), gateway.secret.value().to_owned());
        assert_eq!(request.credentials(), [expected]);
    }
}

#[test]
fn two_requests_in_one_write_are_two_requests() {
    let gateway = TestGateway::start(|request| responses::json(200, &request.number.to_string()));
    let one = gateway.request("POST /v1/messages", &[JSON], REQUEST_BODY);
    let responses = gateway.send_raw(&[one.clone(), one].concat());
    let texts: Vec<_> = responses.iter().map(WireResponse::text).collect();
    assert_eq!(texts, ["0", "1"]);
}

/// BI-06: bytes that an upstream sends after its response.
#[test]
fn bytes_after_an_upstream_response_are_dropped() {
    let poison = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    let gateway = TestGateway::start(move |request| {
        let mut steps = responses::json(200, &request.number.to_string());
        if let (0, Some(Step::Send(bytes))) = (request.number % 2, steps.last_mut()) {
            bytes.extend_from_slice(poison);
        }
        steps
    });
    for number in 0..20 {
        let response = gateway.post(REQUEST_BODY);
        assert_eq!(response.text(), number.to_string());
    }
}
