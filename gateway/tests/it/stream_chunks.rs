//! NF-04: however a stream is split into chunks, the client gets the same bytes, each event at once, and the ledger the
//! same usage.

use std::sync::Arc;

use keyreeve_store::{Ending, EntryOutcome};
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::responses;
use keyreeve_testkit::wire;

use crate::gated_upstream::GatedUpstream;
use crate::harness::{JSON, STREAM_REQUEST_BODY, Setup, TestGateway};

/// Requests a stream split into these chunks, many times on one connection, and checks bytes and usage of each.
#[track_caller]
fn check(
    name: &str,
    requests: usize,
    split: impl Fn(&[u8], usize) -> Vec<Vec<u8>> + Send + Sync + 'static,
) {
    let whole = Arc::new(fixtures::bytes(name));
    let for_upstream = Arc::clone(&whole);
    let gateway = TestGateway::start(move |request| {
        let chunks = split(&for_upstream, request.number);
        responses::stream(chunks.iter().map(Vec::as_slice))
    });
    let mut exchange = gateway.connect();
    let request = gateway.request("POST /v1/messages", &[JSON], STREAM_REQUEST_BODY);
    for number in 0..requests {
        exchange.write(&request);
        let response = gateway.record_response(exchange.response().unwrap());
        assert_eq!(response.end, wire::ResponseEnd::Complete, "{name} {number}");
        assert_eq!(response.body, *whole, "{name} {number}");
    }
    drop(exchange);
    let expected = fixtures::streams();
    let expected = &expected
        .iter()
        .find(|stream| stream.name == name)
        .unwrap()
        .expected;
    let entries = gateway.entries();
    assert_eq!(entries.len(), requests);
    let hash = *blake3::hash(&whole).as_bytes();
    for entry in entries {
        let EntryOutcome {
            ending,
            tokens,
            cost,
            response_hash,
            ..
        } = entry.outcome.unwrap();
        assert_eq!(response_hash, Some(hash), "{name}");
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

/// NF-04: a stream in chunks of one byte.
#[test]
fn stream_in_single_bytes() {
    for stream in fixtures::streams() {
        check(&stream.name, 1, |whole, _| {
            whole.chunks(1).map(<[u8]>::to_vec).collect()
        });
    }
}

/// NF-04: a stream split at every offset.
#[test]
fn stream_split_at_every_byte() {
    let name = "success-stream.sse";
    let half = fixtures::bytes(name).len().div_ceil(2);
    // Two splits per request, far from each other, halve the number of requests.
    check(name, half, move |whole, at| {
        let (one, rest) = whole.split_at(at);
        let (two, three) = rest.split_at(half.min(rest.len()));
        [one, two, three].map(<[u8]>::to_vec).to_vec()
    });
}

/// NF-04: each event reaches the client before the next one is sent.
#[test]
fn each_event_is_passed_on_at_once() {
    let upstream = GatedUpstream::start();
    let setup = Setup {
        upstream_url: Some(upstream.base_url()),
        ..Setup::default()
    };
    let gateway = setup.start(|_| Vec::new());
    let text = String::from_utf8(fixtures::bytes("thinking-tools-stream.sse")).unwrap();
    let mut exchange = gateway.connect();
    exchange.write(&gateway.request("POST /v1/messages", &[JSON], STREAM_REQUEST_BODY));
    // The next event is sent only after this one has arrived: an event held back would fail the test.
    for event in text.split_inclusive("\n\n") {
        upstream.send(event.as_bytes());
        assert_eq!(exchange.next_event().unwrap().text, event);
    }
    upstream.end();
    let response = gateway.record_response(exchange.response().unwrap());
    assert_eq!(
        (response.end, response.text()),
        (wire::ResponseEnd::Complete, text)
    );
    assert_eq!(gateway.entry().1.ending, Ending::Done);
}
