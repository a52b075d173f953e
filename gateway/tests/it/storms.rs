//! NF-07: a thousand requests of a hundred clients before an upstream that refuses them all, and a profile that dies in
//! the middle of a hundred streams. Nothing hangs, attempts are bounded, each is on record, and nobody rests for what it
//! did not do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyreeve_core::standing::{Scope, Standing};
use keyreeve_store::Ending;
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::{Step, reply};
use keyreeve_testkit::wire::{Answer, Ended};

use crate::books::check_books;
use crate::house::{HERE, House, answer, patient};
use crate::stage::{ASK, ASK_STREAM, JSON, eventually};

const CLIENTS: usize = 100;
const EACH: usize = 10;

/// All clients at once, one request after the other; every answer that came.
fn storm(house: &House) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let client = || {
            let ask = |_| house.post();
            (0..EACH).map(ask).collect::<Vec<_>>()
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let answered = clients.into_iter().map(|client| client.join().unwrap());
        answered.flatten().collect()
    })
}

/// Whether an answer is the upstream's own, passed on.
fn is_passed(answer: &Answer) -> bool {
    answer.head.header("x-keyreeve-request-id").is_some()
}

/// Three profiles of one upstream, each of which always answers this.
fn refusing(steps: &[Step]) -> House {
    let steps = steps.to_vec();
    House::with(
        patient(Duration::ZERO),
        &[HERE; 3],
        |_| {},
        move |_, _| steps.clone(),
    )
}

fn seconds(answer: &Answer) -> u64 {
    answer.head.header("retry-after").unwrap().parse().unwrap()
}

#[test]
fn nf_07_limits() {
    let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit of 50 requests per minute"}}"#;
    let told = [
        JSON,
        ("retry-after", "40"),
        ("x-should-retry", "true"),
        ("anthropic-ratelimit-requests-remaining", "0"),
    ];
    let house = refusing(&reply::with_headers(429, &told, body.as_bytes()));
    let answers = storm(&house);
    assert_eq!(answers.len(), CLIENTS * EACH);
    for answer in &answers {
        assert_eq!((answer.status(), answer.ended), (429, Ended::Whole));
        if is_passed(answer) {
            assert_eq!(answer.text(), body);
            for (name, value) in told {
                assert_eq!(answer.head.header(name), Some(value), "{name}");
            }
        } else {
            assert!((30..=42).contains(&seconds(answer)), "{}", seconds(answer));
            assert_eq!(answer.head.header("x-should-retry"), None);
        }
    }
    let rows = house.stage.rows();
    check_books(&rows, &house.received());
    // Each profile was found out about by those that were on their way, and by nobody after.
    assert!(rows.len() <= 3 * CLIENTS, "{} attempts", rows.len());
    assert!(answers.iter().any(is_passed) && !answers.iter().all(is_passed));
    let standings = house.stage.store.known().unwrap().standings;
    let resting = |standing: &Standing| matches!(standing, Standing::Resting(_));
    let all: Vec<_> = standings.iter().collect();
    assert!(
        all.len() == 3 && all.iter().all(|(_, standing)| resting(standing)),
        "{all:?}"
    );
}

#[test]
fn nf_07_overloads_and_failures_rest_nobody() {
    for (name, status, kind) in [
        ("busy", 529, "overloaded_error"),
        ("failing", 500, "api_error"),
        ("away", 503, "api_error"),
    ] {
        let body = format!("{{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\"}}}}");
        let house = refusing(&reply::json(status, &body));
        let answers = storm(&house);
        for answer in &answers {
            let whole = answer.ended == Ended::Whole;
            assert!(whole && answer.status() >= 500, "{name}: {}", answer.text());
            if is_passed(answer) {
                assert_eq!(answer.status(), status, "{name}");
                assert_eq!(answer.json()["error"]["type"], kind);
            } else {
                assert_eq!(answer.status(), 529, "{name}");
                assert!((1..=5).contains(&seconds(answer)), "{name}");
            }
        }
        check_books(&house.stage.rows(), &house.received());
        assert!(house.stage.all_is_ready(), "{name}: a profile rests");
        // The circuit kept nearly all of them from an upstream that had no room.
        let reached = house.received().len();
        assert!((5..=3 * CLIENTS).contains(&reached), "{name}: {reached}");
        assert!(!answers.iter().all(is_passed), "{name}");
    }
}

