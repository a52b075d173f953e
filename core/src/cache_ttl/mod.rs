//! The lifetime (TTL) of prompt caches: chooses it by model, and edits the cache markers of a request accordingly.
//!
//! Invariants: only the `ttl` of existing markers is edited, in place in the bytes, and every other byte stays
//! unchanged; no marker is added or moved; a body with a marker that cannot be parsed is not edited at all.

mod edit;
mod marker;
mod per_model;

use std::fmt;

use crate::token::Family;

pub use edit::{TtlEdit, apply_ttl};
pub use per_model::TtlByModel;

/// The lifetime of a cache entry after its last read (docs/facts.md#caching).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ttl {
    /// `5m`: the default of a marker without `ttl`.
    FiveMinutes,
    /// `1h`: cache writes cost twice the price of input.
    OneHour,
}

/// The reason that the markers of a request were not edited.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TtlSkipReason {
    /// A marker that must be returned to the API unchanged would violate the order: one hour may not follow five
    /// minutes.
    Order,
    /// A `ttl` is neither `5m` nor `1h`.
    Ttl,
    /// A marker is not an object of type `ephemeral`.
    Marker,
    /// The body does not have the documented shape, or contains a relevant key twice.
    Shape,
    /// The credential is an OAuth token.
    Oauth,
}

/// The result of setting the lifetime for one attempt, as the ledger stores it: `1h:3` if three markers were edited,
/// `skipped: order` if none was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TtlOutcome {
    /// All markers have this lifetime; this number of them was edited.
    Set(Ttl, usize),
    /// The body was not edited.
    Skipped(TtlSkipReason),
}

/// Returns `true` if requests with a token of this family may be edited: never with an OAuth token, whatever its
/// provenance.
pub fn can_edit(token: Family) -> bool {
    match token {
        Family::OauthAccess | Family::OauthRefresh | Family::ClaudeSession | Family::WorkToken => {
            false
        }
        Family::ApiKey
        | Family::AdminKey
        | Family::UnknownAnthropic
        | Family::VirtualKey
        | Family::AdminVirtualKey
        | Family::OtherVendor
        | Family::Opaque => true,
    }
}

impl Ttl {
    /// Both lifetimes.
    pub const ALL: [Self; 2] = [Self::FiveMinutes, Self::OneHour];

    /// Returns the API's notation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5m",
            Self::OneHour => "1h",
        }
    }

    /// Parses the API's notation.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ttl| ttl.as_str() == word)
    }
}

impl TtlSkipReason {
    fn code(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Ttl => "ttl",
            Self::Marker => "marker",
            Self::Shape => "shape",
            Self::Oauth => "oauth",
        }
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for TtlOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(ttl, markers) => write!(f, "{ttl}:{markers}"),
            Self::Skipped(reason) => write!(f, "skipped: {}", reason.code()),
        }
    }
}
