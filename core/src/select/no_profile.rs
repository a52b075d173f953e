//! The error if no profile of a key can serve a request.

use jiff::Timestamp;

use crate::health::{BlockReason, CooldownReason};
use crate::profile::{BillingClass, Name, Profile};

/// The reason no profile of a key can serve a request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoProfileError {
    /// The key names no profile: a new key inherits none, and a removed profile is removed from every key.
    #[error(
        "this key has no profile, or its profiles were removed: create a key with one: `keyreeve key add NAME --profile PROFILE`"
    )]
    NoneAssigned,
    /// All remaining profiles are plan logins.
    #[error(
        "this key has only plan logins, which are never used behind a virtual key: add an API key with `keyreeve profile add NAME`"
    )]
    OnlyPlanLogins,
    /// No remaining profile has a billing class that the key allows.
    #[error("this key has no profile with a billing class that it allows")]
    BillingNotAllowed {
        /// The profiles that were not considered.
        excluded: ExcludedProfiles,
    },
    /// Every usable profile is in cooldown or blocked.
    #[error("every profile behind this key is cooling down")]
    AllCoolingDown {
        /// The profile whose cooldown ends first.
        first: Box<Profile>,
        /// The end of its cooldown.
        until: Timestamp,
        /// The cause of its cooldown.
        reason: CooldownReason,
        /// The profiles that were not considered.
        excluded: ExcludedProfiles,
    },
    /// Every profile is blocked until the user acts.
    #[error("every profile behind this key is blocked until its owner acts")]
    AllBlocked {
        /// The key's profiles and the reason for each block, in the key's order.
        profiles: Vec<(Box<Profile>, BlockReason)>,
        /// The profiles that were not considered.
        excluded: ExcludedProfiles,
    },
    /// Every usable profile has refused or failed this request.
    #[error("every profile behind this key has failed this request")]
    AllFailed,
}

/// The key's profiles that were not considered, because the key does not allow their billing class.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExcludedProfiles {
    /// The key.
    pub key: Name,
    /// Their billing classes, in the key's order; empty if none was excluded.
    pub classes: Vec<BillingClass>,
}
