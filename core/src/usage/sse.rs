//! Splits a stream of server-sent events, however its bytes are cut, and drops early what nobody needs.
//!
//! Invariants: an event is handed out only at its blank line, and only if its kind may carry usage (docs/facts.md#streaming);
//! no more than [`LONGEST_EVENT`] bytes are held for an event, and content deltas are not held at all.

/// The longest event that is read; a longer one is skipped.
pub(super) const LONGEST_EVENT: usize = 1 << 20;

/// Buffers beyond this are given back after the event that needed them.
const KEPT_BUFFER: usize = 16 << 10;

/// How much of a line that nobody needs is held: enough to tell its field.
const FIELD: usize = 6;

/// The kinds that come most often and never carry usage.
const CONTENT: [&[u8]; 4] = [
    b"content_block_delta",
    b"content_block_start",
    b"content_block_stop",
    b"ping",
];

/// May stand before the first line, and is no part of it.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The events that carry usage, an end or an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `message_start`
    Start,
    /// `message_delta`
    Delta,
    /// `message_stop`
    Stop,
    /// `error`
    Error,
}

impl Kind {
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"message_start" => Some(Self::Start),
            b"message_delta" => Some(Self::Delta),
            b"message_stop" => Some(Self::Stop),
            b"error" => Some(Self::Error),
            _ => None,
        }
    }
}

/// What the splitter hands out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// An event's data lines, joined by line feeds. The kind is missing where nothing cheap told it.
    Data(Option<Kind>, &'a [u8]),
    /// An event that was too long to be held.
    TooLong,
}

/// Cuts bytes into lines, lines into events.
#[derive(Default)]
pub(super) struct Splitter {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// Whether bytes of that line were left out for want of room.
    line_is_cut: bool,
    /// Whether the last byte was a carriage return, so that a line feed now ends nothing.
    after_return: bool,
    past_first_line: bool,
    event: Pending,
}

/// The event whose blank line has not come.
#[derive(Default)]
struct Pending {
    interest: Interest,
    data: Vec<u8>,
    has_data: bool,
    is_too_long: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Interest {
    #[default]
    Undecided,
    Wanted(Kind),
    Unwanted,
}

impl Splitter {
    /// Takes the next bytes and hands out the events that end in them.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut hand_out: impl FnMut(Event<'_>)) {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.hold(bytes);
                return;
            };
            self.after_return = bytes[end] == b'\r';
            self.end_line(&bytes[..end], &mut hand_out);
            bytes = &bytes[end + 1..];
        }
    }

    /// Keeps the beginning of a line, if it may be needed.
    fn hold(&mut self, bytes: &[u8]) {
        if !self.event.needs(&self.line) {
            return;
        }
        let room = LONGEST_EVENT.saturating_sub(self.line.len() + self.event.data.len());
        let taken = bytes.len().min(room);
        self.line.extend_from_slice(&bytes[..taken]);
        self.line_is_cut |= taken < bytes.len();
        if !self.past_first_line && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
            self.past_first_line = true;
        }
        self.event.look_at(&self.line);
        if !self.event.needs(&self.line) {
            self.line.truncate(FIELD);
        }
    }

    fn end_line(&mut self, rest: &[u8], hand_out: &mut impl FnMut(Event<'_>)) {
        if self.line.is_empty() && !self.line_is_cut {
            let mark = if self.past_first_line {
                None
            } else {
                rest.strip_prefix(BYTE_ORDER_MARK)
            };
            self.event.take_line(mark.unwrap_or(rest), hand_out);
        } else {
            self.hold(rest);
            self.event.is_too_long |= std::mem::take(&mut self.line_is_cut);
            self.event.take_line(&self.line, hand_out);
            self.line.clear();
            self.line.shrink_to(KEPT_BUFFER);
        }
        self.past_first_line = true;
    }
}

impl Pending {
    /// Whether more of the line that begins so could matter.
    fn needs(&self, line: &[u8]) -> bool {
        if line.len() < FIELD || line.starts_with(b"event") {
            return true;
        }
        match field(line) {
            (b"data", _) => self.interest != Interest::Unwanted && !self.is_too_long,
            _ => false,
        }
    }

    /// Decides on the event as soon as the beginning of its data tells.
    fn look_at(&mut self, line: &[u8]) {
        if let (b"data", value) = field(line) {
            self.interest = self.interest_with(value);
        }
    }

    fn take_line(&mut self, line: &[u8], hand_out: &mut impl FnMut(Event<'_>)) {
        if line.is_empty() {
            return self.dispatch(hand_out);
        }
        match field(line) {
            (b"data", value) => self.take_data(value),
            (b"event", name) => self.interest = interest_in(name),
            _ => {}
        }
    }

    fn take_data(&mut self, value: &[u8]) {
        self.interest = self.interest_with(value);
        if self.interest == Interest::Unwanted {
            return;
        }
        self.is_too_long |= self.data.len() + value.len() >= LONGEST_EVENT;
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

    /// What is thought of the event once its next data line begins with `value`.
    fn interest_with(&self, value: &[u8]) -> Interest {
        match self.interest {
            Interest::Undecided if !self.has_data => leading_type(value)
                .map_or(Interest::Undecided, |name| {
                    Kind::of(name).map_or(Interest::Unwanted, Interest::Wanted)
                }),
            decided => decided,
        }
    }

    fn dispatch(&mut self, hand_out: &mut impl FnMut(Event<'_>)) {
        let kind = match self.interest {
            Interest::Undecided => Some(None),
            Interest::Wanted(kind) => Some(Some(kind)),
            Interest::Unwanted => None,
        };
        match kind {
            Some(_) if self.is_too_long => hand_out(Event::TooLong),
            Some(kind) if self.has_data => hand_out(Event::Data(kind, &self.data)),
            Some(_) | None => {}
        }
        self.data.clear();
        self.data.shrink_to(KEPT_BUFFER);
        self.interest = Interest::Undecided;
        self.has_data = false;
        self.is_too_long = false;
    }
}

/// What an `event:` line says; a name that is not known leaves it to the data.
fn interest_in(name: &[u8]) -> Interest {
    match Kind::of(name) {
        Some(kind) => Interest::Wanted(kind),
        None if CONTENT.contains(&name) => Interest::Unwanted,
        None => Interest::Undecided,
    }
}

/// A line's field and value; one space after the colon is no part of the value. A comment's field is empty.
pub(super) fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
        return (line, b"");
    };
    let value = &line[colon + 1..];
    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
}

/// The value of `"type"` where it is the first member and written plainly, as the vendor does.
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

    /// Feeds the stream in pieces of `size` bytes and lists what comes out.
    fn events(stream: &[u8], size: usize) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut seen = Vec::new();
        for piece in stream.chunks(size) {
            splitter.feed(piece, |event| {
                seen.push(match event {
                    Event::Data(kind, data) => {
                        format!("{kind:?} {}", String::from_utf8_lossy(data))
                    }
                    Event::TooLong => "too long".to_owned(),
                });
            });
        }
        seen
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
    fn fields_are_read_as_the_standard_says() {
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
    fn what_nobody_needs_is_not_handed_out() {
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
    fn a_long_event_is_skipped_and_the_next_is_read() {
        let long = "x".repeat(LONGEST_EVENT);
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
    fn content_is_not_held() {
        let mut splitter = Splitter::default();
        splitter.feed(
            b"data: {\"type\":\"content_block_delta\",\"delta\":\"",
            |_| {},
        );
        splitter.feed(&[b'x'; 5000], |_| {});
        assert!(splitter.line.len() <= FIELD && splitter.event.data.is_empty());
    }
}
