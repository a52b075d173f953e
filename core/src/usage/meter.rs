//! Meters an answer: a stream while it passes, or a whole JSON body.
//!
//! Invariants: metering never fails and never waits; the result is the same however the bytes are cut.

use super::Metered;
use super::report::{Envelope, Reported, error_type, name, read};
use super::sse::{Event, Kind, Splitter};

/// Meters a stream of server-sent events while it passes.
///
/// ```
/// let mut meter = keyreeve_core::usage::Meter::new();
/// meter.feed(b"event: error\ndata: {\"error\":{\"type\":\"overl");
/// meter.feed(b"oaded_error\"}}\n\n");
/// assert_eq!(meter.finish().error.as_deref(), Some("overloaded_error"));
/// ```
#[derive(Default)]
pub struct Meter {
    splitter: Splitter,
    answer: Answer,
}

impl Meter {
    /// Begins before the first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Self { splitter, answer } = self;
        splitter.feed(bytes, |event| answer.take(&event));
    }

    /// What has been counted so far, for a stream that may go on or has been cut.
    pub fn so_far(&self) -> Metered {
        self.answer.metered()
    }

    /// What was counted. An event that lacks its blank line was never sent, as clients see it.
    pub fn finish(self) -> Metered {
        self.so_far()
    }
}

/// Meters a whole JSON body: a message, an error, or an answer without usage such as a token count.
pub fn of_body(body: &[u8]) -> Metered {
    let mut answer = Answer::default();
    match serde_json::from_slice::<Envelope<'_>>(body) {
        Ok(envelope) => {
            answer.take_message(&envelope);
            answer.error = envelope.error.and_then(error_type);
            answer.is_complete = envelope.error.is_none();
        }
        Err(_) => answer.has_gaps = true,
    }
    answer.metered()
}

/// What is known of the answer.
#[derive(Default)]
struct Answer {
    model: Option<String>,
    reported: Reported,
    error: Option<String>,
    is_complete: bool,
    has_gaps: bool,
}

impl Answer {
    fn take(&mut self, event: &Event<'_>) {
        let Event::Data(expected, data) = event else {
            self.has_gaps = true;
            return;
        };
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(data) else {
            self.has_gaps |= expected.is_some();
            return;
        };
        let stated = envelope.kind.and_then(name);
        match stated.map_or(*expected, |name| Kind::of(name.as_bytes())) {
            Some(Kind::Start) => match envelope.message.and_then(read) {
                Some(message) => self.take_message(&message),
                None => self.has_gaps = true,
            },
            Some(Kind::Delta) => self.take_usage(&envelope),
            Some(Kind::Stop) => self.is_complete = true,
            Some(Kind::Error) => self.error = envelope.error.and_then(error_type),
            None => {}
        }
    }

    fn take_message(&mut self, message: &Envelope<'_>) {
        self.model = message.model.and_then(name);
        self.take_usage(message);
    }

    fn take_usage(&mut self, envelope: &Envelope<'_>) {
        if let Some(usage) = envelope.usage {
            self.has_gaps |= !self.reported.apply(usage);
        }
    }

    fn metered(&self) -> Metered {
        Metered {
            model: self.model.clone(),
            usage: self.reported.usage(),
            complete: self.is_complete,
            error: self.error.clone(),
            gaps: self.has_gaps,
        }
    }
}
