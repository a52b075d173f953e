//! Meters the usage of a response: of a stream while it passes, or of a whole JSON body.
//!
//! Invariants: metering never fails and never blocks; the result does not depend on how the bytes are chunked.

use super::MeterReport;
use super::report::{ReportedUsage, UsageEnvelope, error_type, name, read};
use crate::sse::{EventName, SseItem, SseParser};

/// A meter for a stream of server-sent events.
///
/// ```
/// let mut meter = keyreeve_core::usage::Meter::new();
/// meter.feed(b"event: error\ndata: {\"error\":{\"type\":\"overl");
/// meter.feed(b"oaded_error\"}}\n\n");
/// assert_eq!(meter.finish().error.as_deref(), Some("overloaded_error"));
/// ```
#[derive(Default)]
pub struct Meter {
    parser: SseParser,
    response: ResponseMeter,
}

impl Meter {
    /// Creates a meter for a stream that has not started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Processes the next chunk of bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(item) = self
            .parser
            .next_item(&mut rest, EventName::may_contain_usage)
        {
            self.response.apply(&item);
        }
    }

    /// Returns the usage so far, of a stream that may continue or has been cut.
    pub fn current(&self) -> MeterReport {
        self.response.report()
    }

    /// Returns the final usage. An event without its terminating blank line counts as not sent, as it does for clients.
    pub fn finish(self) -> MeterReport {
        self.current()
    }
}

/// Meters a whole JSON body: a message, an error, or a response without usage such as a token count.
pub fn meter_body(body: &[u8]) -> MeterReport {
    let mut response = ResponseMeter::default();
    match serde_json::from_slice::<UsageEnvelope<'_>>(body) {
        Ok(envelope) => {
            response.apply_message(&envelope);
            response.error = envelope.error.and_then(error_type);
            response.is_complete = envelope.error.is_none();
        }
        Err(_) => response.has_gaps = true,
    }
    response.report()
}

/// The metered state of one response.
#[derive(Default)]
struct ResponseMeter {
    model: Option<String>,
    reported: ReportedUsage,
    error: Option<String>,
    is_complete: bool,
    has_gaps: bool,
}

impl ResponseMeter {
    fn apply(&mut self, item: &SseItem<'_>) {
        let (event_name, data) = match item {
            SseItem::Name(_) => return,
            SseItem::TooLong => {
                self.has_gaps = true;
                return;
            }
            SseItem::Data(event_name, data) => (event_name, data),
        };
        let Ok(envelope) = serde_json::from_slice::<UsageEnvelope<'_>>(data) else {
            self.has_gaps |= event_name.is_some();
            return;
        };
        let data_type = envelope.kind.and_then(name);
        match data_type.map_or(*event_name, |name| Some(EventName::parse(name.as_bytes()))) {
            Some(EventName::MessageStart) => match envelope.message.and_then(read) {
                Some(message) => self.apply_message(&message),
                None => self.has_gaps = true,
            },
            Some(EventName::MessageDelta) => self.apply_usage(&envelope),
            Some(EventName::MessageStop) => self.is_complete = true,
            Some(EventName::Error) => self.error = envelope.error.and_then(error_type),
            Some(EventName::ContentBlock | EventName::Ping | EventName::Unknown) | None => {}
        }
    }

    fn apply_message(&mut self, message: &UsageEnvelope<'_>) {
        self.model = message.model.and_then(name);
        self.apply_usage(message);
    }

    fn apply_usage(&mut self, envelope: &UsageEnvelope<'_>) {
        if let Some(usage) = envelope.usage {
            self.has_gaps |= !self.reported.apply(usage);
        }
    }

    fn report(&self) -> MeterReport {
        MeterReport {
            model: self.model.clone(),
            usage: self.reported.usage(),
            is_complete: self.is_complete,
            error: self.error.clone(),
            has_gaps: self.has_gaps,
        }
    }
}
