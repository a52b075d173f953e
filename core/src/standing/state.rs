//! What is remembered of one scope.

use jiff::Timestamp;

use super::Schedule;
use crate::verdict::{Code, Evidence};

/// The standing of one scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// Nothing is known against it.
    #[default]
    Ready,
    /// Not now.
    Resting(Rest),
    /// A rule of the account or its licence refuses it, until a person acts.
    Blocked {
        /// What said so.
        why: Why,
        /// Since when.
        since: Timestamp,
    },
    /// The upstream does not know it any more, and said so twice; until a person acts.
    Dead {
        /// What said so.
        why: Why,
        /// Since when.
        since: Timestamp,
    },
    /// A person took it out.
    Drained {
        /// Since when.
        since: Timestamp,
    },
}

/// A rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rest {
    /// The row of the table it follows.
    pub schedule: Schedule,
    /// What said so; none where a person did.
    pub why: Option<Why>,
    /// When this window began.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Who named the end.
    pub time: TimeSource,
    /// How many windows followed each other without a success.
    pub failures: u32,
    /// When the one probe was last given out.
    pub probed: Option<Timestamp>,
}

/// An answer's code, and what in the answer decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Why {
    /// The code.
    pub code: Code,
    /// What decided.
    pub evidence: Evidence,
}

/// Who named a time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TimeSource {
    /// The upstream.
    Server,
    /// The table: a guess.
    Schedule,
    /// A person.
    Person,
}

impl Standing {
    /// When it came about; none where it is ready.
    pub fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Ready => None,
            Self::Resting(rest) => Some(rest.since),
            Self::Blocked { since, .. } | Self::Dead { since, .. } | Self::Drained { since } => {
                Some(*since)
            }
        }
    }

    /// What answer brought it about.
    pub fn why(&self) -> Option<Why> {
        match self {
            Self::Ready | Self::Drained { .. } => None,
            Self::Resting(rest) => rest.why,
            Self::Blocked { why, .. } | Self::Dead { why, .. } => Some(*why),
        }
    }
}
