//! What a person may do to a standing.

use jiff::Timestamp;

use super::schedule::Schedule;
use super::state::{Rest, Standing, TimeSource};
use super::step::later;

/// What a person does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Forgets what answers and people said, but for a drain.
    Wake,
    /// Leaves it out until then.
    Rest {
        /// When it may be used again.
        until: Timestamp,
    },
    /// Leaves it out until it is enabled.
    Drain,
    /// Takes a drain back.
    Enable,
}

/// Gives the standing after a person acted at `now`.
#[must_use]
pub fn act(standing: Standing, act: Act, now: Timestamp) -> Standing {
    match (act, standing) {
        (Act::Wake, Standing::Drained { .. }) | (Act::Drain, Standing::Drained { .. }) => standing,
        (Act::Wake, _) | (Act::Enable, Standing::Drained { .. }) => Standing::Ready,
        (Act::Enable, _) | (Act::Rest { .. }, Standing::Drained { .. }) => standing,
        (Act::Drain, _) => Standing::Drained { since: now },
        (Act::Rest { until }, _) => Standing::Resting(Rest {
            schedule: Schedule::Person,
            why: None,
            since: now,
            until: until.min(later(now, Schedule::Person.longest())),
            time: TimeSource::Person,
            failures: 0,
            probed: None,
        }),
    }
}
