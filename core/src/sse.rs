//! Parses server-sent events from a byte stream, chunked in any way, and discards unwanted events early.
//!
//! Invariants: the events do not depend on the chunks; the data of an event is returned only at its blank line, since
//! clients ignore incomplete events (docs/facts.md#streaming); at most [`MAX_EVENT_BYTES`] bytes are buffered for an
//! event, and the data of unwanted events is not buffered at all.

use memchr::{memchr, memchr2};

/// Maximum size of an event; a longer one is skipped.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// Buffer capacity that is retained after an event; larger buffers are shrunk to it.
const RETAINED_CAPACITY: usize = 16 << 10;

/// Number of bytes buffered of an irrelevant line: enough to recognize its field.
const FIELD_BYTES: usize = 6;

/// The byte-order mark, which may precede the first line and is not part of it.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The name of an event, which is also the `type` of its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EventName {
    /// `message_start`
    MessageStart,
    /// `message_delta`
    MessageDelta,
    /// `message_stop`
    MessageStop,
    /// `content_block_start`, `content_block_delta` or `content_block_stop`
    ContentBlock,
    /// `ping`
    Ping,
    /// `error`
    Error,
    /// A name that this version does not know.
    Unknown,
}

impl EventName {
    pub(crate) fn parse(name: &[u8]) -> Self {
        match name {
            b"message_start" => Self::MessageStart,
            b"message_delta" => Self::MessageDelta,
            b"message_stop" => Self::MessageStop,
            b"content_block_start" | b"content_block_delta" | b"content_block_stop" => {
                Self::ContentBlock
            }
            b"ping" => Self::Ping,
            b"error" => Self::Error,
            _ => Self::Unknown,
        }
    }

    /// Returns `true` for the events that contain usage, the end of the message, or an error.
    pub(crate) fn may_contain_usage(self) -> bool {
        match self {
            Self::MessageStart | Self::MessageDelta | Self::MessageStop | Self::Error => true,
            Self::ContentBlock | Self::Ping | Self::Unknown => false,
        }
    }
}

/// A part of the stream that the parser returns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SseItem<'a> {
    /// The name line of an event whose data follows.
    Name(EventName),
    /// The data lines of a complete event, joined by line feeds. The name is that of its name line, else that at the
    /// start of the data, if there is one.
    Data(Option<EventName>, &'a [u8]),
    /// An event that was too long to be buffered.
    TooLong,
}

/// Splits bytes into lines and lines into events.
#[derive(Default)]
pub(crate) struct SseParser {
    /// The start of an incomplete line.
    line: Vec<u8>,
    /// `true` if bytes of that line were dropped because the buffer was full.
    line_is_cut: bool,
    /// `true` if the last byte was a carriage return, so that a following line feed does not end another line.
    after_return: bool,
    past_first_line: bool,
    event: PendingEvent,
}

/// An event whose blank line has not been received, or which was returned last.
#[derive(Default)]
struct PendingEvent {
    /// `None` if neither the name line nor the start of the data shows it.
    name: Option<EventName>,
    data: Vec<u8>,
    has_data: bool,
    is_too_long: bool,
    is_complete: bool,
}

/// A predicate on the names of the events whose data is buffered and returned. An event without a name is wanted.
type Wants = fn(EventName) -> bool;

/// The result of a line.
enum LineResult {
    /// Nothing to return.
    Nothing,
    /// A name line.
    Name(EventName),
    /// The blank line of an event that is returned.
    Event,
}

