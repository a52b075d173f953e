//! A slug: the upstream's name for a window or status that this version does not know.
//!
//! Invariant: it is short and has no special characters, so it can be stored, printed and shown on a page unescaped.

use std::fmt;
use std::str::FromStr;

/// 1 to [`Slug::MAX_LEN`] characters from `a-z 0-9 _ . -`; upper case is converted to lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slug(String);

/// An invalid slug.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be 1 to 40 characters from a-z 0-9 _ . -")]
pub struct SlugError;

impl Slug {
    /// Maximum number of characters.
    pub const MAX_LEN: usize = 40;

    /// Returns the slug.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = SlugError;

    fn from_str(text: &str) -> Result<Self, SlugError> {
        let is_allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-');
        if (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(SlugError)
        }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
