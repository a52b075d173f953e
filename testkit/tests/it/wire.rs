//! Responses are recorded as they arrive: whole, cut, reset, silent or garbled, and with their times.

use std::time::Duration;

use keyreeve_testkit::upstream::{Scripted, Step, responses};
use keyreeve_testkit::wire::{self, Exchange, ResponseEnd, request, send_request};

const SHORT_TIMEOUT: Duration = Duration::from_millis(200);

fn get(upstream: &Scripted) -> Vec<u8> {
    request(upstream.address(), "GET /", &[], b"")
}

#[track_caller]
fn check(steps: Vec<Step>, end: ResponseEnd, body: &str) {
    let upstream = Scripted::start(move |_| steps.clone());
    let mut exchange = Exchange::open_with(upstream.address(), SHORT_TIMEOUT);
    exchange.write(&get(&upstream));
    let response = exchange.response().unwrap();
    assert_eq!((response.end, response.text().as_str()), (end, body));
}

#[test]
fn end_of_a_sized_response_is_reported() {
    let complete = responses::json(200, "{\"a\":1}");
    let all_but_two = responses::length(&complete) - 2;
    check(complete.clone(), ResponseEnd::Complete, "{\"a\":1}");
    check(
        responses::cut(complete.clone(), all_but_two, Step::Close),
        ResponseEnd::ClosedEarly,
        "{\"a\":",
    );
    check(
        responses::cut(complete.clone(), all_but_two, Step::Reset),
        ResponseEnd::Reset,
        "{\"a\":",
    );
    check(
        responses::cut(complete, all_but_two, Step::Hang),
        ResponseEnd::TimedOut,
        "{\"a\":",
    );
}

#[test]
fn end_of_a_chunked_response_is_reported() {
    let complete = || responses::stream([b"ab".as_slice(), b"cd"]);
    let length = responses::length(&complete());
    check(complete(), ResponseEnd::Complete, "abcd");
    check(
        responses::cut(complete(), length - 1, Step::Close),
        ResponseEnd::ClosedEarly,
        "abcd",
    );
    check(
        responses::cut(complete(), length - 1, Step::Reset),
        ResponseEnd::Reset,
        "abcd",
    );
    check(
        vec![
            Step::Send(responses::stream_head()),
            Step::Send(b"x\r\n".to_vec()),
        ],
        ResponseEnd::Malformed,
        "",
    );
}

#[test]
fn body_without_framing_ends_with_its_connection() {
    let steps = || vec![Step::Send(b"HTTP/1.1 200 OK\r\n\r\nall".to_vec())];
    check(
        [steps(), vec![Step::Close]].concat(),
        ResponseEnd::Complete,
        "all",
    );
    check(
        [steps(), vec![Step::Reset]].concat(),
        ResponseEnd::Reset,
        "all",
    );
}

#[test]
fn responses_without_a_body_end_with_their_head() {
    let response = |text: &str| vec![Step::Send(text.as_bytes().to_vec())];
    check(
        response("HTTP/1.1 204 No Content\r\n\r\n"),
        ResponseEnd::Complete,
        "",
    );
    let early =
        "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    check(response(early), ResponseEnd::Complete, "");
    let upstream =
        Scripted::start(move |_| response("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"));
    let response = send_request(
        upstream.address(),
        &request(upstream.address(), "HEAD /", &[], b""),
    );
    assert_eq!(
        (response.end, response.head.header("Content-Length")),
        (ResponseEnd::Complete, Some("7"))
    );
}

#[test]
fn missing_response_differs_from_a_short_one() {
    for (step, end) in [
        (Step::Close, ResponseEnd::ClosedEarly),
        (Step::Reset, ResponseEnd::Reset),
        (Step::Hang, ResponseEnd::TimedOut),
    ] {
        let steps = vec![Step::Send(b"HTTP/1.1 2".to_vec()), step];
        let upstream = Scripted::start(move |_| steps.clone());
        let mut exchange = Exchange::open_with(upstream.address(), SHORT_TIMEOUT);
        exchange.write(&get(&upstream));
        let error = exchange.response().unwrap_err();
        assert_eq!(
            (error.end, error.bytes.as_slice()),
            (end, b"HTTP/1.1 2".as_slice())
        );
    }
}

#[test]
fn connection_carries_several_exchanges() {
    let upstream = Scripted::start(|request| responses::json(200, &request.number.to_string()));
    let mut exchange = Exchange::open(upstream.address());
    for number in ["0", "1"] {
        exchange.write(&get(&upstream));
        assert_eq!(exchange.response().unwrap().text(), number);
    }
    exchange.write(&[get(&upstream), get(&upstream)].concat());
    assert_eq!(exchange.response().unwrap().text(), "2");
    assert_eq!(exchange.response().unwrap().text(), "3");
    assert_eq!(upstream.bytes().len(), 1);
}

#[test]
fn received_bytes_can_be_split_into_responses() {
    let upstream = Scripted::start(|request| match request.number {
        0 => responses::json(200, "{}"),
        _ => [responses::json(400, "no"), vec![Step::Close]].concat(),
    });
    let both = [get(&upstream), get(&upstream)].concat();
    let responses = wire::split_responses(&wire::send_raw(upstream.address(), &both));
    let statuses: Vec<_> = responses.iter().map(wire::WireResponse::status).collect();
    assert_eq!(statuses, [200, 400]);
}

#[test]
fn events_are_split_and_timed() {
    let pause = Duration::from_millis(60);
    let pieces: [&[u8]; 3] = [b"event: a\ndata: 1\n", b"\nevent: b\r\n\r", b"\nrest"];
    let steps = responses::paced(responses::stream(pieces), pause);
    let upstream = Scripted::start(move |_| steps.clone());
    let response = send_request(upstream.address(), &get(&upstream));
    let events = response.events();
    let texts: Vec<_> = events.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(texts, ["event: a\ndata: 1\n\n", "event: b\r\n\r\n"]);
    assert!(
        events[0].at >= pause * 3 && events[1].at >= pause * 4,
        "{events:?}"
    );

    let mut exchange = Exchange::open(upstream.address());
    exchange.write(&get(&upstream));
    assert_eq!(exchange.head().unwrap().status(), 200);
    assert_eq!(exchange.next_event().unwrap().text, texts[0]);
    assert_eq!(exchange.next_event().unwrap().text, texts[1]);
    assert_eq!(exchange.next_event(), None);
    assert_eq!(exchange.response().unwrap().body, response.body);
}
