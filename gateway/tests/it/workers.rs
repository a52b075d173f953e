//! Workers: all threads serve, share keys, health and ledger, and end together.

use std::num::NonZeroUsize;
use std::time::Duration;

use keyreeve_store::Ending;
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::responses;
use keyreeve_testkit::wire::ResponseEnd;

use crate::harness::{JSON, REQUEST_BODY, STREAM_REQUEST_BODY, Setup, eventually};

const CLIENTS: usize = 40;
const REQUESTS_PER_CLIENT: usize = 5;

fn with_workers(workers: usize) -> Setup {
    let mut setup = Setup::default();
    setup.config.workers = NonZeroUsize::new(workers).unwrap();
    setup
}

#[test]
fn requests_of_all_workers_are_recorded_once() {
    let gateway = with_workers(4).start(|_| responses::json(200, "{}"));
    let request = gateway.request("POST /v1/messages", &[JSON], REQUEST_BODY);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut exchange = gateway.connect();
                for _ in 0..REQUESTS_PER_CLIENT {
                    exchange.write(&request);
                    let response = gateway.record_response(exchange.response().unwrap());
                    assert_eq!(response.status(), 200);
                }
            });
        }
    });
    let entries = gateway.entries();
    assert_eq!(entries.len(), CLIENTS * REQUESTS_PER_CLIENT);
    assert!(entries.iter().all(|entry| entry.outcome.is_some()));
}

/// LS-01: streams of all workers finish within the drain timeout.
#[test]
fn streams_of_all_workers_finish_in_a_graceful_shutdown() {
    let mut setup = with_workers(3);
    setup.config.drain_timeout = Duration::from_secs(20);
    let stream = fixtures::bytes("success-stream.sse");
    let expected = stream.clone();
    let mut gateway = setup.start(move |_| {
        let steps = responses::stream(stream.chunks(400));
        responses::paced(steps, Duration::from_millis(100))
    });
    let request = gateway.request("POST /v1/messages", &[JSON], STREAM_REQUEST_BODY);
    let mut exchanges: Vec<_> = (0..12).map(|_| gateway.connect()).collect();
    for exchange in &mut exchanges {
        exchange.write(&request);
    }
    assert!(eventually(|| gateway.upstream.requests().len() == 12));
    gateway.stop();
    for mut exchange in exchanges {
        let response = gateway.record_response(exchange.response().unwrap());
        assert_eq!(
            (response.end, response.body),
            (ResponseEnd::Complete, expected.clone())
        );
    }
    gateway.wait();
    let entries = gateway.entries();
    assert_eq!(entries.len(), 12);
    for entry in entries {
        assert_eq!(entry.outcome.unwrap().ending, Ending::Done);
    }
}
