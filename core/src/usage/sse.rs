//! Splits a byte stream, chunked in any way, into server-sent events, and discards irrelevant events early.
//!
//! Invariants: an event is emitted only at its blank line, and only if its kind may contain usage
//! (docs/facts.md#streaming); at most [`MAX_EVENT_BYTES`] bytes are buffered for an event, and content deltas are not
//! buffered at all.

/// Maximum size of an event; a longer one is skipped.
pub(super) const MAX_EVENT_BYTES: usize = 1 << 20;

/// Buffer capacity that is retained after an event; larger buffers are shrunk to it.
const RETAINED_CAPACITY: usize = 16 << 10;

/// Number of bytes buffered of an irrelevant line: enough to recognize its field.
const FIELD_BYTES: usize = 6;

/// The most frequent event names that never contain usage.
const CONTENT_EVENTS: [&[u8]; 4] = [
    b"content_block_delta",
    b"content_block_start",
    b"content_block_stop",
    b"ping",
];

/// The byte-order mark, which may precede the first line and is not part of it.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The kinds of events that contain usage, the end of the message, or an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EventKind {
    /// `message_start`
    Start,
    /// `message_delta`
    Delta,
    /// `message_stop`
    Stop,
    /// `error`
    Error,
}

impl EventKind {
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"message_start" => Some(Self::Start),
            b"message_delta" => Some(Self::Delta),
            b"message_stop" => Some(Self::Stop),
            b"error" => Some(Self::Error),
            _ => None,
        }
    }
}

/// An event emitted by the splitter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SseEvent<'a> {
    /// The data lines of an event, joined by line feeds. The kind is `None` if it cannot be determined without parsing.
    Data(Option<EventKind>, &'a [u8]),
    /// An event that was too long to be buffered.
    TooLong,
}

/// Splits bytes into lines and lines into events.
#[derive(Default)]
pub(super) struct Splitter {
    /// The start of an incomplete line.
    line: Vec<u8>,
    /// `true` if bytes of that line were dropped because the buffer was full.
    line_is_cut: bool,
    /// `true` if the last byte was a carriage return, so that a following line feed does not end another line.
    after_return: bool,
    past_first_line: bool,
    event: PendingEvent,
}

/// An event whose blank line has not been received.
#[derive(Default)]
struct PendingEvent {
    interest: Interest,
    data: Vec<u8>,
    has_data: bool,
    is_too_long: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Interest {
    #[default]
    Undecided,
    Wanted(EventKind),
    Unwanted,
}

impl Splitter {
    /// Processes the next bytes and emits the events that end in them.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut emit: impl FnMut(SseEvent<'_>)) {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.buffer(bytes);
                return;
            };
            self.after_return = bytes[end] == b'\r';
            self.end_line(&bytes[..end], &mut emit);
            bytes = &bytes[end + 1..];
        }
    }

    /// Buffers the start of a line if it may be needed.
    fn buffer(&mut self, bytes: &[u8]) {
        if !self.event.needs(&self.line) {
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
        self.event.update_interest(&self.line);
        if !self.event.needs(&self.line) {
            self.line.truncate(FIELD_BYTES);
        }
    }

    fn end_line(&mut self, rest: &[u8], emit: &mut impl FnMut(SseEvent<'_>)) {
        if self.line.is_empty() && !self.line_is_cut {
            let mark = if self.past_first_line {
                None
            } else {
                rest.strip_prefix(BYTE_ORDER_MARK)
            };
            self.event.push_line(mark.unwrap_or(rest), emit);
        } else {
            self.buffer(rest);
            self.event.is_too_long |= std::mem::take(&mut self.line_is_cut);
            self.event.push_line(&self.line, emit);
            self.line.clear();
            self.line.shrink_to(RETAINED_CAPACITY);
        }
        self.past_first_line = true;
    }
}

impl PendingEvent {
    /// Returns `true` if more bytes of a line with this start may be needed.
    fn needs(&self, line: &[u8]) -> bool {
        if line.len() < FIELD_BYTES || line.starts_with(b"event") {
            return true;
        }
        match field(line) {
            (b"data", _) => self.interest != Interest::Unwanted && !self.is_too_long,
            _ => false,
        }
    }

    /// Decides whether the event is wanted as soon as the start of its data shows it.
    fn update_interest(&mut self, line: &[u8]) {
        if let (b"data", value) = field(line) {
            self.interest = self.interest_with(value);
        }
    }

    fn push_line(&mut self, line: &[u8], emit: &mut impl FnMut(SseEvent<'_>)) {
        if line.is_empty() {
            return self.dispatch(emit);
        }
        match field(line) {
            (b"data", value) => self.push_data(value),
            (b"event", name) => self.interest = interest_in(name),
            _ => {}
        }
    }

    fn push_data(&mut self, value: &[u8]) {
        self.interest = self.interest_with(value);
        if self.interest == Interest::Unwanted {
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

    /// Returns the interest in the event once its next data line starts with `value`.
    fn interest_with(&self, value: &[u8]) -> Interest {
        match self.interest {
            Interest::Undecided if !self.has_data => leading_type(value)
                .map_or(Interest::Undecided, |name| {
                    EventKind::from_name(name).map_or(Interest::Unwanted, Interest::Wanted)
                }),
            decided => decided,
        }
    }

    fn dispatch(&mut self, emit: &mut impl FnMut(SseEvent<'_>)) {
        let kind = match self.interest {
            Interest::Undecided => Some(None),
            Interest::Wanted(kind) => Some(Some(kind)),
            Interest::Unwanted => None,
        };
        match kind {
            Some(_) if self.is_too_long => emit(SseEvent::TooLong),
            Some(kind) if self.has_data => emit(SseEvent::Data(kind, &self.data)),
            Some(_) | None => {}
        }
        self.data.clear();
        self.data.shrink_to(RETAINED_CAPACITY);
        self.interest = Interest::Undecided;
        self.has_data = false;
        self.is_too_long = false;
    }
}

/// Returns the interest in an event by its name; an unknown name leaves the decision to the data.
fn interest_in(name: &[u8]) -> Interest {
    match EventKind::from_name(name) {
        Some(kind) => Interest::Wanted(kind),
        None if CONTENT_EVENTS.contains(&name) => Interest::Unwanted,
        None => Interest::Undecided,
    }
}

/// Splits a line into field and value; one space after the colon is not part of the value. The field of a comment is
/// empty.
pub(super) fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
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

    /// Feeds the stream in chunks of `size` bytes and lists the emitted events.
    fn events(stream: &[u8], size: usize) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut emitted = Vec::new();
        for chunk in stream.chunks(size) {
            splitter.feed(chunk, |event| {
                emitted.push(match event {
                    SseEvent::Data(kind, data) => {
                        format!("{kind:?} {}", String::from_utf8_lossy(data))
                    }
                    SseEvent::TooLong => "too long".to_owned(),
                });
            });
        }
        emitted
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
            ("data: x\nevent: message_stop\n\n", "Some(Stop) x"),
            (
                "data: {\"type\": \"message_delta\",\n\n",
                "Some(Delta) {\"type\": \"message_delta\",",
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
        let mut splitter = Splitter::default();
        splitter.feed(
            b"data: {\"type\":\"content_block_delta\",\"delta\":\"",
            |_| {},
        );
        splitter.feed(&[b'x'; 5000], |_| {});
        assert!(splitter.line.len() <= FIELD_BYTES && splitter.event.data.is_empty());
    }
}