impl SseParser {
    /// Processes bytes up to the next item, which is returned, and removes them from the front. Returns `None` if all
    /// were processed.
    pub(crate) fn next_item(&mut self, bytes: &mut &[u8], wants: Wants) -> Option<SseItem<'_>> {
        if self.event.is_complete {
            self.event.clear();
        }
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                *bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', bytes) else {
                self.buffer(std::mem::take(bytes), wants);
                break;
            };
            self.after_return = bytes[end] == b'\r';
            let line = &bytes[..end];
            *bytes = &bytes[end + 1..];
            match self.end_line(line, wants) {
                LineResult::Nothing => {}
                LineResult::Name(name) => return Some(SseItem::Name(name)),
                LineResult::Event => return Some(self.event.item()),
            }
        }
        None
    }

    /// Buffers the start of a line if it may be needed.
    fn buffer(&mut self, bytes: &[u8], wants: Wants) {
        if !self.event.needs(&self.line, wants) {
            return;
        }
        let room = MAX_EVENT_BYTES.saturating_sub(self.line.len() + self.event.data.len());
        let accepted = bytes.len().min(room);
        self.line.extend_from_slice(&bytes[..accepted]);
        self.line_is_cut |= accepted < bytes.len();
        if !self.past_first_line && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
            self.past_first_line = true;
        }
        if let (b"data", value) = field(&self.line) {
            self.event.read_name(value);
        }
        if !self.event.needs(&self.line, wants) {
            self.line.truncate(FIELD_BYTES);
        }
    }

    fn end_line(&mut self, rest: &[u8], wants: Wants) -> LineResult {
        let result = if self.line.is_empty() && !self.line_is_cut {
            let mark = if self.past_first_line {
                None
            } else {
                rest.strip_prefix(BYTE_ORDER_MARK)
            };
            self.event.push_line(mark.unwrap_or(rest), wants)
        } else {
            self.buffer(rest, wants);
            self.event.is_too_long |= std::mem::take(&mut self.line_is_cut);
            let result = self.event.push_line(&self.line, wants);
            self.line.clear();
            self.line.shrink_to(RETAINED_CAPACITY);
            result
        };
        self.past_first_line = true;
        result
    }
}

impl PendingEvent {
    fn is_wanted(&self, wants: Wants) -> bool {
        self.name.is_none_or(wants)
    }

    /// Returns `true` if more bytes of a line with this start may be needed.
    fn needs(&self, line: &[u8], wants: Wants) -> bool {
        if line.len() < FIELD_BYTES || line.starts_with(b"event") {
            return true;
        }
        match field(line) {
            (b"data", _) => self.is_wanted(wants) && !self.is_too_long,
            _ => false,
        }
    }

    fn push_line(&mut self, line: &[u8], wants: Wants) -> LineResult {
        if line.is_empty() {
            return self.complete(wants);
        }
        match field(line) {
            (b"data", value) => self.push_data(value, wants),
            (b"event", name) => {
                let parsed = EventName::parse(name);
                self.name = (parsed != EventName::Unknown).then_some(parsed);
                if !name.is_empty() {
                    return LineResult::Name(parsed);
                }
            }
            _ => {}
        }
        LineResult::Nothing
    }

    fn push_data(&mut self, value: &[u8], wants: Wants) {
        self.read_name(value);
        if !self.is_wanted(wants) {
            return;
        }
        self.is_too_long |= self.data.len() + value.len() >= MAX_EVENT_BYTES;
        if self.is_too_long {
            self.data.clear();
        } else {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
        }
        self.has_data = true;
    }

    /// Reads the name from the start of the first data line, as soon as that shows it, unless a name line gave it.
    fn read_name(&mut self, value: &[u8]) {
        if self.name.is_none() && !self.has_data {
            self.name = leading_type(value).map(EventName::parse);
        }
    }

    fn complete(&mut self, wants: Wants) -> LineResult {
        if self.is_wanted(wants) && (self.has_data || self.is_too_long) {
            self.is_complete = true;
            LineResult::Event
        } else {
            self.clear();
            LineResult::Nothing
        }
    }

    fn item(&self) -> SseItem<'_> {
        if self.is_too_long {
            SseItem::TooLong
        } else {
            SseItem::Data(self.name, &self.data)
        }
    }

    fn clear(&mut self) {
        let mut data = std::mem::take(&mut self.data);
        data.clear();
        data.shrink_to(RETAINED_CAPACITY);
        *self = Self {
            data,
            ..Self::default()
        };
    }
}

/// Splits a line into field and value; one space after the colon is not part of the value. The field of a comment is
/// empty.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = memchr(b':', line) else {
        return (line, b"");
    };
    let value = &line[colon + 1..];
    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
}

