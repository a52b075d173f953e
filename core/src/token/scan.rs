//! Finds token-shaped strings inside other text: in an argument, in a line to be logged.
//!
//! Prefers false positives: a false positive hides a word, a false negative reveals a secret.

use std::iter;
use std::ops::Range;

use super::family::VENDOR;

/// A regular expression (of any common dialect) that matches what [`scan`] finds, for use in other tools.
///
/// It does not match: a token that is wrapped, spaced or percent-encoded (`sk%2Dant%2D…`), one inside base64 or
/// compressed data, a part of a token without its prefix, another gateway's opaque token, or a cloud credential. It
/// does match other text in which 20 characters of the alphabet happen to follow a prefix.
pub const TOKEN_PATTERN: &str = "([sS][kK]-[aA][nN][tT]-|kr[va]_)[A-Za-z0-9_-]{20,}";

/// Minimum number of characters after the prefix: documentation is full of `sk-ant-…`.
pub(super) const MIN_BODY_CHARS: usize = 20;

/// Finds every token-shaped part of a text, as byte ranges from left to right that do not overlap.
///
/// Such a part is a prefix (`sk-ant-` in any case, `krv_`, `kra_`) at any position, and 20 or more of the characters
/// `A-Z a-z 0-9 _ -`, as many as follow.
pub fn scan(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let bytes = text.as_bytes();
    let mut from = 0;
    iter::from_fn(move || {
        while from < bytes.len() {
            let start = from;
            from += 1;
            let Some(prefix) = prefix_len(&bytes[start..]) else {
                continue;
            };
            let body = body_len(&bytes[start + prefix..]);
            if body >= MIN_BODY_CHARS {
                from = start + prefix + body;
                return Some(start..from);
            }
        }
        None
    })
}

/// Returns `true` if any part of the text has the shape of a token: such an argument is refused, since others can read
/// it.
pub fn contains_token(text: &str) -> bool {
    scan(text).next().is_some()
}

/// Returns `true` for a character of a token's body: base64url without padding.
pub(super) fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Returns the length of the prefix that these bytes start with.
fn prefix_len(bytes: &[u8]) -> Option<usize> {
    if !matches!(bytes.first(), Some(b's' | b'S' | b'k')) {
        return None;
    }
    let is_vendor_prefix = |start: &[u8]| start.eq_ignore_ascii_case(VENDOR.as_bytes());
    if bytes.get(..VENDOR.len()).is_some_and(is_vendor_prefix) {
        return Some(VENDOR.len());
    }
    [b"krv_", b"kra_"]
        .into_iter()
        .find(|prefix| bytes.starts_with(*prefix))
        .map(|prefix| prefix.len())
}

/// Counts the token characters that these bytes start with.
fn body_len(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| is_token_char(**byte))
        .count()
}
