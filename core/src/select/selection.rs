//! The profile selected for an attempt, its lease mode and the reason for the selection.

use jiff::Timestamp;

use crate::profile::Profile;

/// The result of a selection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selection<'p> {
    /// Use this profile.
    Use(SelectedProfile<'p>),
    /// Wait until this profile's limit is over, then choose again, since other profiles may have changed by then.
    Wait {
        /// The profile.
        profile: &'p Profile,
        /// The end of its limit.
        until: Timestamp,
    },
}

/// The selected profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SelectedProfile<'p> {
    /// The profile.
    pub profile: &'p Profile,
    /// The way it may be leased.
    pub lease_mode: LeaseMode,
    /// The reason for the selection.
    pub reason: Reason,
    /// The change to the conversation's pin.
    pub pin_update: PinUpdate,
}

/// The way a selected profile may be leased.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LeaseMode {
    /// Ready: no conditions.
    Normal,
    /// Half-open: the probe must be claimed first.
    Probe,
}

/// The reason a profile was selected for an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// The first ready profile in the key's order.
    First,
    /// The least recently used of the ready profiles.
    Spread,
    /// The conversation is pinned to it (affinity).
    Sticky,
    /// The profile that the conversation was pinned to cannot serve now.
    Moved,
    /// Failover: another profile was refused in this request.
    AfterRefusal,
    /// Failover: another profile's upstream failed in this request.
    AfterFailure,
    /// Retry: it was rejected in this request, and its secret may have been refreshed.
    Renewed,
    /// Retry: it was rate limited in this request, and the limit is over.
    Waited,
    /// The user named it.
    Named,
}

impl Reason {
    /// Returns the name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Spread => "spread",
            Self::Sticky => "sticky",
            Self::Moved => "moved",
            Self::AfterRefusal => "after-refusal",
            Self::AfterFailure => "after-failure",
            Self::Renewed => "renewed",
            Self::Waited => "waited",
            Self::Named => "named",
        }
    }
}

/// The change to a conversation's pin after a selection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PinUpdate {
    /// Pin it to the selected profile.
    Pin,
    /// Keep the previous pin: its upstream fails briefly, and its prompt cache will still exist afterwards.
    Keep,
}
