//! HTTP/1.1 by hand, over a blocking socket: what a client library would refuse to send, or would hide.
//!
//! Invariants: bytes are sent as given; what comes back is kept as it came, with the time of each piece and how it
//! ended; nothing waits longer than its patience.

mod answer;
mod exchange;
mod message;

use std::net::SocketAddr;
use std::time::Duration;

pub use answer::{Answer, Arrival, Ended, Frame, answers};
pub(crate) use exchange::reset;
pub use exchange::{Exchange, NoAnswer};
pub use message::Head;
pub(crate) use message::{Body, Framing};

/// How long a silent connection is listened to unless the test says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Sends bytes and gives back all that comes until the other side closes or is silent for [`PATIENCE`].
pub fn send(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut exchange = Exchange::open(address);
    exchange.write(bytes);
    exchange.drain()
}

/// Sends one request on its own connection and reads its answer.
///
/// # Panics
/// When the connection ends before a whole head.
#[track_caller]
pub fn ask(address: SocketAddr, request: &[u8]) -> Answer {
    let mut exchange = Exchange::open(address);
    exchange.write(request);
    exchange
        .answer()
        .unwrap_or_else(|none| panic!("no answer: {none:?}"))
}

/// Writes a well-formed request: `line` is method and target, `POST /v1/messages`. `host` is added unless it is among
/// the headers, `content-length` unless the body is empty or one of the headers frames it.
pub fn request(address: SocketAddr, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let given = |name: &str| {
        headers
            .iter()
            .any(|(given, _)| given.eq_ignore_ascii_case(name))
    };
    let mut lines = vec![format!("{line} HTTP/1.1")];
    if !given("host") {
        lines.push(format!("host: {address}"));
    }
    if !body.is_empty() && !given("content-length") && !given("transfer-encoding") {
        lines.push(format!("content-length: {}", body.len()));
    }
    lines.extend(
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    [lines.join("\r\n").as_bytes(), b"\r\n\r\n", body].concat()
}
