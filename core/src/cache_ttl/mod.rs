//! The lifetime of prompt caches: which one a model's requests shall have, and how a request is edited to have it.
//!
//! Invariants: only the `ttl` of markers that are there is edited, in place in the bytes, and every other byte stays as it
//! came; no marker is added and none is moved; a body with a marker that is not understood is left alone as a whole.

mod edit;
mod marker;
mod members;
mod per_model;

use std::fmt;

use crate::token::Family;

pub use edit::{Edit, edit};
pub use per_model::PerModel;

/// How long a cache entry lives after it was last read (docs/facts.md#caching).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ttl {
    /// `5m`: what a marker means that names none.
    FiveMinutes,
    /// `1h`: written at twice the price of input.
    OneHour,
}

/// Why the markers of a request were left as they came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Left {
    /// A marker that must go back as the API sent it would break the order: one hour never stands after five minutes.
    Order,
    /// A `ttl` is neither `5m` nor `1h`.
    Ttl,
    /// A marker is no object of the type `ephemeral`.
    Marker,
    /// The body has another shape than the API documents, or a deciding key stands there twice.
    Shape,
    /// The credential is an OAuth token.
    Oauth,
}

/// What was done to the markers of one attempt where a lifetime was asked for, as the ledger has it: `1h:3` where three
/// markers were edited, `left: order` where none was touched.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Applied {
    /// All markers have this lifetime now; so many were edited.
    Set(Ttl, usize),
    /// The body was left alone.
    Left(Left),
}

/// Says whether requests that carry such a token are edited at all: never where it is an OAuth token, however it was
/// obtained.
pub fn concerns(token: Family) -> bool {
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
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::FiveMinutes, Self::OneHour];

    /// As the API writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5m",
            Self::OneHour => "1h",
        }
    }

    /// The one that the API writes so.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ttl| ttl.word() == word)
    }
}

impl Left {
    fn word(self) -> &'static str {
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
        f.write_str(self.word())
    }
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(ttl, markers) => write!(f, "{ttl}:{markers}"),
            Self::Left(left) => write!(f, "left: {}", left.word()),
        }
    }
}
