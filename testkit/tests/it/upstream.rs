//! Upstreams record every byte by connection, and stop when dropped.

use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::{Decoy, Scripted, responses};
use keyreeve_testkit::wire::{Exchange, ResponseEnd, request, send_raw, send_request};

#[test]
fn requests_are_recorded_by_connection() {
    let upstream = Scripted::start(|_| responses::json(200, "{}"));
    let address = upstream.address();
    let sized = request(address, "POST /a", &[("x-api-key", "k")], b"one");
    let chunked = request(
        address,
        "POST /b",
        &[("Transfer-Encoding", "chunked")],
        b"3\r\ntwo\r\n0\r\n\r\n",
    );
    let mut first = Exchange::open(address);
    let mut second = Exchange::open(address);
    for (exchange, bytes) in [(&mut first, &sized), (&mut second, &chunked)] {
        exchange.write(bytes);
        assert_eq!(exchange.response().unwrap().end, ResponseEnd::Complete);
    }
    let requests: Vec<_> = upstream
        .requests()
        .into_iter()
        .map(|request| (request.connection, request.head.line, request.body))
        .collect();
    let expected = [(0, "POST /a", b"one"), (1, "POST /b", b"two")];
    assert_eq!(
        requests,
        expected.map(|(connection, line, body)| (
            connection,
            format!("{line} HTTP/1.1"),
            body.to_vec()
        ))
    );
    assert_eq!(
        upstream.requests()[0].credentials(),
        [("x-api-key".into(), "k".into())]
    );
    assert_eq!(upstream.bytes(), [sized, chunked]);
}

#[test]
fn incomplete_request_is_recorded() {
    let upstream = Scripted::start(|_| responses::json(200, "{}"));
    let mut exchange =
        Exchange::open_with(upstream.address(), std::time::Duration::from_millis(100));
    exchange.write(b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nshort");
    assert_eq!(exchange.response().unwrap_err().end, ResponseEnd::TimedOut);
    assert_eq!(upstream.requests(), []);
    assert!(upstream.bytes()[0].ends_with(b"short"));
}

#[test]
fn common_responses_are_well_formed() {
    let planted = Canary::api_key("echo");
    let upstream = Scripted::start(|request| match request.number {
        0 => responses::redirect(307, "http://127.0.0.1:9/"),
        1 => responses::echo_credentials(400, request),
        _ => responses::header_bomb(200),
    });
    let bytes = request(
        upstream.address(),
        "POST /",
        &[("x-api-key", planted.value())],
        b"{}",
    );
    let responses = [(); 3].map(|()| send_request(upstream.address(), &bytes));
    assert_eq!(
        responses[0].head.header("location"),
        Some("http://127.0.0.1:9/")
    );
    assert_eq!(responses[1].head.header("x-echo"), Some(planted.value()));
    assert!(
        responses[1].json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains(planted.value())
    );
    assert_eq!(responses[2].head.headers.len(), 201);
    assert!(
        responses
            .iter()
            .all(|response| response.end == ResponseEnd::Complete)
    );
}

#[test]
fn recorded_streams_can_be_replayed() {
    for stream in fixtures::streams() {
        let bytes = stream.bytes.clone();
        let upstream = Scripted::start(move |_| responses::stream(bytes.chunks(7)));
        let response = send_request(
            upstream.address(),
            &request(upstream.address(), "GET /", &[], b""),
        );
        assert_eq!(
            (response.end, response.body),
            (ResponseEnd::Complete, stream.bytes),
            "{}",
            stream.name
        );
        assert!(stream.expected["cost"].is_string(), "{}", stream.name);
    }
}

#[test]
fn hanging_upstream_can_be_stopped() {
    let upstream = Scripted::start(|_| responses::hang());
    let address = upstream.address();
    let mut exchange = Exchange::open(address);
    exchange.write(&request(address, "GET /", &[], b""));
    drop(upstream);
    assert!(TcpStream::connect(address).is_err());
    assert!(exchange.head().is_err());
}

#[test]
fn decoy_reports_a_connection_made_just_now() {
    for number in 1..=50 {
        let decoy = Decoy::start();
        let _closed = TcpStream::connect(decoy.address()).unwrap();
        assert_eq!(decoy.received(), [b""], "decoy {number}");
        assert_eq!(decoy.received().len(), 1);
    }
}

#[test]
fn decoy_reports_every_connection() {
    let decoy = Decoy::start();
    decoy.assert_untouched();
    let address = decoy.address();
    let client = std::thread::spawn(move || send_raw(address, b"x"));
    while decoy.received() != [b"x"] {
        std::thread::yield_now();
    }
    assert!(catch_unwind(AssertUnwindSafe(|| decoy.assert_untouched())).is_err());
    drop(decoy);
    assert_eq!(client.join().unwrap(), b"");
}
