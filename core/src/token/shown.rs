//! What of a token may be shown: the prefix of its family and its last four characters, and often less.

use super::family::Parts;

/// A value shorter than this shows nothing but that it is there.
const HIDDEN: usize = 20;
/// A value shorter than this does not show its end.
const ENDLESS: usize = 40;
/// How much of its end a long value shows.
const LAST: usize = 4;

/// Shows a token as a list or a log may: `sk-ant-api03-…wxYZ`.
///
/// The last four characters come only from 40 characters on, the prefix only from 20 on; a value of no known family has
/// no prefix. An end that is not plain ASCII is left out: it could speak to a terminal.
pub fn redact(token: &str) -> String {
    let length = token.chars().count();
    if length < HIDDEN {
        return "…".to_owned();
    }
    let Parts { prefix, body, .. } = Parts::of(token);
    let end = body.get(body.len().saturating_sub(LAST)..).unwrap_or("");
    let harmless = length >= ENDLESS && end.bytes().all(|byte| byte.is_ascii_graphic());
    format!("{prefix}…{}", if harmless { end } else { "" })
}