/// Returns the value of `"type"` if it is the first member and contains no escapes, as Anthropic sends it.
fn leading_type(json: &[u8]) -> Option<&[u8]> {
    let mut rest = json;
    for token in [b"{".as_slice(), b"\"type\"", b":", b"\""] {
        rest = rest.trim_ascii_start().strip_prefix(token)?;
    }
    let end = rest
        .iter()
        .position(|byte| !(byte.is_ascii_lowercase() || *byte == b'_'))?;
    (rest[end] == b'"').then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the stream in chunks of `size` bytes and lists the returned events.
    fn events(stream: &[u8], size: usize) -> Vec<String> {
        let mut parser = SseParser::default();
        let mut events = Vec::new();
        for mut chunk in stream.chunks(size) {
            while let Some(item) = parser.next_item(&mut chunk, EventName::may_contain_usage) {
                match item {
                    SseItem::Name(_) => {}
                    SseItem::Data(name, data) => {
                        events.push(format!("{name:?} {}", String::from_utf8_lossy(data)));
                    }
                    SseItem::TooLong => events.push("too long".to_owned()),
                }
            }
        }
        events
    }

    fn check(stream: &str, expected: &[&str]) {
        for size in [1, 2, 3, 7, usize::MAX] {
            assert_eq!(
                events(stream.as_bytes(), size),
                expected,
                "{stream:?} by {size}"
            );
        }
    }

    #[test]
    fn lines_end_in_three_ways() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = format!("event: error{end}data: 1{end}data: 2{end}{end}");
            check(&stream, &["Some(Error) 1\n2"]);
        }
    }

    #[test]
    fn fields_are_parsed_by_the_standard() {
        for (stream, expected) in [
            ("data:x\n\n", "None x"),
            ("data: x\n\n", "None x"),
            ("data:  x\n\n", "None  x"),
            ("data\n\n", "None "),
            ("\u{feff}data: x\n\n", "None x"),
            (": data: y\ndata: x\n\n", "None x"),
            ("datax: y\nretry: 1\nid: 2\ndata: x\n\n", "None x"),
            ("event: future\ndata: x\n\n", "None x"),
            ("data: x\nevent: message_stop\n\n", "Some(MessageStop) x"),
            (
                "data: {\"type\": \"message_delta\",\n\n",
                "Some(MessageDelta) {\"type\": \"message_delta\",",
            ),
            ("data: {\"a\":\"type\"}\n\n", "None {\"a\":\"type\"}"),
        ] {
            check(stream, &[expected]);
        }
    }

    #[test]
    fn irrelevant_events_are_not_emitted() {
        for stream in [
            "",
            "\n\n\n",
            "event: message_stop\n\n",
            "event: message_stop\ndata: {}\n",
            "event: ping\ndata: {}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n",
            "data: {\"type\":\"content_block_delta\",\ndata: 1}\n\n",
            "data: x\n\u{feff}",
        ] {
            check(stream, &[]);
        }
    }

    #[test]
    fn too_long_event_is_skipped_and_the_next_is_emitted() {
        let long = "x".repeat(MAX_EVENT_BYTES);
        for (head, expected) in [
            ("data: ", &["too long", "None end"][..]),
            ("event: message_delta\ndata: ", &["too long", "None end"]),
            ("event: ping\ndata: ", &["None end"]),
            (
                "data: {\"type\":\"content_block_delta\",\"x\":\"",
                &["None end"],
            ),
            (": ", &["None end"]),
        ] {
            let stream = format!("{head}{long}\n\ndata: end\n\n");
            for size in [5000, usize::MAX] {
                assert_eq!(
                    events(stream.as_bytes(), size),
                    expected,
                    "{head:?} by {size}"
                );
            }
        }
    }

    #[test]
    fn content_is_not_buffered() {
        let mut parser = SseParser::default();
        let mut start = b"data: {\"type\":\"content_block_delta\",\"delta\":\"".as_slice();
        assert_eq!(
            parser.next_item(&mut start, EventName::may_contain_usage),
            None
        );
        assert_eq!(
            parser.next_item(&mut [b'x'; 5000].as_slice(), EventName::may_contain_usage),
            None
        );
        assert!(parser.line.len() <= FIELD_BYTES && parser.event.data.is_empty());
    }

    #[test]
    fn unterminated_line_is_not_buffered_forever() {
        for field in ["data: ", "event: ", "id: ", ""] {
            let mut parser = SseParser::default();
            parser.next_item(&mut field.as_bytes(), |_| true);
            for _ in 0..300 {
                assert_eq!(
                    parser.next_item(&mut [b'x'; 1 << 13].as_slice(), |_| true),
                    None
                );
            }
            assert!(parser.line.len() + parser.event.data.len() <= MAX_EVENT_BYTES);
        }
    }
}
