//! Redacts tokens: shows at most the family prefix and the last four characters.

use super::family::TokenParts;

/// Minimum length of a value whose prefix is shown.
const MIN_CHARS_FOR_PREFIX: usize = 20;
/// Minimum length of a value whose end is shown.
const MIN_CHARS_FOR_END: usize = 40;
/// Number of characters shown of the end.
const END_CHARS: usize = 4;

/// Redacts a token for lists and logs: `sk-ant-api03-…wxYZ`.
///
/// The last four characters are shown from 40 characters on, the prefix from 20 on; a value of no known family has no
/// prefix. An end that is not printable ASCII is omitted, since it could contain terminal control characters.
pub fn redact(token: &str) -> String {
    let length = token.chars().count();
    if length < MIN_CHARS_FOR_PREFIX {
        return "…".to_owned();
    }
    let TokenParts { prefix, body, .. } = TokenParts::parse(token);
    let end = body
        .get(body.len().saturating_sub(END_CHARS)..)
        .unwrap_or("");
    let shows_end = length >= MIN_CHARS_FOR_END && end.bytes().all(|byte| byte.is_ascii_graphic());
    format!("{prefix}…{}", if shows_end { end } else { "" })
}
