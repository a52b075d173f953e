//! Reads the text of an answer, piece by piece as it streams, or from a whole body.
//!
//! Invariants: the text is the same however the bytes are cut, and no letter is ever halved; nothing here fails: an event
//! that cannot be read or is too long is passed over. The text is from outside: whoever shows it makes it inert.

use serde_json::Value;

/// A longer line is passed over.
const LONGEST_LINE: usize = 1 << 20;

/// Reads a stream of server-sent events for its text (docs/facts.md#streaming).
///
/// ```
/// let mut reader = keyreeve_core::said::Reader::default();
/// let event = br#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"hi"}}"#;
/// assert_eq!(reader.feed(event), "");
/// assert_eq!(reader.feed(b"\n"), "hi");
/// ```
#[derive(Default)]
pub struct Reader {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    is_too_long: bool,
    is_complete: bool,
    error: Option<StreamError>,
}

/// The error that a stream ended with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamError {
    /// Its type, such as `overloaded_error`.
    pub kind: String,
    /// What it says.
    pub message: String,
}

impl Reader {
    /// Takes the next bytes, cut anywhere, and gives the text that is whole by them.
    pub fn feed(&mut self, bytes: &[u8]) -> String {
        let mut text = String::new();
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let ends = piece.ends_with(b"\n") || piece.ends_with(b"\r");
            let piece = &piece[..piece.len() - usize::from(ends)];
            self.is_too_long |= self.line.len() + piece.len() > LONGEST_LINE;
            if self.is_too_long {
                self.line.clear();
            } else {
                self.line.extend_from_slice(piece);
            }
            if ends {
                self.end_line(&mut text);
            }
        }
        text
    }

    /// Whether the last event came.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The error that came, if one did.
    pub fn error(&self) -> Option<&StreamError> {
        self.error.as_ref()
    }

    fn end_line(&mut self, text: &mut String) {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.is_too_long) {
            return;
        }
        let Some(data) = line.strip_prefix(b"data:") else {
            return;
        };
        let Ok(event) = serde_json::from_slice::<Value>(data) else {
            return;
        };
        match event["type"].as_str() {
            Some("content_block_delta") if event["delta"]["type"] == "text_delta" => {
                text.push_str(event["delta"]["text"].as_str().unwrap_or_default());
            }
            Some("message_stop") => self.is_complete = true,
            Some("error") => {
                let field = |name: &str| event["error"][name].as_str().unwrap_or_default();
                self.error = Some(StreamError {
                    kind: field("type").to_owned(),
                    message: field("message").to_owned(),
                });
            }
            _ => {}
        }
    }
}

/// The text of a whole message, its blocks one after the other.
pub fn of_message(body: &[u8]) -> String {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    let blocks = message["content"].as_array().into_iter().flatten();
    blocks.filter_map(|block| block["text"].as_str()).collect()
}

/// What an error's envelope says.
pub fn of_error(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.pointer("/error/message")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = concat!(
        "event: content_block_delta\n",
        r#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Grüße \u001b[31m"}}"#,
        "\r\n\r\n: a comment\n",
        r#"data:{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"no"}}"#,
        "\n\ndata: {not json\n\n",
        r#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"日本"}}"#,
        "\n\n",
        r#"data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        "\n\n",
    );

    #[test]
    fn the_text_is_the_same_however_the_stream_is_cut() {
        for size in [1, 2, 3, 7, 64, usize::MAX] {
            let mut reader = Reader::default();
            let text: String = STREAM
                .as_bytes()
                .chunks(size)
                .map(|piece| reader.feed(piece))
                .collect();
            assert_eq!(text, "Grüße \u{1b}[31m日本", "by {size}");
            assert_eq!(reader.error().unwrap().kind, "overloaded_error");
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_held_for_ever() {
        let mut reader = Reader::default();
        for _ in 0..300 {
            reader.feed(&[b'x'; 1 << 13]);
        }
        assert!(reader.line.len() <= LONGEST_LINE);
        reader.feed(b"\n");
        let event =
            r#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"on"}}"#;
        assert_eq!(reader.feed(format!("{event}\n").as_bytes()), "on");
        assert!(!reader.is_complete());
        reader.feed(b"data: {\"type\":\"message_stop\"}\n");
        assert!(reader.is_complete());
    }

    #[test]
    fn a_whole_body_has_its_text_or_its_error() {
        let message = br#"{"type":"message","content":[{"type":"text","text":"a"},{"type":"tool_use"},{"type":"text","text":"b"}]}"#;
        assert_eq!(of_message(message), "ab");
        assert_eq!(of_error(message), None);
        let error = br#"{"type":"error","error":{"type":"x","message":"no"}}"#;
        assert_eq!(of_error(error).as_deref(), Some("no"));
        assert_eq!(
            (of_message(b"<html>"), of_error(b"")),
            (String::new(), None)
        );
    }
}
