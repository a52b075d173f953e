//! Classifies the start of a stream of server-sent events, from the bytes received so far.
//!
//! Invariants: pings and comments are skipped; the result is known as early as possible, but an error only once its
//! event is complete, since clients ignore incomplete events (docs/facts.md#streaming).

use serde::Deserialize;

use super::sse::{BYTE_ORDER_MARK, field};

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

/// Classifies the start of a stream, given all bytes received so far.
///
/// ```
/// use keyreeve_core::usage::{StreamStart, stream_start};
///
/// assert_eq!(stream_start(b": hello\n\nevent: pi"), StreamStart::Unknown);
/// assert_eq!(stream_start(b"event: ping\ndata: {}\n\nevent: message_start\n"), StreamStart::Content);
/// let error = b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";
/// assert!(matches!(stream_start(error), StreamStart::Error { kind, .. } if kind == "overloaded_error"));
/// ```
pub fn stream_start(bytes: &[u8]) -> StreamStart {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let (mut name, mut data): (&[u8], Vec<u8>) = (b"", Vec::new());
    for line in complete_lines(bytes) {
        if line.is_empty() {
            match (name, classify_event(name, &data)) {
                (b"ping", _) | (_, None) => {}
                (_, Some(start)) => return start,
            }
            (name, data) = (b"", Vec::new());
            continue;
        }
        match field(line) {
            (b"event", value @ (b"ping" | b"error" | b"")) => name = value,
            (b"event", _) => return StreamStart::Content,
            (b"data", value) => {
                if !data.is_empty() {
                    data.push(b'\n');
                }
                data.extend_from_slice(value);
            }
            _ => {}
        }
    }
    StreamStart::Unknown
}

/// Classifies a complete event; returns `None` for a ping or an event without data.
fn classify_event(name: &[u8], data: &[u8]) -> Option<StreamStart> {
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
        (kind, Some(error)) if kind == Some("error") || name == b"error" => {
            Some(StreamStart::Error {
                kind: error.kind.unwrap_or_default(),
                message: error.message,
            })
        }
        (Some(_) | None, _) => Some(StreamStart::Content),
    }
}

/// Iterates over the complete lines: those that end in a line feed, a carriage return, or both.
fn complete_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        let line = &rest[..end];
        let terminator_len = if rest[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        rest = &rest[end + terminator_len..];
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str =
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;

    #[track_caller]
    fn check(stream: &str, expected: &str) {
        let found = match stream_start(stream.as_bytes()) {
            StreamStart::Unknown => "unknown",
            StreamStart::Content => "content",
            StreamStart::Error { .. } => "error",
        };
        assert_eq!(found, expected, "{stream:?}");
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
