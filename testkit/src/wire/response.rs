//! A received response: head, body, arrival times, and the way it ended.
//!
//! Invariant: a response is [`ResponseEnd::Complete`] only if its own framing confirms that nothing is missing.

use std::time::Duration;

use super::message::{Framing, FramingError, Head, MessageBody};

/// One response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WireResponse {
    /// Status line and headers.
    pub head: Head,
    /// The received part of the body, without framing.
    pub body: Vec<u8>,
    /// Arrival times of the parts of the body.
    pub(super) arrivals: Vec<Arrival>,
    /// The way it ended.
    pub end: ResponseEnd,
}

/// Length of the body at one point in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Arrival {
    /// Total bytes of the body so far.
    pub(super) bytes: usize,
    /// Time since the connection was opened or the last request was written.
    pub(super) at: Duration,
}

/// The way a response ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseEnd {
    /// Complete by its framing.
    Complete,
    /// The other side closed the connection normally, but too early.
    ClosedEarly,
    /// The other side reset the connection.
    Reset,
    /// No more data within the read timeout.
    TimedOut,
    /// Its framing is invalid.
    Malformed,
}

/// One server-sent event, with the empty line that ends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimedEvent {
    /// All its lines.
    pub text: String,
    /// Arrival time of its last byte.
    pub at: Duration,
}

impl WireResponse {
    /// Returns its status code.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// Returns its body as text, for messages and comparisons.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns its body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON: {error}: {}", self.text()))
    }

    /// Returns its complete server-sent events, without an incomplete last one.
    pub fn events(&self) -> Vec<TimedEvent> {
        let (mut events, mut start) = (Vec::new(), 0);
        while let Some(length) = event_length(&self.body[start..]) {
            events.push(event_at(&self.body, start..start + length, &self.arrivals));
            start += length;
        }
        events
    }
}

/// Splits the bytes of one connection into responses; the last one may be incomplete.
pub fn split_responses(mut bytes: &[u8]) -> Vec<WireResponse> {
    let mut responses = Vec::new();
    while !bytes.is_empty() {
        let (mut incoming, mut received) = (IncomingResponse::default(), bytes.to_vec());
        let end = incoming.feed(&mut received, Duration::ZERO);
        let Some(response) = incoming.into_response(end.unwrap_or(ResponseEnd::ClosedEarly)) else {
            break;
        };
        bytes = &bytes[bytes.len() - received.len()..];
        responses.push(response);
    }
    responses
}

/// A response that is still arriving.
#[derive(Clone, Default, Debug)]
pub(super) struct IncomingResponse {
    /// `true` if the request was a `HEAD`, whose response has no body, whatever its headers.
    pub(super) is_head_request: bool,
    pub(super) head: Option<Head>,
    pub(super) arrivals: Vec<Arrival>,
    body: Option<MessageBody>,
}

impl IncomingResponse {
    /// Takes this response's bytes off the front of `received`; returns its end once it has ended.
    pub(super) fn feed(&mut self, received: &mut Vec<u8>, at: Duration) -> Option<ResponseEnd> {
        self.try_feed(received, at)
            .unwrap_or(Some(ResponseEnd::Malformed))
    }

    /// Returns the end of the response if the connection ends now with `end`.
    pub(super) fn end_at_disconnect(&self, end: ResponseEnd) -> ResponseEnd {
        match &self.body {
            Some(body) if body.ends_with_connection() && end == ResponseEnd::ClosedEarly => {
                ResponseEnd::Complete
            }
            _ => end,
        }
    }

    /// Returns the received part of the body.
    pub(super) fn body(&self) -> &[u8] {
        self.body.as_ref().map_or(&[], |body| &body.bytes)
    }

    /// Returns the response, or `None` if its head is incomplete.
    pub(super) fn into_response(self, end: ResponseEnd) -> Option<WireResponse> {
        let body = self.body.map(|body| body.bytes).unwrap_or_default();
        Some(WireResponse {
            head: self.head?,
            body,
            arrivals: self.arrivals,
            end,
        })
    }

    fn try_feed(
        &mut self,
        received: &mut Vec<u8>,
        at: Duration,
    ) -> Result<Option<ResponseEnd>, FramingError> {
        while self.head.is_none() {
            let Some(head) = Head::take(received)? else {
                return Ok(None);
            };
            if !matches!(head.status(), 100 | 102..=199) {
                self.body = Some(MessageBody::new(self.framing(&head)?));
                self.head = Some(head);
            }
        }
        let Some(body) = &mut self.body else {
            return Ok(None);
        };
        let before = body.bytes.len();
        let fed = body.feed(received);
        if body.bytes.len() > before {
            self.arrivals.push(Arrival {
                bytes: body.bytes.len(),
                at,
            });
        }
        fed.map(|()| body.is_complete().then_some(ResponseEnd::Complete))
    }

    fn framing(&self, head: &Head) -> Result<Framing, FramingError> {
        if self.is_head_request || matches!(head.status(), 101 | 204 | 304) {
            return Ok(Framing::Sized(0));
        }
        head.framing(Framing::UntilClose)
    }
}

/// Returns the length of the first complete event, including its empty line.
pub(super) fn event_length(body: &[u8]) -> Option<usize> {
    let end = |separator: &[u8]| {
        body.windows(separator.len())
            .position(|at| at == separator)
            .map(|at| at + separator.len())
    };
    [end(b"\n\n"), end(b"\r\n\r\n")].into_iter().flatten().min()
}

/// Returns the event in `range` of the body.
pub(super) fn event_at(
    body: &[u8],
    range: std::ops::Range<usize>,
    arrivals: &[Arrival],
) -> TimedEvent {
    let complete = arrivals.iter().find(|arrival| arrival.bytes >= range.end);
    TimedEvent {
        at: complete.map_or(Duration::ZERO, |arrival| arrival.at),
        text: String::from_utf8_lossy(&body[range]).into_owned(),
    }
}
