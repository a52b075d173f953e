//! Why no profile can serve a key.

use jiff::Timestamp;

use crate::profile::{BillingClass, Name, Profile};
use crate::standing::{Because, Closed};

/// Why no profile can serve a key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoProfile {
    /// The key names none: a new key inherits none, and a profile that is removed is taken out of every key.
    #[error(
        "this key has no profile to use, or those it had were removed: make a key that has one, with `keyreeve key add NAME --profile PROFILE`"
    )]
    NoneAssigned,
    /// All that are left are plan logins.
    #[error(
        "this key has only plan logins, which never stand behind a key: add an API key with `keyreeve profile add NAME`"
    )]
    OnlyPlanLogins,
    /// Those whom it may be billed to were removed.
    #[error("no profile is left that this key may be billed to")]
    OnlyOthersMoney {
        /// Who was not asked.
        left_out: LeftOut,
    },
    /// All that could serve rest, or wait for a person.
    #[error("every profile of this key rests")]
    Resting {
        /// The profile that is ready first.
        first: Box<Profile>,
        /// When it is.
        at: Timestamp,
        /// What it rests for.
        because: Because,
        /// Who was not asked.
        left_out: LeftOut,
    },
    /// All wait for a person.
    #[error("every profile of this key waits for its owner")]
    Closed {
        /// The key's profiles and what each waits for, in the key's order.
        profiles: Vec<(Box<Profile>, Closed)>,
        /// Who was not asked.
        left_out: LeftOut,
    },
    /// All that could serve have refused this very request, or failed it.
    #[error("every profile of this key was tried")]
    AllTried,
}

/// The key's profiles that were not looked at, because it does not say that it may spend their owners' money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// The key.
    pub key: Name,
    /// Whom they are billed to, in the key's order; empty: none was left out.
    pub classes: Vec<BillingClass>,
}
