//! NF-04: however a stream is torn on its way, the client gets the same bytes, the ledger the same figures, and each
//! event at once.

use std::sync::Arc;

use keyreeve_store::{Ended, Ending};
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::reply;
use keyreeve_testkit::wire;

use crate::gated::Gated;
use crate::stage::{ASK_STREAM, JSON, Setup, Stage};

/// Asks for a stream torn into these pieces, many times over one connection, and checks bytes and figures of each.
#[track_caller]
fn check(
    name: &str,
    tears: usize,
    torn: impl Fn(&[u8], usize) -> Vec<Vec<u8>> + Send + Sync + 'static,
) {
    let whole = Arc::new(fixtures::bytes(name));
    let for_upstream = Arc::clone(&whole);
    let stage = Stage::start(move |request| {
        let pieces = torn(&for_upstream, request.number);
        reply::stream(pieces.iter().map(Vec::as_slice))
    });
    let mut exchange = stage.open();
    let request = stage.request("POST /v1/messages", &[JSON], ASK_STREAM);
    for tear in 0..tears {
        exchange.write(&request);
        let answer = stage.saw(exchange.answer().unwrap());
        assert_eq!(answer.ended, wire::Ended::Whole, "{name} {tear}");
        assert_eq!(answer.body, *whole, "{name} {tear}");
    }
    drop(exchange);
    let expected = fixtures::streams();
    let expected = &expected
        .iter()
        .find(|stream| stream.name == name)
        .unwrap()
        .expected;
    let rows = stage.rows();
    assert_eq!(rows.len(), tears);
    let hash = *blake3::hash(&whole).as_bytes();
    for row in rows {
        let Ended {
            ending,
            tokens,
            cost,
            answer_hash,
            ..
        } = row.ended.unwrap();
        assert_eq!(answer_hash, Some(hash), "{name}");
        assert_eq!(expected["input"], tokens.input, "{name}");
        assert_eq!(expected["output"], tokens.output, "{name}");
        assert_eq!(expected["cache_read"], tokens.cache_read, "{name}");
        assert_eq!(expected["write_5m"], tokens.write_5m, "{name}");
        assert_eq!(
            expected["cost"].as_str().unwrap().parse::<f64>().unwrap() > 0.0,
            cost.get() > 0
        );
        assert_eq!(
            expected["complete"] == true,
            ending == Ending::Done,
            "{name}"
        );
    }
}

#[test]
fn nf_04_each_byte_for_itself() {
    for stream in fixtures::streams() {
        check(&stream.name, 1, |whole, _| {
            whole.chunks(1).map(<[u8]>::to_vec).collect()
        });
    }
}

#[test]
fn nf_04_torn_at_every_byte() {
    let name = "success-stream.sse";
    let half = fixtures::bytes(name).len().div_ceil(2);
    // Two tears a run, far from each other: all of them take half as many runs.
    check(name, half, move |whole, at| {
        let (one, rest) = whole.split_at(at);
        let (two, three) = rest.split_at(half.min(rest.len()));
        [one, two, three].map(<[u8]>::to_vec).to_vec()
    });
}

#[test]
fn nf_04_each_event_is_seen_before_the_next_is_sent() {
    let gated = Gated::start();
    let setup = Setup {
        elsewhere: Some(gated.base_url()),
        ..Setup::default()
    };
    let stage = setup.start(|_| Vec::new());
    let text = String::from_utf8(fixtures::bytes("thinking-tools-stream.sse")).unwrap();
    let mut exchange = stage.open();
    exchange.write(&stage.request("POST /v1/messages", &[JSON], ASK_STREAM));
    // Were an event held back, the next would never be sent, and the wait for it would end the test.
    for event in text.split_inclusive("\n\n") {
        gated.send(event.as_bytes());
        assert_eq!(exchange.frame().unwrap().text, event);
    }
    gated.end();
    let answer = stage.saw(exchange.answer().unwrap());
    assert_eq!((answer.ended, answer.text()), (wire::Ended::Whole, text));
    assert_eq!(stage.row().1.ending, Ending::Done);
}
