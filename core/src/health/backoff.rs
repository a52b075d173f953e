//! Exponential backoff: the cooldown lengths for each kind of failure, in one table.

use jiff::SignedDuration;

use crate::limits::MAX_RESET_DISTANCE;
use crate::verdict::{Verdict, VerdictEffect};

/// Maximum jitter added to a server's reset time, so that clients do not all retry at the same moment.
pub const MAX_JITTER: SignedDuration = SignedDuration::from_secs(2);

/// The kind of failure behind a cooldown. It sets the backoff if the server names no time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BackoffSchedule {
    /// A rate limit or plan limit.
    Limit,
    /// No credit, or a spend limit is reached.
    Billing,
    /// A stored secret was rejected once. If it is rejected again, it is dead.
    Authentication,
    /// A secret that is fetched for each lease was rejected. The next fetch may return a valid one.
    FetchedSecret,
    /// A pause by the user.
    Manual,
}

/// The source of a cooldown's end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TimeSource {
    /// The upstream's response.
    Server,
    /// The backoff schedule: a guess.
    Schedule,
    /// The user.
    User,
}

/// One row of the table.
struct BackoffRow {
    schedule: BackoffSchedule,
    name: &'static str,
    initial_delay: SignedDuration,
    max_delay: SignedDuration,
    probe_timeout: SignedDuration,
}

const fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// Initial and maximum delay in seconds; each failure doubles the delay.
const TABLE: [BackoffRow; 5] = [
    row(BackoffSchedule::Limit, "limit", 30, 10 * 60),
    row(BackoffSchedule::Billing, "billing", 15 * 60, 6 * 3_600),
    row(BackoffSchedule::Authentication, "authentication", 0, 0),
    row(BackoffSchedule::FetchedSecret, "fetched-secret", 30, 3_600),
    row(BackoffSchedule::Manual, "person", 0, 32 * 86_400),
];

const fn row(
    schedule: BackoffSchedule,
    name: &'static str,
    initial_delay: i64,
    max_delay: i64,
) -> BackoffRow {
    BackoffRow {
        schedule,
        name,
        initial_delay: seconds(initial_delay),
        max_delay: seconds(max_delay),
        probe_timeout: seconds(60),
    }
}

impl BackoffSchedule {
    /// Returns every schedule, in table order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.schedule)
    }

    /// Returns the name used in the store and the docs.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns the delay after the first failure.
    pub fn initial_delay(self) -> SignedDuration {
        self.row().initial_delay
    }

    /// Returns the maximum delay, for any number of failures.
    pub fn max_delay(self) -> SignedDuration {
        self.row().max_delay
    }

    /// Returns how long a claimed probe is reserved for its request if no result is reported.
    pub(super) fn probe_timeout(self) -> SignedDuration {
        self.row().probe_timeout
    }

    /// Returns the delay after a number of consecutive failures: exponential, up to [`Self::max_delay`].
    pub(super) fn delay(self, failures: u32) -> SignedDuration {
        let doublings = failures.saturating_sub(1).min(24);
        let factor = 1_i32.checked_shl(doublings).unwrap_or(i32::MAX);
        self.initial_delay()
            .checked_mul(factor)
            .unwrap_or(SignedDuration::MAX)
            .min(self.max_delay())
    }

    /// Returns the longest cooldown accepted from this source.
    pub(super) fn max_cooldown(self, source: TimeSource) -> SignedDuration {
        match source {
            TimeSource::Server => MAX_RESET_DISTANCE.saturating_add(MAX_JITTER),
            TimeSource::Schedule | TimeSource::User => self.max_delay(),
        }
    }

    /// Ranks schedules: if two apply at once, the more severe one wins.
    pub(super) fn severity(self) -> u8 {
        match self {
            Self::Limit => 0,
            Self::Billing => 1,
            Self::Authentication | Self::FetchedSecret => 2,
            Self::Manual => 3,
        }
    }

    fn row(self) -> &'static BackoffRow {
        match self {
            Self::Limit => &TABLE[0],
            Self::Billing => &TABLE[1],
            Self::Authentication => &TABLE[2],
            Self::FetchedSecret => &TABLE[3],
            Self::Manual => &TABLE[4],
        }
    }
}

/// The effect of a verdict on the health of the scope it applies to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HealthEffect {
    /// Success: ends a cooldown.
    Recover,
    /// No information about the credential.
    Neutral,
    /// The credential was accepted; nothing else is known.
    Accept,
    /// A rate limit, a plan limit, a spend limit or no credit: starts a cooldown.
    CoolDown(BackoffSchedule),
    /// The credential was rejected.
    Reject,
    /// Blocked until the user acts.
    Block,
}

impl HealthEffect {
    pub(super) fn from_verdict(verdict: Verdict) -> Self {
        match verdict.effect() {
            VerdictEffect::None => Self::Recover,
            VerdictEffect::Dead | VerdictEffect::Refresh => Self::Reject,
            VerdictEffect::Blocked => Self::Block,
            VerdictEffect::OutOfCredit | VerdictEffect::SpentUntil => {
                Self::CoolDown(BackoffSchedule::Billing)
            }
            VerdictEffect::CoolUntil | VerdictEffect::CoolModelUntil => {
                Self::CoolDown(BackoffSchedule::Limit)
            }
            VerdictEffect::Feature | VerdictEffect::Request => Self::Accept,
            VerdictEffect::Transient | VerdictEffect::Config => Self::Neutral,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schedule_has_its_own_row() {
        for schedule in BackoffSchedule::all() {
            assert_eq!(schedule.row().schedule, schedule);
        }
    }

    #[test]
    fn delays_double_up_to_the_maximum() {
        for (schedule, failures, expected) in [
            (BackoffSchedule::Limit, 1, 30),
            (BackoffSchedule::Limit, 2, 60),
            (BackoffSchedule::Limit, 5, 480),
            (BackoffSchedule::Limit, 6, 600),
            (BackoffSchedule::Limit, u32::MAX, 600),
            (BackoffSchedule::Billing, 1, 900),
            (BackoffSchedule::Billing, 5, 14_400),
            (BackoffSchedule::Billing, 6, 21_600),
            (BackoffSchedule::Authentication, 3, 0),
            (BackoffSchedule::FetchedSecret, 1, 30),
            (BackoffSchedule::FetchedSecret, 40, 3_600),
        ] {
            let delay = schedule.delay(failures);
            assert_eq!(delay, seconds(expected), "{schedule:?} after {failures}");
        }
    }
}
