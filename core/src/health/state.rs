//! The health state of one scope, as stored.

use jiff::Timestamp;

use super::backoff::{BackoffSchedule, TimeSource};
use crate::verdict::{DecidedBy, VerdictCode};

/// The health of one scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Health {
    /// Usable: no failure is recorded.
    #[default]
    Ready,
    /// Not usable until a time: a cooldown after a response, or a pause by the user.
    Cooldown(Cooldown),
    /// Refused by a rule of the account or its licence, until the user acts.
    Blocked {
        /// The verdict that caused it.
        reason: HealthReason,
        /// The start of this state.
        since: Timestamp,
    },
    /// Rejected twice by the upstream as unknown, until the user acts.
    Dead {
        /// The verdict that caused it.
        reason: HealthReason,
        /// The start of this state.
        since: Timestamp,
    },
    /// Taken out of use by the user.
    Drained {
        /// The start of this state.
        since: Timestamp,
    },
}

/// A cooldown: its backoff schedule, its window and its probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cooldown {
    /// The backoff schedule it follows.
    pub schedule: BackoffSchedule,
    /// The verdict that caused it; `None` for a pause by the user.
    pub reason: Option<HealthReason>,
    /// The start of this window.
    pub since: Timestamp,
    /// The end of this window.
    pub until: Timestamp,
    /// The source of `until`.
    pub time_source: TimeSource,
    /// Number of consecutive windows without a success.
    pub failures: u32,
    /// The last time the single probe was claimed.
    pub probed_at: Option<Timestamp>,
}

/// The verdict behind a health state: its code and the part of the response that decided it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HealthReason {
    /// The verdict code.
    pub code: VerdictCode,
    /// The part of the response that decided.
    pub decided_by: DecidedBy,
}

impl Health {
    /// Returns the start of the current state, or `None` if ready.
    pub fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Ready => None,
            Self::Cooldown(cooldown) => Some(cooldown.since),
            Self::Blocked { since, .. } | Self::Dead { since, .. } | Self::Drained { since } => {
                Some(*since)
            }
        }
    }

    /// Releases the probe of a cooldown if the time it was claimed at meets a condition.
    pub(super) fn release_probe_if(self, is_met: impl FnOnce(Timestamp) -> bool) -> Self {
        match self {
            Self::Cooldown(cooldown) if cooldown.probed_at.is_some_and(is_met) => {
                Self::Cooldown(Cooldown {
                    probed_at: None,
                    ..cooldown
                })
            }
            Self::Ready
            | Self::Cooldown(_)
            | Self::Blocked { .. }
            | Self::Dead { .. }
            | Self::Drained { .. } => self,
        }
    }

    /// Returns the verdict that caused the current state, if a response did.
    pub fn reason(&self) -> Option<HealthReason> {
        match self {
            Self::Ready | Self::Drained { .. } => None,
            Self::Cooldown(cooldown) => cooldown.reason,
            Self::Blocked { reason, .. } | Self::Dead { reason, .. } => Some(*reason),
        }
    }
}
