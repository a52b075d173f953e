//! What comes back is told as it came: whole, cut, reset, silent or garbled, and when.

use std::time::Duration;

use keyreeve_testkit::upstream::{Scripted, Step, reply};
use keyreeve_testkit::wire::{self, Ended, Exchange, ask, request};

const SHORT: Duration = Duration::from_millis(200);

fn get(upstream: &Scripted) -> Vec<u8> {
    request(upstream.address(), "GET /", &[], b"")
}

#[track_caller]
fn check(steps: Vec<Step>, ended: Ended, body: &str) {
    let upstream = Scripted::start(move |_| steps.clone());
    let mut exchange = Exchange::open_with(upstream.address(), SHORT);
    exchange.write(&get(&upstream));
    let answer = exchange.answer().unwrap();
    assert_eq!((answer.ended, answer.text().as_str()), (ended, body));
}

#[test]
fn how_a_sized_answer_ended_is_told() {
    let whole = reply::json(200, "{\"a\":1}");
    let all_but_two = reply::length(&whole) - 2;
    check(whole.clone(), Ended::Whole, "{\"a\":1}");
    check(
        reply::cut(whole.clone(), all_but_two, Step::Close),
        Ended::Early,
        "{\"a\":",
    );
    check(
        reply::cut(whole.clone(), all_but_two, Step::Reset),
        Ended::Reset,
        "{\"a\":",
    );
    check(
        reply::cut(whole, all_but_two, Step::Silence),
        Ended::Silent,
        "{\"a\":",
    );
}

#[test]
fn how_a_chunked_answer_ended_is_told() {
    let whole = || reply::stream([b"ab".as_slice(), b"cd"]);
    let length = reply::length(&whole());
    check(whole(), Ended::Whole, "abcd");
    check(
        reply::cut(whole(), length - 1, Step::Close),
        Ended::Early,
        "abcd",
    );
    check(
        reply::cut(whole(), length - 1, Step::Reset),
        Ended::Reset,
        "abcd",
    );
    check(
        vec![
            Step::Send(reply::stream_head()),
            Step::Send(b"x\r\n".to_vec()),
        ],
        Ended::Garbled,
        "",
    );
}

#[test]
fn a_body_without_framing_ends_with_its_connection() {
    let steps = || vec![Step::Send(b"HTTP/1.1 200 OK\r\n\r\nall".to_vec())];
    check([steps(), vec![Step::Close]].concat(), Ended::Whole, "all");
    check([steps(), vec![Step::Reset]].concat(), Ended::Reset, "all");
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    let answer = |text: &str| vec![Step::Send(text.as_bytes().to_vec())];
    check(answer("HTTP/1.1 204 No Content\r\n\r\n"), Ended::Whole, "");
    let early =
        "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    check(answer(early), Ended::Whole, "");
    let upstream = Scripted::start(move |_| answer("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"));
    let answer = ask(
        upstream.address(),
        &request(upstream.address(), "HEAD /", &[], b""),
    );
    assert_eq!(
        (answer.ended, answer.head.header("Content-Length")),
        (Ended::Whole, Some("7"))
    );
}

#[test]
fn no_answer_is_told_from_a_short_one() {
    for (step, ended) in [
        (Step::Close, Ended::Early),
        (Step::Reset, Ended::Reset),
        (Step::Silence, Ended::Silent),
    ] {
        let steps = vec![Step::Send(b"HTTP/1.1 2".to_vec()), step];
        let upstream = Scripted::start(move |_| steps.clone());
        let mut exchange = Exchange::open_with(upstream.address(), SHORT);
        exchange.write(&get(&upstream));
        let none = exchange.answer().unwrap_err();
        assert_eq!(
            (none.ended, none.bytes.as_slice()),
            (ended, b"HTTP/1.1 2".as_slice())
        );
    }
}

#[test]
fn a_connection_carries_one_exchange_after_another() {
    let upstream = Scripted::start(|request| reply::json(200, &request.number.to_string()));
    let mut exchange = Exchange::open(upstream.address());
    for number in ["0", "1"] {
        exchange.write(&get(&upstream));
        assert_eq!(exchange.answer().unwrap().text(), number);
    }
    exchange.write(&[get(&upstream), get(&upstream)].concat());
    assert_eq!(exchange.answer().unwrap().text(), "2");
    assert_eq!(exchange.answer().unwrap().text(), "3");
    assert_eq!(upstream.bytes().len(), 1);
}

#[test]
fn everything_sent_back_can_be_split_into_answers() {
    let upstream = Scripted::start(|request| match request.number {
        0 => reply::json(200, "{}"),
        _ => [reply::json(400, "no"), vec![Step::Close]].concat(),
    });
    let both = [get(&upstream), get(&upstream)].concat();
    let answers = wire::answers(&wire::send(upstream.address(), &both));
    let statuses: Vec<_> = answers.iter().map(wire::Answer::status).collect();
    assert_eq!(statuses, [200, 400]);
}

#[test]
fn events_are_split_and_timed() {
    let pause = Duration::from_millis(60);
    let pieces: [&[u8]; 3] = [b"event: a\ndata: 1\n", b"\nevent: b\r\n\r", b"\nrest"];
    let steps = reply::paced(reply::stream(pieces), pause);
    let upstream = Scripted::start(move |_| steps.clone());
    let answer = ask(upstream.address(), &get(&upstream));
    let frames = answer.frames();
    let texts: Vec<_> = frames.iter().map(|frame| frame.text.as_str()).collect();
    assert_eq!(texts, ["event: a\ndata: 1\n\n", "event: b\r\n\r\n"]);
    assert!(
        frames[0].at >= pause * 3 && frames[1].at >= pause * 4,
        "{frames:?}"
    );

    let mut exchange = Exchange::open(upstream.address());
    exchange.write(&get(&upstream));
    assert_eq!(exchange.head().unwrap().status(), 200);
    assert_eq!(exchange.frame().unwrap().text, texts[0]);
    assert_eq!(exchange.frame().unwrap().text, texts[1]);
    assert_eq!(exchange.frame(), None);
    assert_eq!(exchange.answer().unwrap().body, answer.body);
}
