//! The clients in the storm: each has one conversation after the other, turn by turn.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use keyreeve_os::world;
use keyreeve_testkit::random::Random;
use keyreeve_testkit::wire::{self, Answer, Ended, Exchange};

use super::size::{MOST_REQUESTS, Size};
use crate::serving::{message, streamed};

/// No request may need as long as this.
const HANGS: Duration = Duration::from_secs(30);

/// A request of a client's, and what became of it.
pub(super) struct Asked {
    /// The conversation it belongs to.
    pub(super) session: String,
    pub(super) body_hash: [u8; 32],
    pub(super) sent_at: Timestamp,
    pub(super) answered_at: Timestamp,
    pub(super) came: Came,
}

/// What a client got.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Came {
    /// A whole answer.
    Served,
    /// An error of the upstream's, as it came: status and type.
    Passed(u16, String),
    /// The gateway's own refusal: status and type.
    Refused(u16, String),
    /// No answer, or no whole one.
    Nothing(String),
}

/// One client.
pub(super) struct Client<'a> {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) key: &'a str,
    pub(super) size: Size,
    pub(super) random: Random,
}

impl Client<'_> {
    /// Has conversations for as long as the storm lasts.
    pub(super) fn talk(mut self) -> Vec<Asked> {
        let (begun, mut asked) = (Instant::now(), Vec::new());
        let mut exchange = Exchange::open_with(self.address, HANGS);
        // All at once would be one wave, again and again.
        std::thread::sleep(self.some_of(self.size.thinks()));
        for conversation in 0.. {
            let session = format!("{}-{conversation}", self.name);
            for turn in 0..3 + self.random.below(12) {
                if begun.elapsed() >= self.size.lasts() || asked.len() >= MOST_REQUESTS {
                    return asked;
                }
                let (turn, waits) = self.ask(&mut exchange, &session, turn);
                if let Came::Nothing(_) = turn.came {
                    exchange = Exchange::open_with(self.address, HANGS);
                }
                asked.push(turn);
                let thinks = self.size.thinks() / 2 + self.some_of(self.size.thinks());
                std::thread::sleep(thinks.max(waits.min(self.size.thinks() * 4)));
            }
        }
        asked
    }

    /// One turn, and how long its answer asks to wait.
    fn ask(&mut self, exchange: &mut Exchange, session: &str, turn: u64) -> (Asked, Duration) {
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
        let sent_at = world::now();
        exchange.write(&request);
        let (came, waits) = read(exchange);
        let asked = Asked {
            session: session.to_owned(),
            body_hash: *blake3::hash(body.as_bytes()).as_bytes(),
            sent_at,
            answered_at: world::now(),
            came,
        };
        (asked, waits)
    }

    fn some_of(&mut self, time: Duration) -> Duration {
        let part = u32::try_from(self.random.below(1_000)).unwrap();
        time * part / 1_000
    }
}

/// Reads an answer, and how long it asks to wait.
fn read(exchange: &mut Exchange) -> (Came, Duration) {
    let answer = match exchange.answer() {
        Ok(answer) => answer,
        Err(none) => return (Came::Nothing(format!("{:?}", none.ended)), Duration::ZERO),
    };
    let seconds = answer.head.header("retry-after");
    let waits = seconds
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(0);
    (came(&answer), Duration::from_secs(waits))
}

fn came(answer: &Answer) -> Came {
    if answer.ended != Ended::Whole {
        return Came::Nothing(format!("{:?}", answer.ended));
    }
    let status = answer.status();
    if status == 200 {
        return Came::Served;
    }
    let kind = answer.json()["error"]["type"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    // Only what the upstream answered has the name of an attempt beside its own.
    match answer.head.header("x-keyreeve-request-id") {
        Some(_) => Came::Passed(status, kind),
        None => Came::Refused(status, kind),
    }
}
