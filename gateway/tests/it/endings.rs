//! How things end: the gateway is stopped, a client goes away, a client does not read.

use std::net::TcpStream;
use std::time::Duration;

use keyreeve_store::Ending;
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::{Step, reply};
use keyreeve_testkit::wire::{Ended, Exchange};

use crate::gated::Gated;
use crate::stage::{ASK, ASK_STREAM, JSON, Setup, Stage, eventually};

/// A stage before a gated upstream, and a client that has seen the first events of its stream.
fn midway(mut setup: Setup) -> (Gated, Stage, Exchange, String) {
    let gated = Gated::start();
    setup.elsewhere = Some(gated.base_url());
    let stage = setup.start(|_| Vec::new());
    let text = String::from_utf8(fixtures::bytes("success-stream.sse")).unwrap();
    let mut exchange = stage.open();
    exchange.write(&stage.request("POST /v1/messages", &[JSON], ASK_STREAM));
    let (first, rest) = text.split_at(text.find("event: ping").unwrap());
    gated.send(first.as_bytes());
    assert!(first.starts_with(&exchange.frame().unwrap().text));
    (gated, stage, exchange, rest.to_owned())
}

/// Nobody can connect any more.
fn is_closed(stage: &Stage) -> bool {
    TcpStream::connect(stage.address).is_err()
}

#[test]
fn a_running_stream_finishes_after_the_signal_to_stop() {
    let mut setup = Setup::default();
    setup.config.drain_time = Duration::from_secs(20);
    let (gated, mut stage, mut exchange, rest) = midway(setup);
    let mut idle = stage.open();
    idle.write(&stage.request("GET /healthz", &[], b""));
    assert_eq!(idle.answer().unwrap().status(), 200);

    stage.stop();
    assert!(
        eventually(|| is_closed(&stage)),
        "new connections are taken"
    );
    assert!(idle.answer().is_err(), "an idle connection is closed");
    gated.send(rest.as_bytes());
    gated.end();
    let answer = stage.saw(exchange.answer().unwrap());
    assert_eq!(answer.ended, Ended::Whole);
    assert_eq!(answer.body, fixtures::bytes("success-stream.sse"));
    stage.wait();
    assert_eq!(stage.row().1.ending, Ending::Done);
}

#[test]
fn a_stream_that_outlasts_the_drain_time_is_cut_and_its_row_closed() {
    let mut setup = Setup::default();
    setup.config.drain_time = Duration::from_millis(300);
    let (gated, mut stage, mut exchange, _) = midway(setup);
    stage.stop();
    stage.wait();
    let answer = stage.saw(exchange.answer().unwrap());
    assert!(
        matches!(answer.ended, Ended::Early | Ended::Reset),
        "{:?}",
        answer.ended
    );
    assert!(!answer.text().contains("message_stop"));
    let (_, ended) = stage.row();
    assert_eq!((ended.ending, ended.tokens.input), (Ending::Incomplete, 25));
    assert!(gated.sees_its_client_go());
}

#[test]
fn a_client_that_goes_away_takes_its_upstream_connection_along() {
    for kill in [true, false] {
        let (gated, stage, exchange, _) = midway(Setup::default());
        if kill {
            exchange.reset();
        } else {
            drop(exchange);
        }
        assert!(
            gated.sees_its_client_go(),
            "the upstream still streams to nobody"
        );
        let (_, ended) = stage.row();
        assert_eq!((ended.ending, ended.tokens.input), (Ending::Incomplete, 25));
        assert_ne!(ended.cost.get(), 0);
    }
}

#[test]
fn a_client_that_goes_away_before_the_answer_is_recorded_at_its_reserved_cost() {
    let stage = Stage::start(|_| reply::silence());
    let mut exchange = stage.open();
    exchange.write(&stage.request("POST /v1/messages", &[JSON], ASK));
    assert!(eventually(|| stage.upstream.requests().len() == 1));
    drop(exchange);
    let (row, ended) = stage.row();
    assert_eq!(
        (ended.ending, ended.cost),
        (Ending::Incomplete, row.intent.reserved)
    );
    assert_ne!(ended.cost.get(), 0);
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let mut setup = Setup::default();
    setup.config.client_stall = Duration::from_secs(1);
    let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n".repeat(2000);
    let stage = setup.start(move |_| {
        let mut steps = vec![Step::Send(reply::stream_head())];
        steps.extend((0..1000).map(|_| Step::Send(reply::chunk(ping.as_bytes()))));
        steps
    });
    let mut exchange = stage.open();
    exchange.write(&stage.request("POST /v1/messages", &[JSON], ASK_STREAM));
    let (_, ended) = stage.row();
    assert_eq!(ended.ending, Ending::Incomplete);
    assert!(
        ended.answer_bytes < 60 << 20,
        "all was read: {}",
        ended.answer_bytes
    );
    let rest = exchange.drain();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it looks whole");
}
