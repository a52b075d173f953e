//! The clients of the storm: each has one conversation after another, turn by turn.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use keyreeve_os::system;
use keyreeve_testkit::random::SeededRandom;
use keyreeve_testkit::wire::{self, Exchange, ResponseEnd, WireResponse};

use super::size::{MAX_REQUESTS, Size};
use crate::serving::{message, streamed};

/// A request that takes this long counts as hung.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A client's request and its outcome.
pub(super) struct RequestRecord {
    /// The conversation it belongs to.
    pub(super) session: String,
    pub(super) body_hash: [u8; 32],
    pub(super) sent_at: Timestamp,
    pub(super) completed_at: Timestamp,
    pub(super) outcome: ClientOutcome,
}

/// Outcome of a request for the client.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum ClientOutcome {
    /// A complete response.
    Served,
    /// An error of the upstream: status and type.
    Forwarded(u16, String),
    /// An error of the gateway itself: status and type.
    Refused(u16, String),
    /// No response, or an incomplete one.
    Hung(String),
}

/// One client.
pub(super) struct StormClient<'a> {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) key: &'a str,
    pub(super) size: Size,
    pub(super) random: SeededRandom,
}

impl StormClient<'_> {
    /// Has conversations until the storm ends.
    pub(super) fn run(mut self) -> Vec<RequestRecord> {
        let (started, mut records) = (Instant::now(), Vec::new());
        let mut exchange = Exchange::open_with(self.address, REQUEST_TIMEOUT);
        // Starting at the same time would send all requests in waves.
        std::thread::sleep(self.random_part(self.size.think_time()));
        for conversation in 0.. {
            let session = format!("{}-{conversation}", self.name);
            for turn in 0..3 + self.random.below(12) {
                if started.elapsed() >= self.size.duration() || records.len() >= MAX_REQUESTS {
                    return records;
                }
                let (record, retry_after) = self.ask(&mut exchange, &session, turn);
                if let ClientOutcome::Hung(_) = record.outcome {
                    exchange = Exchange::open_with(self.address, REQUEST_TIMEOUT);
                }
                records.push(record);
                let pause = self.size.think_time() / 2 + self.random_part(self.size.think_time());
                std::thread::sleep(pause.max(retry_after.min(self.size.think_time() * 4)));
            }
        }
        records
    }

    /// Sends one turn; returns its record and the `retry-after` of the response.
    fn ask(
        &mut self,
        exchange: &mut Exchange,
        session: &str,
        turn: u64,
    ) -> (RequestRecord, Duration) {
        let text = format!("{session} turn {turn}");
        let body = if self.random.below(2) == 0 {
            message(&text)
        } else {
            streamed(&text)
        };
        let body = body.to_string();
        let headers = [
            ("x-api-key", self.key),
            ("anthropic-version", "2023-06-01"),
            ("content-type", "application/json"),
            ("x-claude-code-session-id", session),
        ];
        let line = "POST /v1/messages";
        let request = wire::request(self.address, line, &headers, body.as_bytes());
        let sent_at = system::now();
        exchange.write(&request);
        let (outcome, retry_after) = read(exchange);
        let record = RequestRecord {
            session: session.to_owned(),
            body_hash: *blake3::hash(body.as_bytes()).as_bytes(),
            sent_at,
            completed_at: system::now(),
            outcome,
        };
        (record, retry_after)
    }

    fn random_part(&mut self, time: Duration) -> Duration {
        let part = u32::try_from(self.random.below(1_000)).unwrap();
        time * part / 1_000
    }
}

/// Reads a response and its `retry-after`.
fn read(exchange: &mut Exchange) -> (ClientOutcome, Duration) {
    let response = match exchange.response() {
        Ok(response) => response,
        Err(error) => {
            return (
                ClientOutcome::Hung(format!("{:?}", error.end)),
                Duration::ZERO,
            );
        }
    };
    let seconds = response.head.header("retry-after");
    let retry_after = seconds
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(0);
    (outcome_of(&response), Duration::from_secs(retry_after))
}

fn outcome_of(response: &WireResponse) -> ClientOutcome {
    if response.end != ResponseEnd::Complete {
        return ClientOutcome::Hung(format!("{:?}", response.end));
    }
    let status = response.status();
    if status == 200 {
        return ClientOutcome::Served;
    }
    let kind = response.json()["error"]["type"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    // Only responses from the upstream have the id of an attempt.
    match response.head.header("x-keyreeve-request-id") {
        Some(_) => ClientOutcome::Forwarded(status, kind),
        None => ClientOutcome::Refused(status, kind),
    }
}
