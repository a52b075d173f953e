//! Graceful shutdown with its drain timeout, clients that disconnect, and clients that do not read.

use std::net::TcpStream;
use std::time::Duration;

use keyreeve_store::Ending;
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::{Step, responses};
use keyreeve_testkit::wire::{Exchange, ResponseEnd};

use crate::gated_upstream::GatedUpstream;
use crate::harness::{JSON, REQUEST_BODY, STREAM_REQUEST_BODY, Setup, TestGateway, eventually};

/// A gateway in front of a gated upstream, and a client that has received the first events of its stream.
fn running_stream(mut setup: Setup) -> (GatedUpstream, TestGateway, Exchange, String) {
    let upstream = GatedUpstream::start();
    setup.upstream_url = Some(upstream.base_url());
    let gateway = setup.start(|_| Vec::new());
    let text = String::from_utf8(fixtures::bytes("success-stream.sse")).unwrap();
    let mut exchange = gateway.connect();
    exchange.write(&gateway.request("POST /v1/messages", &[JSON], STREAM_REQUEST_BODY));
    let (first, rest) = text.split_at(text.find("event: ping").unwrap());
    upstream.send(first.as_bytes());
    assert!(first.starts_with(&exchange.next_event().unwrap().text));
    (upstream, gateway, exchange, rest.to_owned())
}

/// Returns `true` if new connections are refused.
fn is_closed(gateway: &TestGateway) -> bool {
    TcpStream::connect(gateway.address).is_err()
}

#[test]
fn running_stream_finishes_in_a_graceful_shutdown() {
    let mut setup = Setup::default();
    setup.config.drain_timeout = Duration::from_secs(20);
    let (upstream, mut gateway, mut exchange, rest) = running_stream(setup);
    let mut idle = gateway.connect();
    idle.write(&gateway.request("GET /healthz", &[], b""));
    assert_eq!(idle.response().unwrap().status(), 200);

    gateway.stop();
    assert!(
        eventually(|| is_closed(&gateway)),
        "new connections are accepted"
    );
    assert!(idle.response().is_err(), "an idle connection is closed");
    upstream.send(rest.as_bytes());
    upstream.end();
    let response = gateway.record_response(exchange.response().unwrap());
    assert_eq!(response.end, ResponseEnd::Complete);
    assert_eq!(response.body, fixtures::bytes("success-stream.sse"));
    gateway.wait();
    assert_eq!(gateway.entry().1.ending, Ending::Done);
}

#[test]
fn stream_is_cut_and_recorded_at_the_drain_timeout() {
    let mut setup = Setup::default();
    setup.config.drain_timeout = Duration::from_millis(300);
    let (upstream, mut gateway, mut exchange, _) = running_stream(setup);
    gateway.stop();
    gateway.wait();
    let response = gateway.record_response(exchange.response().unwrap());
    assert!(
        matches!(response.end, ResponseEnd::ClosedEarly | ResponseEnd::Reset),
        "{:?}",
        response.end
    );
    assert!(!response.text().contains("message_stop"));
    let (_, outcome) = gateway.entry();
    assert_eq!(
        (outcome.ending, outcome.tokens.input),
        (Ending::Incomplete, 25)
    );
    assert!(upstream.client_disconnected());
}

#[test]
fn client_disconnect_closes_the_upstream_connection() {
    for kill in [true, false] {
        let (upstream, gateway, exchange, _) = running_stream(Setup::default());
        if kill {
            exchange.reset();
        } else {
            drop(exchange);
        }
        assert!(
            upstream.client_disconnected(),
            "the upstream connection is still open"
        );
        let (_, outcome) = gateway.entry();
        assert_eq!(
            (outcome.ending, outcome.tokens.input),
            (Ending::Incomplete, 25)
        );
        assert_ne!(outcome.cost.get(), 0);
    }
}

#[test]
fn early_client_disconnect_is_recorded_at_reserved_cost() {
    let gateway = TestGateway::start(|_| responses::hang());
    let mut exchange = gateway.connect();
    exchange.write(&gateway.request("POST /v1/messages", &[JSON], REQUEST_BODY));
    assert!(eventually(|| gateway.upstream.requests().len() == 1));
    drop(exchange);
    let (entry, outcome) = gateway.entry();
    assert_eq!(
        (outcome.ending, outcome.cost),
        (Ending::Incomplete, entry.intent.reserved)
    );
    assert_ne!(outcome.cost.get(), 0);
}

#[test]
fn client_that_does_not_read_is_disconnected() {
    let mut setup = Setup::default();
    setup.config.client_stall_timeout = Duration::from_secs(1);
    let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n".repeat(2000);
    let gateway = setup.start(move |_| {
        let mut steps = vec![Step::Send(responses::stream_head())];
        steps.extend((0..1000).map(|_| Step::Send(responses::chunk(ping.as_bytes()))));
        steps
    });
    let mut exchange = gateway.connect();
    exchange.write(&gateway.request("POST /v1/messages", &[JSON], STREAM_REQUEST_BODY));
    let (_, outcome) = gateway.entry();
    assert_eq!(outcome.ending, Ending::Incomplete);
    assert!(
        outcome.response_bytes < 60 << 20,
        "all was read: {}",
        outcome.response_bytes
    );
    let rest = exchange.drain();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the response looks complete");
}
