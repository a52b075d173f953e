//! What was chosen for an attempt: the profile, how it may be used, and why it is this one.

use jiff::Timestamp;

use crate::profile::Profile;

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice<'p> {
    /// Use this profile.
    Use(Chosen<'p>),
    /// Wait until this profile's limit is over, then choose anew: until then the others may have changed, too.
    Wait {
        /// The profile.
        profile: &'p Profile,
        /// When its limit is over.
        until: Timestamp,
    },
}

/// The profile to use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chosen<'p> {
    /// The profile.
    pub profile: &'p Profile,
    /// How it may be used.
    pub entry: Entry,
    /// Why this one.
    pub reason: Reason,
    /// Whether it holds the conversation from here on.
    pub hold: Hold,
}

/// How a chosen profile may be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entry {
    /// It is ready.
    Freely,
    /// By the one request that finds out: the probe must be claimed first.
    AsProbe,
}

/// Why a profile makes an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// It is the first in the key's order that is ready.
    First,
    /// It was used longest ago of those that are ready.
    Spread,
    /// It holds the conversation.
    Held,
    /// The one that held the conversation cannot serve now.
    Moved,
    /// Another was refused in this request.
    AfterRefusal,
    /// Another's upstream failed in this request.
    AfterFailure,
    /// It was refused in this request, and may have another secret by now.
    Renewed,
    /// It was limited in this request, and the limit is over.
    Waited,
    /// A person named it.
    Named,
}

impl Reason {
    /// Its name, as the ledger and reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Spread => "spread",
            Self::Held => "held",
            Self::Moved => "moved",
            Self::AfterRefusal => "after-refusal",
            Self::AfterFailure => "after-failure",
            Self::Renewed => "renewed",
            Self::Waited => "waited",
            Self::Named => "named",
        }
    }
}

/// Who holds a conversation after a choice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Hold {
    /// The chosen profile.
    Chosen,
    /// Whoever held it before: its upstream fails for a moment, and its cache is still there afterwards.
    AsBefore,
}
