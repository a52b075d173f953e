//! Classifies the start of a stream of server-sent events, while its bytes arrive.
//!
//! Invariants: pings and comments are skipped; the result is known as early as possible, but an error only once its
//! event is complete, since clients ignore incomplete events (docs/facts.md#streaming).

use serde::Deserialize;

use crate::sse::{EventName, SseItem, SseParser};

/// The classification of the start of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamStart {
    /// Not enough was received to decide.
    Unknown,
    /// Anything other than an error.
    Content,
    /// An error, with nothing before it.
    Error {
        /// The error type, such as `overloaded_error`.
        kind: String,
        /// The error message.
        message: Option<String>,
    },
}

/// Reads a stream until its start is classified.
///
/// ```
/// use keyreeve_core::usage::{StreamStart, StreamStartReader};
///
/// let mut reader = StreamStartReader::default();
/// assert_eq!(reader.feed(b": hello\n\nevent: ping\ndata: {}\n\nevent: er"), StreamStart::Unknown);
/// let error = b"ror\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";
/// assert!(matches!(reader.feed(error), StreamStart::Error { kind, .. } if kind == "overloaded_error"));
/// assert_eq!(StreamStartReader::default().feed(b"event: message_start\n"), StreamStart::Content);
/// ```
#[derive(Default)]
pub struct StreamStartReader(SseParser);

impl StreamStartReader {
    /// Processes the next bytes of a stream whose start is [`StreamStart::Unknown`] so far.
    pub fn feed(&mut self, bytes: &[u8]) -> StreamStart {
        let mut rest = bytes;
        while let Some(item) = self.0.next_item(&mut rest, |_| true) {
            if let Some(start) = classify(&item) {
                return start;
            }
        }
        StreamStart::Unknown
    }
}

/// Classifies an event, as far as it is received; returns `None` for a ping or an event without data.
fn classify(item: &SseItem<'_>) -> Option<StreamStart> {
    match item {
        SseItem::Name(EventName::Ping | EventName::Error)
        | SseItem::Data(Some(EventName::Ping), _) => None,
        SseItem::Name(
            EventName::MessageStart
            | EventName::MessageDelta
            | EventName::MessageStop
            | EventName::ContentBlock
            | EventName::Unknown,
        )
        | SseItem::TooLong => Some(StreamStart::Content),
        SseItem::Data(name, data) => classify_data(*name, data),
    }
}

/// Classifies the data of an event; returns `None` for a ping or empty data.
fn classify_data(name: Option<EventName>, data: &[u8]) -> Option<StreamStart> {
    #[derive(Deserialize)]
    struct EventData {
        #[serde(rename = "type")]
        kind: Option<String>,
        error: Option<ErrorDetails>,
    }
    #[derive(Deserialize)]
    struct ErrorDetails {
        #[serde(rename = "type")]
        kind: Option<String>,
        message: Option<String>,
    }
    if data.is_empty() {
        return None;
    }
    let Ok(event) = serde_json::from_slice::<EventData>(data) else {
        return Some(StreamStart::Content);
    };
    match (event.kind.as_deref(), event.error) {
        (Some("ping"), _) => None,
        (kind, Some(error)) if kind == Some("error") || name == Some(EventName::Error) => {
            Some(StreamStart::Error {
                kind: error.kind.unwrap_or_default(),
                message: error.message,
            })
        }
        (Some(_) | None, _) => Some(StreamStart::Content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str =
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;

    #[track_caller]
    fn check(stream: &str, expected: &str) {
        for size in [1, 5, usize::MAX] {
            let mut reader = StreamStartReader::default();
            let found = stream
                .as_bytes()
                .chunks(size)
                .map(|chunk| match reader.feed(chunk) {
                    StreamStart::Unknown => "unknown",
                    StreamStart::Content => "content",
                    StreamStart::Error { .. } => "error",
                })
                .find(|found| *found != "unknown");
            assert_eq!(found.unwrap_or("unknown"), expected, "{stream:?} by {size}");
        }
    }

    #[test]
    fn error_is_recognized_once_complete() {
        let whole = format!("event: error\ndata: {ERROR}\n\n");
        check(&whole, "error");
        check(&whole.replace('\n', "\r\n"), "error");
        check(&whole.replace('\n', "\r"), "error");
        check(&format!("data: {ERROR}\n\n"), "error");
        check(
            &format!("\u{feff}: hello\n\nevent: ping\ndata: {{\"type\": \"ping\"}}\n\n{whole}"),
            "error",
        );
        for end in 0..whole.len() {
            check(&whole[..end], "unknown");
        }
    }

    #[test]
    fn anything_else_is_content_as_early_as_possible() {
        check("event: message_start\n", "content");
        check("event: message_start", "unknown");
        check("data: {\"type\":\"message_start\"}\n", "unknown");
        check("data: {\"type\":\"message_start\"}\n\n", "content");
        check("event: future_event\n", "content");
        check("event: error\ndata: not JSON\n\n", "content");
        check(
            &format!("event: message_start\ndata: {{}}\n\nevent: error\ndata: {ERROR}\n\n"),
            "content",
        );
        check("event: error\n\n", "unknown");
        check("data: {\"type\":\"ping\"}\n\n", "unknown");
        check(": comment\n\n", "unknown");
    }
}
