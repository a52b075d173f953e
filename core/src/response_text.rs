//! Extracts the text of a response, chunk by chunk from a stream or from a whole body.
//!
//! Invariants: the text does not depend on chunk boundaries, and no character is ever split; nothing here fails: an
//! event that cannot be parsed or is too long is skipped. The text is untrusted: sanitize it before display.

use serde_json::Value;

use crate::sse::{SseItem, SseParser};

/// Extracts the text from a stream of server-sent events (docs/facts.md#streaming).
///
/// ```
/// let mut extractor = keyreeve_core::response_text::TextExtractor::default();
/// let event = br#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"hi"}}"#;
/// assert_eq!(extractor.feed(event), "");
/// assert_eq!(extractor.feed(b"\n\n"), "hi");
/// ```
#[derive(Default)]
pub struct TextExtractor {
    parser: SseParser,
    is_complete: bool,
    error: Option<StreamError>,
}

/// The error event that ended a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamError {
    /// The error type, such as `overloaded_error`.
    pub kind: String,
    /// The error message.
    pub message: String,
}

impl TextExtractor {
    /// Processes the next bytes, split anywhere, and returns the text completed by them.
    pub fn feed(&mut self, bytes: &[u8]) -> String {
        let (mut rest, mut text) = (bytes, String::new());
        while let Some(item) = self.parser.next_item(&mut rest, |_| true) {
            let SseItem::Data(_, data) = item else {
                continue;
            };
            let event: Value = serde_json::from_slice(data).unwrap_or_default();
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
        text
    }

    /// Returns `true` after the final event.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Returns the error event, if there was one.
    pub fn error(&self) -> Option<&StreamError> {
        self.error.as_ref()
    }
}

/// Returns the text of a whole message, its blocks concatenated.
pub fn message_text(body: &[u8]) -> String {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    let blocks = message["content"].as_array().into_iter().flatten();
    blocks.filter_map(|block| block["text"].as_str()).collect()
}

/// Returns the message of an error envelope.
pub fn error_message(body: &[u8]) -> Option<String> {
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
    fn text_does_not_depend_on_chunk_boundaries() {
        for size in [1, 2, 3, 7, 64, usize::MAX] {
            let mut extractor = TextExtractor::default();
            let text: String = STREAM
                .as_bytes()
                .chunks(size)
                .map(|chunk| extractor.feed(chunk))
                .collect();
            assert_eq!(text, "Grüße \u{1b}[31m日本", "by {size}");
            assert_eq!(extractor.error().unwrap().kind, "overloaded_error");
        }
    }

    #[test]
    fn too_long_event_is_skipped_and_the_next_is_read() {
        let mut extractor = TextExtractor::default();
        extractor.feed(b"data: ");
        for _ in 0..300 {
            extractor.feed(&[b'x'; 1 << 13]);
        }
        extractor.feed(b"\n\n");
        let event =
            r#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"on"}}"#;
        assert_eq!(extractor.feed(format!("{event}\n\n").as_bytes()), "on");
        assert!(!extractor.is_complete());
        extractor.feed(b"data: {\"type\":\"message_stop\"}\n\n");
        assert!(extractor.is_complete());
    }

    #[test]
    fn whole_body_yields_text_or_error() {
        let message = br#"{"type":"message","content":[{"type":"text","text":"a"},{"type":"tool_use"},{"type":"text","text":"b"}]}"#;
        assert_eq!(message_text(message), "ab");
        assert_eq!(error_message(message), None);
        let error = br#"{"type":"error","error":{"type":"x","message":"no"}}"#;
        assert_eq!(error_message(error).as_deref(), Some("no"));
        assert_eq!(
            (message_text(b"<html>"), error_message(b"")),
            (String::new(), None)
        );
    }
}
