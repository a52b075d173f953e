//! Gives all markers of a request one lifetime, in place in its bytes.
//!
//! Invariants: what is edited is the value of a `ttl`, or a `ttl` that comes to a marker without one; the order of
//! lifetimes is legal afterwards, or nothing was touched; the time taken is linear in the length of the body.

use super::marker::{Held, Marker, Written, markers};
use super::{Left, Ttl};

/// What becomes of a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// It has no marker, or all of them have this lifetime already.
    Nothing,
    /// Other bytes take its place.
    Edited {
        /// The body to send.
        body: Vec<u8>,
        /// How many of its markers were edited.
        markers: usize,
    },
    /// It stays as it is.
    Left(Left),
}

/// Gives the markers of a request body this lifetime.
///
/// ```
/// use keyreeve_core::cache_ttl::{Edit, Ttl, edit};
///
/// let body = br#"{"system": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}"#;
/// let expected = r#"{"system": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral","ttl":"1h"}}]}"#;
/// let Edit::Edited { body, markers } = edit(body, Ttl::OneHour) else {
///     panic!("there is a marker to edit")
/// };
/// assert_eq!((body.as_slice(), markers), (expected.as_bytes(), 1));
/// ```
pub fn edit(body: &[u8], ttl: Ttl) -> Edit {
    let markers = match markers(body) {
        Ok(markers) => markers,
        Err(left) => return Edit::Left(left),
    };
    let to_edit = |marker: &&Marker| marker.held == Held::Free && marker.ttl.ttl() != ttl;
    let count = markers.iter().filter(to_edit).count();
    if count == 0 {
        return Edit::Nothing;
    }
    if !keeps_the_order(&markers, ttl) {
        return Edit::Left(Left::Order);
    }
    Edit::Edited {
        body: spliced(body, markers.iter().filter(to_edit), ttl),
        markers: count,
    }
}

/// Whether no marker of one hour stands after one of five minutes once all that can be edited have this lifetime.
fn keeps_the_order(markers: &[Marker], ttl: Ttl) -> bool {
    let after = markers.iter().map(|marker| match marker.held {
        Held::Free => ttl,
        Held::Fast => marker.ttl.ttl(),
    });
    after
        .skip_while(|ttl| *ttl == Ttl::OneHour)
        .all(|ttl| ttl == Ttl::FiveMinutes)
}

/// Copies the body with other lifetimes. The automatic marker is read last and may stand first.
fn spliced<'m>(body: &[u8], markers: impl Iterator<Item = &'m Marker>, ttl: Ttl) -> Vec<u8> {
    let mut edits: Vec<_> = markers
        .map(|marker| match &marker.ttl {
            Written::At(place, _) => (place.clone(), format!("\"{ttl}\"")),
            Written::Not(end) => (*end..*end, format!(",\"ttl\":\"{ttl}\"")),
        })
        .collect();
    edits.sort_unstable_by_key(|(place, _)| place.start);
    let added: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let mut edited = Vec::with_capacity(body.len() + added);
    let mut done = 0;
    for (place, text) in edits {
        edited.extend_from_slice(&body[done..place.start]);
        edited.extend_from_slice(text.as_bytes());
        done = place.end;
    }
    edited.extend_from_slice(&body[done..]);
    edited
}
