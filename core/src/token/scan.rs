//! Finds token-shaped strings inside other text: in an argument, in a line that is about to be logged.
//!
//! Errs towards finding too much: a false find hides a word, a missed one shows a secret.

use std::iter;
use std::ops::Range;

use super::family::VENDOR;

/// A regular expression (of any common dialect) for what [`scan`] finds, to be copied into other tools.
///
/// It does not catch: a token that is wrapped, spaced or percent-encoded (`sk%2Dant%2D…`), one inside base64 or
/// compression, a part of a token without its prefix, another gateway's opaque token, or a cloud credential. It does
/// catch what is no token, where a prefix and 20 characters of the alphabet happen to stand together.
pub const SHAPE: &str = "([sS][kK]-[aA][nN][tT]-|kr[va]_)[A-Za-z0-9_-]{20,}";

/// Fewer characters after a prefix than this are no token: documentation is full of `sk-ant-…`.
pub(super) const SHORTEST_BODY: usize = 20;

/// Finds every token-shaped part of a text, as byte ranges from left to right that do not overlap.
///
/// A part is a prefix (`sk-ant-` in any case, `krv_`, `kra_`), wherever it stands, and 20 or more of the characters
/// `A-Z a-z 0-9 _ -`, as many as there are.
pub fn scan(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let bytes = text.as_bytes();
    let mut from = 0;
    iter::from_fn(move || {
        while from < bytes.len() {
            let start = from;
            from += 1;
            let Some(prefix) = prefix(&bytes[start..]) else {
                continue;
            };
            let body = body(&bytes[start + prefix..]);
            if body >= SHORTEST_BODY {
                from = start + prefix + body;
                return Some(start..from);
            }
        }
        None
    })
}

/// Whether any part of a text has the shape of a key: such an argument is refused, since others can read it.
pub fn looks_like_a_key(text: &str) -> bool {
    scan(text).next().is_some()
}

/// Whether this may stand in the body of a token: base64url without padding.
pub(super) fn is_of_the_alphabet(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Gives the length of the prefix that these bytes start with.
fn prefix(bytes: &[u8]) -> Option<usize> {
    let vendors = |start: &[u8]| start.eq_ignore_ascii_case(VENDOR.as_bytes());
    if bytes.get(..VENDOR.len()).is_some_and(vendors) {
        return Some(VENDOR.len());
    }
    [b"krv_", b"kra_"]
        .into_iter()
        .find(|prefix| bytes.starts_with(*prefix))
        .map(|prefix| prefix.len())
}

/// Counts the characters of a token's alphabet that these bytes start with.
fn body(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| is_of_the_alphabet(**byte))
        .count()
}
