//! Raw HTTP/1.1 over a blocking socket, including messages that a client library would refuse to send or would hide.
//!
//! Invariants: bytes are sent as given; a response is stored as received, with arrival times and the way it ended;
//! nothing waits longer than its timeout.

mod exchange;
mod message;
mod response;

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) use exchange::reset;
pub use exchange::{Exchange, ResponseHeadError};
pub use message::Head;
pub(crate) use message::{Framing, MessageBody};
pub use response::{ResponseEnd, TimedEvent, WireResponse, split_responses};

/// Default timeout of a connection without data.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends bytes and returns everything received until the other side closes or 5 seconds pass without data.
pub fn send_raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut exchange = Exchange::open(address);
    exchange.write(bytes);
    exchange.drain()
}

/// Sends one request on its own connection and reads its response.
///
/// # Panics
/// If the connection ends before a complete head.
#[track_caller]
pub fn send_request(address: SocketAddr, request: &[u8]) -> WireResponse {
    let mut exchange = Exchange::open(address);
    exchange.write(request);
    exchange
        .response()
        .unwrap_or_else(|error| panic!("no response: {error:?}"))
}

/// Builds a well-formed request. `line` is method and target, such as `POST /v1/messages`. `host` is added unless it is
/// among the headers, `content-length` unless the body is empty or a header defines the framing.
pub fn request(address: SocketAddr, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let has_header = |name: &str| {
        headers
            .iter()
            .any(|(header, _)| header.eq_ignore_ascii_case(name))
    };
    let mut lines = vec![format!("{line} HTTP/1.1")];
    if !has_header("host") {
        lines.push(format!("host: {address}"));
    }
    if !body.is_empty() && !has_header("content-length") && !has_header("transfer-encoding") {
        lines.push(format!("content-length: {}", body.len()));
    }
    lines.extend(
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    [lines.join("\r\n").as_bytes(), b"\r\n\r\n", body].concat()
}
