//! An upstream records every byte, tells connections apart, and stops when it goes.

use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::{Decoy, Scripted, reply};
use keyreeve_testkit::wire::{Ended, Exchange, ask, request, send};

#[test]
fn requests_are_recorded_by_connection() {
    let upstream = Scripted::start(|_| reply::json(200, "{}"));
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
        assert_eq!(exchange.answer().unwrap().ended, Ended::Whole);
    }
    let seen: Vec<_> = upstream
        .requests()
        .into_iter()
        .map(|request| (request.connection, request.head.line, request.body))
        .collect();
    let expected = [(0, "POST /a", b"one"), (1, "POST /b", b"two")];
    assert_eq!(
        seen,
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
fn what_is_no_request_is_recorded_too() {
    let upstream = Scripted::start(|_| reply::json(200, "{}"));
    let mut exchange =
        Exchange::open_with(upstream.address(), std::time::Duration::from_millis(100));
    exchange.write(b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nshort");
    assert_eq!(exchange.answer().unwrap_err().ended, Ended::Silent);
    assert_eq!(upstream.requests(), []);
    assert!(upstream.bytes()[0].ends_with(b"short"));
}

#[test]
fn the_usual_answers_are_well_formed() {
    let planted = Canary::api_key("echo");
    let upstream = Scripted::start(|request| match request.number {
        0 => reply::redirect(307, "http://127.0.0.1:9/"),
        1 => reply::echo(400, request),
        _ => reply::header_bomb(200),
    });
    let bytes = request(
        upstream.address(),
        "POST /",
        &[("x-api-key", planted.value())],
        b"{}",
    );
    let answers = [(); 3].map(|()| ask(upstream.address(), &bytes));
    assert_eq!(
        answers[0].head.header("location"),
        Some("http://127.0.0.1:9/")
    );
    assert_eq!(answers[1].head.header("x-echo"), Some(planted.value()));
    assert!(
        answers[1].json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains(planted.value())
    );
    assert_eq!(answers[2].head.headers.len(), 201);
    assert!(answers.iter().all(|answer| answer.ended == Ended::Whole));
}

#[test]
fn a_recorded_stream_can_be_played() {
    for stream in fixtures::streams() {
        let bytes = stream.bytes.clone();
        let upstream = Scripted::start(move |_| reply::stream(bytes.chunks(7)));
        let answer = ask(
            upstream.address(),
            &request(upstream.address(), "GET /", &[], b""),
        );
        assert_eq!(
            (answer.ended, answer.body),
            (Ended::Whole, stream.bytes),
            "{}",
            stream.name
        );
        assert!(stream.expected["cost"].is_string(), "{}", stream.name);
    }
}

#[test]
fn an_upstream_stops_even_in_its_silence() {
    let upstream = Scripted::start(|_| reply::silence());
    let address = upstream.address();
    let mut exchange = Exchange::open(address);
    exchange.write(&request(address, "GET /", &[], b""));
    drop(upstream);
    assert!(TcpStream::connect(address).is_err());
    assert!(exchange.head().is_err());
}

#[test]
fn a_decoy_tells_of_who_has_just_come() {
    for number in 1..=50 {
        let decoy = Decoy::start();
        let _gone = TcpStream::connect(decoy.address()).unwrap();
        assert_eq!(decoy.received(), [b""], "decoy {number}");
        assert_eq!(decoy.received().len(), 1);
    }
}

#[test]
fn a_decoy_tells_of_any_touch() {
    let decoy = Decoy::start();
    decoy.assert_untouched();
    let address = decoy.address();
    let client = std::thread::spawn(move || send(address, b"x"));
    while decoy.received() != [b"x"] {
        std::thread::yield_now();
    }
    assert!(catch_unwind(AssertUnwindSafe(|| decoy.assert_untouched())).is_err());
    drop(decoy);
    assert_eq!(client.join().unwrap(), b"");
}
