//! A word of a list that grows: what the upstream calls a window or a status that nobody here knows yet.
//!
//! Invariant: it is short and inert, so that it can be kept, printed and put on a page as it is.

use std::fmt;
use std::str::FromStr;

/// 1 to [`OpenWord::LONGEST`] of `a-z 0-9 _ . -`; capitals are made small.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OpenWord(String);

/// A word with something else in it than such words have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not 1 to 40 of the characters a-z 0-9 _ . -")]
pub struct Strange;

impl OpenWord {
    /// How many characters it has at the most.
    pub const LONGEST: usize = 40;

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OpenWord {
    type Err = Strange;

    fn from_str(text: &str) -> Result<Self, Strange> {
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-');
        if (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(is_plain) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(Strange)
        }
    }
}

impl fmt::Display for OpenWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
