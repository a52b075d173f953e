//! Skips strings whose content no decision depends on, at the speed of memory.
//!
//! Invariants: a string ends where a JSON parser ends it; its escapes are valid and it contains no control character,
//! as RFC 8259 requires, except that half of a surrogate pair may be alone; nothing is allocated.

use fearless_simd::{Level, Simd, dispatch};

use super::block::{classify, special};
use super::escape::Escape;

/// The end of a string in a piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StringEnd {
    /// It is closed, and this is the index of the next byte.
    At(usize),
    /// It goes on in the next piece.
    InNextPiece,
    /// The byte at this index cannot be there.
    Invalid(usize),
}

/// Bytes that a block needs behind it: the four digits of `\u`, whose `u` may be its last byte.
const LOOKAHEAD: usize = 4;

/// Skips strings, with the best instructions of this processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Skipper {
    level: Level,
    /// The escape in which the last piece ended.
    escape: Escape,
}

impl Skipper {
    pub(super) fn new() -> Self {
        Self {
            level: Level::new(),
            escape: Escape::None,
        }
    }

    /// Skips the rest of a string, from the byte at index `at`.
    #[inline]
    pub(super) fn skip(&mut self, bytes: &[u8], mut at: usize) -> StringEnd {
        if self.escape == Escape::None
            && let Some(first) = bytes.get(at..).and_then(|rest| rest.first_chunk())
        {
            // Most strings are short, and end here.
            let special = special(first);
            let end = at + special.trailing_zeros() as usize;
            if special == 0 {
                at += first.len();
            } else if bytes[end] == b'"' {
                return StringEnd::At(end + 1);
            } else {
                at = end;
            }
        }
        self.skip_long(bytes, at)
    }

    #[inline(never)]
    fn skip_long(&mut self, bytes: &[u8], mut at: usize) -> StringEnd {
        while self.escape != Escape::None {
            let Some(byte) = bytes.get(at) else {
                return StringEnd::InNextPiece;
            };
            if self.escape.advance(*byte).is_none() {
                return StringEnd::Invalid(at);
            }
            at += 1;
        }
        let skipped = dispatch!(self.level, simd => skip_blocks(simd, bytes, at));
        match skipped {
            Ok(end) => end,
            Err((at, is_escaped)) => {
                if is_escaped {
                    self.escape = Escape::Started;
                }
                skip_bytes(bytes, at, &mut self.escape)
            }
        }
    }
}

/// Skips 64 bytes at once. The error is the index of the first byte of what is too short for a block, and whether that
/// byte is escaped.
#[expect(
    clippy::inline_always,
    reason = "a callee that is not inlined lacks the caller's instructions"
)]
#[inline(always)]
fn skip_blocks<S: Simd>(simd: S, bytes: &[u8], mut at: usize) -> Result<StringEnd, (usize, bool)> {
    let mut is_escaped = false;
    while let Some(rest) = bytes.get(at..)
        && let Some(window) = rest.first_chunk::<{ 64 + LOOKAHEAD }>()
        && let Some(first) = window.first_chunk::<64>()
    {
        let block = classify(simd, first);
        let (escaped, is_next_escaped) = block.escaped(is_escaped);
        let quotes = block.quotes & !escaped;
        let rare = escaped & !(block.line_escapes | block.quotes | block.backslashes);
        if block.has_control || rare != 0 {
            // The bits below the closing quote.
            let inside = (quotes & quotes.wrapping_neg()).wrapping_sub(1);
            if let Some(index) = invalid(window, rare & inside, inside) {
                return Ok(StringEnd::Invalid(at + index));
            }
        }
        if quotes != 0 {
            return Ok(StringEnd::At(at + quotes.trailing_zeros() as usize + 1));
        }
        is_escaped = is_next_escaped;
        at += 64;
    }
    Err((at, is_escaped))
}

/// Checks what is rare: control characters in the bytes `inside` the string, and the escapes at `rare`. Returns the
/// index of the first byte that cannot be there.
#[inline(never)]
fn invalid(window: &[u8; 64 + LOOKAHEAD], rare: u64, inside: u64) -> Option<usize> {
    let in_escape = Bits(rare).find_map(|index| match window[index] {
        b'b' | b'f' | b'r' | b'/' => None,
        b'u' => (index + 1..=index + 4).find(|digit| !window[*digit].is_ascii_hexdigit()),
        _ => Some(index),
    });
    let control = window[..inside.trailing_ones() as usize]
        .iter()
        .position(|byte| *byte < 0x20);
    match (in_escape, control) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The indices of the bits that are set.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let index = self.0.trailing_zeros() as usize;
        (self.0 != 0).then(|| {
            self.0 &= self.0 - 1;
            index
        })
    }
}

/// Skips the last bytes of a piece.
fn skip_bytes(bytes: &[u8], at: usize, escape: &mut Escape) -> StringEnd {
    for (index, byte) in bytes.iter().enumerate().skip(at) {
        match (*escape, byte) {
            (Escape::None, b'"') => return StringEnd::At(index + 1),
            (Escape::None, b'\\') => *escape = Escape::Started,
            (Escape::None, 0..0x20) => return StringEnd::Invalid(index),
            (Escape::None, _) => {}
            (Escape::Started | Escape::Unicode { .. }, _) => {
                if escape.advance(*byte).is_none() {
                    return StringEnd::Invalid(index);
                }
            }
        }
    }
    StringEnd::InNextPiece
}
