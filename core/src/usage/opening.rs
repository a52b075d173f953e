//! What a stream of server-sent events begins with, as far as it has come.
//!
//! Invariants: pings and comments are no beginning; it is told as early as it can be known, and an error only when its
//! event is whole, since clients see no other (docs/facts.md#streaming).

use serde::Deserialize;

use super::sse::{BYTE_ORDER_MARK, field};

/// What a stream begins with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opening {
    /// Nothing that tells has come.
    Unknown,
    /// Anything but an error.
    Content,
    /// An error, and nothing before it.
    Error {
        /// Its type, such as `overloaded_error`.
        kind: String,
        /// What it says.
        message: Option<String>,
    },
}

/// Reads the beginning of a stream, from its first byte to the last that has come.
///
/// ```
/// use keyreeve_core::usage::{Opening, opening};
///
/// assert_eq!(opening(b": hello\n\nevent: pi"), Opening::Unknown);
/// assert_eq!(opening(b"event: ping\ndata: {}\n\nevent: message_start\n"), Opening::Content);
/// let error = b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";
/// assert!(matches!(opening(error), Opening::Error { kind, .. } if kind == "overloaded_error"));
/// ```
pub fn opening(bytes: &[u8]) -> Opening {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let (mut name, mut data): (&[u8], Vec<u8>) = (b"", Vec::new());
    for line in whole_lines(bytes) {
        if line.is_empty() {
            match (name, judged(name, &data)) {
                (b"ping", _) | (_, None) => {}
                (_, Some(opening)) => return opening,
            }
            (name, data) = (b"", Vec::new());
            continue;
        }
        match field(line) {
            (b"event", value @ (b"ping" | b"error" | b"")) => name = value,
            (b"event", _) => return Opening::Content,
            (b"data", value) => {
                if !data.is_empty() {
                    data.push(b'\n');
                }
                data.extend_from_slice(value);
            }
            _ => {}
        }
    }
    Opening::Unknown
}

/// What an event is that has ended; none for a ping, and where nothing was said.
fn judged(name: &[u8], data: &[u8]) -> Option<Opening> {
    #[derive(Deserialize)]
    struct Event {
        #[serde(rename = "type")]
        kind: Option<String>,
        error: Option<Said>,
    }
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "type")]
        kind: Option<String>,
        message: Option<String>,
    }
    if data.is_empty() {
        return None;
    }
    let Ok(event) = serde_json::from_slice::<Event>(data) else {
        return Some(Opening::Content);
    };
    match (event.kind.as_deref(), event.error) {
        (Some("ping"), _) => None,
        (kind, Some(said)) if kind == Some("error") || name == b"error" => Some(Opening::Error {
            kind: said.kind.unwrap_or_default(),
            message: said.message,
        }),
        (Some(_) | None, _) => Some(Opening::Content),
    }
}

/// The lines whose end has come: at a line feed, a carriage return, or both.
fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        let line = &rest[..end];
        let long = if rest[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        rest = &rest[end + long..];
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
        let found = match opening(stream.as_bytes()) {
            Opening::Unknown => "unknown",
            Opening::Content => "content",
            Opening::Error { .. } => "error",
        };
        assert_eq!(found, expected, "{stream:?}");
    }

    #[test]
    fn an_error_is_a_beginning_once_it_is_whole() {
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
    fn anything_else_is_content_as_soon_as_it_can_be_told() {
        check("event: message_start\n", "content");
        check("event: message_start", "unknown");
        check("data: {\"type\":\"message_start\"}\n", "unknown");
        check("data: {\"type\":\"message_start\"}\n\n", "content");
        check("event: of_tomorrow\n", "content");
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
