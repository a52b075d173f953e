//! Health changes made by the user: resume, pause, drain.

use jiff::Timestamp;

use super::backoff::{BackoffSchedule, TimeSource};
use super::state::{Cooldown, Health};
use super::transition::later;

/// A health change requested by the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ManualAction {
    /// Ends a cooldown, a pause, a drain or a block.
    Resume,
    /// Takes the scope out of use until a time.
    Pause {
        /// The end of the pause.
        until: Timestamp,
    },
    /// Takes the scope out of use until it is resumed.
    Drain,
}

/// Returns the health after the user's action at `now`.
#[must_use]
pub fn apply_action(health: Health, action: ManualAction, now: Timestamp) -> Health {
    match (action, health) {
        (ManualAction::Resume, _) => Health::Ready,
        (ManualAction::Drain | ManualAction::Pause { .. }, Health::Drained { .. }) => health,
        (ManualAction::Drain, _) => Health::Drained { since: now },
        (ManualAction::Pause { until }, _) => Health::Cooldown(Cooldown {
            schedule: BackoffSchedule::Manual,
            reason: None,
            since: now,
            until: until.min(later(now, BackoffSchedule::Manual.max_delay())),
            time_source: TimeSource::User,
            failures: 0,
            probed_at: None,
        }),
    }
}
