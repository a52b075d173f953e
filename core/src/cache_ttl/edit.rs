//! Sets the lifetime of all cache markers of a request, in place in its bytes.
//!
//! Invariants: an edit replaces the value of a `ttl`, or adds a `ttl` to a marker without one; the order of lifetimes
//! is valid afterwards, or nothing is edited; the time is linear in the length of the body.

use super::marker::{Editability, Marker, MarkerTtl, markers};
use super::{Ttl, TtlSkipReason};

/// The result of setting the lifetime of a body's markers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TtlEdit {
    /// It has no marker, or all of them already have this lifetime.
    Unchanged,
    /// It was edited.
    Edited {
        /// The body to send.
        body: Vec<u8>,
        /// Number of markers that were edited.
        markers: usize,
    },
    /// It must not be edited.
    Skipped(TtlSkipReason),
}

/// Sets the lifetime of all markers of a request body.
///
/// ```
/// use keyreeve_core::cache_ttl::{Ttl, TtlEdit, apply_ttl};
///
/// let body = br#"{"system": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}"#;
/// let expected = r#"{"system": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral","ttl":"1h"}}]}"#;
/// let TtlEdit::Edited { body, markers } = apply_ttl(body, Ttl::OneHour) else {
///     panic!("there is a marker to edit")
/// };
/// assert_eq!((body.as_slice(), markers), (expected.as_bytes(), 1));
/// ```
pub fn apply_ttl(body: &[u8], ttl: Ttl) -> TtlEdit {
    let markers = match markers(body) {
        Ok(markers) => markers,
        Err(reason) => return TtlEdit::Skipped(reason),
    };
    let needs_edit =
        |marker: &&Marker| marker.editability == Editability::Editable && marker.ttl.ttl() != ttl;
    let count = markers.iter().filter(needs_edit).count();
    if count == 0 {
        return TtlEdit::Unchanged;
    }
    if !has_valid_order(&markers, ttl) {
        return TtlEdit::Skipped(TtlSkipReason::Order);
    }
    TtlEdit::Edited {
        body: splice(body, markers.iter().filter(needs_edit), ttl),
        markers: count,
    }
}

/// Returns `true` if no one-hour marker follows a five-minute one, once all editable markers have this lifetime.
fn has_valid_order(markers: &[Marker], ttl: Ttl) -> bool {
    let ttls = markers.iter().map(|marker| match marker.editability {
        Editability::Editable => ttl,
        Editability::Fixed => marker.ttl.ttl(),
    });
    ttls.skip_while(|ttl| *ttl == Ttl::OneHour)
        .all(|ttl| ttl == Ttl::FiveMinutes)
}

/// Copies the body with the edited lifetimes. The automatic marker is parsed last but may be the first in the body.
fn splice<'m>(body: &[u8], markers: impl Iterator<Item = &'m Marker>, ttl: Ttl) -> Vec<u8> {
    let mut edits: Vec<_> = markers
        .map(|marker| match &marker.ttl {
            MarkerTtl::Explicit(range, _) => (range.clone(), format!("\"{ttl}\"")),
            MarkerTtl::Implicit(end) => (*end..*end, format!(",\"ttl\":\"{ttl}\"")),
        })
        .collect();
    edits.sort_unstable_by_key(|(range, _)| range.start);
    let added: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let mut edited = Vec::with_capacity(body.len() + added);
    let mut copied = 0;
    for (range, text) in edits {
        edited.extend_from_slice(&body[copied..range.start]);
        edited.extend_from_slice(text.as_bytes());
        copied = range.end;
    }
    edited.extend_from_slice(&body[copied..]);
    edited
}