/// How many streams are on their way when the profile dies.
const STREAMS: usize = 100;

/// A stream that has begun when its credential dies: half of them go on to their end, the others are cut.
fn midway(number: usize) -> Vec<Step> {
    let stream = fixtures::bytes("success-stream.sse");
    let (first, rest) = stream.split_at(stream.len() / 2);
    let mut steps = vec![
        Step::Send(reply::stream_head()),
        Step::Send(reply::chunk(first)),
        Step::Pause(Duration::from_millis(1_500)),
    ];
    if number.is_multiple_of(2) {
        steps.push(Step::Send(reply::chunk(rest)));
        steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
    } else {
        steps.push(Step::Reset);
    }
    steps
}

#[test]
fn nf_07_a_profile_that_dies_in_the_middle_of_a_hundred_streams() {
    let dead = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&dead);
    let house = House::start(&[HERE, HERE], move |profile, number| {
        match (profile, seen.load(Ordering::SeqCst)) {
            (0, false) => midway(number),
            (0, true) => answer("invalid key", 0),
            _ => answer("ok", profile),
        }
    });
    let stage = &house.stage;
    let headers = [JSON, ("x-api-key", house.key.as_str())];
    std::thread::scope(|scope| {
        let stream = || {
            let mut exchange = stage.open();
            exchange.write(&stage.request("POST /v1/messages", &headers, ASK_STREAM));
            stage.saw(exchange.answer().unwrap())
        };
        let streams: Vec<_> = (0..STREAMS).map(|_| scope.spawn(stream)).collect();
        assert!(eventually(|| house.order().len() == STREAMS));
        dead.store(true, Ordering::SeqCst);
        // From here on nobody is answered by it, and every new request is served by the other.
        for _ in 0..20 {
            assert_eq!(house.post().status(), 200);
        }
        let ends = streams.into_iter().map(|stream| stream.join().unwrap());
        let whole = ends.filter(|answer| answer.ended == Ended::Whole).count();
        assert_eq!(whole, STREAMS / 2, "streams that came to their end");
    });

    let order = house.order();
    let confirmed = order[STREAMS..].iter().filter(|whose| **whose == 0).count();
    assert_eq!(confirmed, 2, "it was asked once more, and then no more");
    let scope = Scope::Credential(house.profiles[0].id);
    let standing = stage.store.known().unwrap().standings.of(&scope);
    assert!(matches!(standing, Standing::Dead { .. }), "{standing:?}");
    let rows = stage.rows();
    check_books(&rows, &house.received());
    let cut = rows.iter().filter(|row| {
        let ended = row.ended.as_ref().unwrap();
        ended.ending == Ending::Incomplete && ended.tokens.input > 0
    });
    assert_eq!(cut.count(), STREAMS / 2, "streams on record as cut");
}

#[test]
fn nf_07_a_late_error_of_a_stream_is_passed_on_and_not_tried_again() {
    let stream = fixtures::bytes("stream-with-error.sse");
    let sent = stream.clone();
    let house = House::start(&[HERE, HERE], move |_, _| reply::stream(sent.chunks(50)));
    let got = house.say("late", ASK_STREAM);
    assert_eq!((got.status(), got.ended), (200, Ended::Whole));
    assert_eq!(got.body, stream);
    assert_eq!(house.order(), [0]);
    let rows = house.stage.rows();
    check_books(&rows, &house.received());
    let ended = rows[0].ended.as_ref().unwrap();
    assert_eq!(ended.ending, Ending::Incomplete);
    assert!(ended.tokens.input > 0 && ended.cost.get() > 0);
    assert_ne!(ended.verdict.as_deref(), Some("ok"));
    assert!(house.stage.all_is_ready());
    assert_eq!(house.post_with(&[], ASK).status(), 200);
}
