//! The text of a string that a decision depends on, with its escapes resolved.

use super::escape::{Escape, Escaped};
use super::skip::StringEnd;

/// Collects the text of one string at a time, and keeps its memory for the next one.
#[derive(Clone, Default, Debug)]
pub(super) struct Text {
    bytes: Vec<u8>,
    escape: Escape,
    /// The first half of a surrogate pair; only the second half may follow.
    high_surrogate: Option<u16>,
    /// `true` if half of a surrogate pair was alone, which no text can contain.
    has_lone_surrogate: bool,
}

impl Text {
    /// Starts another string.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.escape = Escape::None;
        self.high_surrogate = None;
        self.has_lone_surrogate = false;
    }

    /// Reads the rest of a string, from the byte at index `at`. All bytes must be UTF-8, cut between characters.
    pub(super) fn read(&mut self, bytes: &[u8], at: usize) -> StringEnd {
        for (index, byte) in bytes.iter().enumerate().skip(at) {
            match (self.escape, byte) {
                (Escape::None, b'"') => {
                    self.end_pair();
                    return StringEnd::At(index + 1);
                }
                (Escape::None, b'\\') => self.escape = Escape::Started,
                (Escape::None, 0..0x20) => return StringEnd::Invalid(index),
                (Escape::None, _) => self.push_byte(*byte),
                (Escape::Started | Escape::Unicode { .. }, _) => match self.escape.advance(*byte) {
                    Some(Escaped::Incomplete) => {}
                    Some(Escaped::Byte(byte)) => self.push_byte(byte),
                    Some(Escaped::Unit(unit)) => self.push_unit(unit),
                    None => return StringEnd::Invalid(index),
                },
            }
        }
        StringEnd::InNextPiece
    }

    /// Returns the text, unless half of a surrogate pair is alone in it.
    pub(super) fn get(&self) -> Option<&str> {
        if self.has_lone_surrogate {
            return None;
        }
        std::str::from_utf8(&self.bytes).ok()
    }

    fn push_byte(&mut self, byte: u8) {
        self.end_pair();
        self.bytes.push(byte);
    }

    fn push_unit(&mut self, unit: u16) {
        let first = self.high_surrogate.take();
        match (first, unit) {
            (Some(first), 0xDC00..=0xDFFF) => self.push_char(&[first, unit]),
            (None, 0xD800..=0xDBFF) => self.high_surrogate = Some(unit),
            (None, _) => self.push_char(&[unit]),
            (Some(_), _) => self.has_lone_surrogate = true,
        }
    }

    fn push_char(&mut self, units: &[u16]) {
        for decoded in char::decode_utf16(units.iter().copied()) {
            match decoded {
                Ok(char) => {
                    let mut utf8 = [0; 4];
                    self.bytes
                        .extend_from_slice(char.encode_utf8(&mut utf8).as_bytes());
                }
                Err(_) => self.has_lone_surrogate = true,
            }
        }
    }

    /// Notes that no second half of a surrogate pair follows.
    fn end_pair(&mut self) {
        self.has_lone_surrogate |= self.high_surrogate.take().is_some();
    }
}
