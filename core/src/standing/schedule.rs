//! How long what rests: one table.

use jiff::SignedDuration;

use super::state::TimeSource;
use crate::limits::FARTHEST;
use crate::verdict::{Effect, Verdict};

/// The most that may be added to a server's time, so that not everybody comes back at the same moment.
pub const MOST_JITTER: SignedDuration = SignedDuration::from_secs(2);

/// Why something rests, and so for how long where the server names no time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Schedule {
    /// A rate or plan limit.
    Limit,
    /// No money, or a spend limit.
    Billing,
    /// The credential was refused once; a secret that keyreeve keeps. Refused again it is dead.
    Authentication,
    /// The credential was refused; a secret that is fetched anew for leases and may mend by itself.
    FetchedSecret,
    /// A person said so.
    Person,
}

/// A row of the table.
struct Times {
    schedule: Schedule,
    name: &'static str,
    first: SignedDuration,
    longest: SignedDuration,
    claim: SignedDuration,
}

const fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// The first wait and the longest; in between each failure doubles it. Then how long one request has the probe.
const TABLE: [Times; 5] = [
    row(Schedule::Limit, "limit", 30, 10 * 60),
    row(Schedule::Billing, "billing", 15 * 60, 6 * 3_600),
    row(Schedule::Authentication, "authentication", 0, 0),
    row(Schedule::FetchedSecret, "fetched-secret", 30, 3_600),
    row(Schedule::Person, "person", 0, 32 * 86_400),
];

const fn row(schedule: Schedule, name: &'static str, first: i64, longest: i64) -> Times {
    Times {
        schedule,
        name,
        first: seconds(first),
        longest: seconds(longest),
        claim: seconds(60),
    }
}

impl Schedule {
    /// Every row, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.schedule)
    }

    /// Its name, as the store and the docs have it.
    pub fn name(self) -> &'static str {
        self.times().name
    }

    /// The wait after the first failure.
    pub fn first(self) -> SignedDuration {
        self.times().first
    }

    /// The longest wait, however many failures there were.
    pub fn longest(self) -> SignedDuration {
        self.times().longest
    }

    /// How long one request has the probe, if it never says how it went.
    pub fn claim(self) -> SignedDuration {
        self.times().claim
    }

    /// The wait after so many failures in a row.
    pub fn wait(self, failures: u32) -> SignedDuration {
        let doublings = failures.saturating_sub(1).min(24);
        let factor = 1_i32.checked_shl(doublings).unwrap_or(i32::MAX);
        self.first()
            .checked_mul(factor)
            .unwrap_or(SignedDuration::MAX)
            .min(self.longest())
    }

    /// The longest rest that is believed, by who named its end.
    pub(super) fn bound(self, time: TimeSource) -> SignedDuration {
        match time {
            TimeSource::Server => FARTHEST.saturating_add(MOST_JITTER),
            TimeSource::Schedule | TimeSource::Person => self.longest(),
        }
    }

    /// Of two reasons at a time the graver stands.
    pub(super) fn gravity(self) -> u8 {
        match self {
            Self::Limit => 0,
            Self::Billing => 1,
            Self::Authentication | Self::FetchedSecret => 2,
            Self::Person => 3,
        }
    }

    fn times(self) -> &'static Times {
        match self {
            Self::Limit => &TABLE[0],
            Self::Billing => &TABLE[1],
            Self::Authentication => &TABLE[2],
            Self::FetchedSecret => &TABLE[3],
            Self::Person => &TABLE[4],
        }
    }
}

/// What a verdict does to the standing of the scope it strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Aim {
    /// All is well.
    Clears,
    /// It says nothing about a credential.
    Neutral,
    /// It says that the credential was let in, and no more.
    LetIn,
    /// A limit or the money.
    Rests(Schedule),
    /// The credential is refused.
    Refuses,
    /// A person must act.
    Blocks,
}

impl Aim {
    pub(super) fn of(verdict: Verdict) -> Self {
        match verdict.effect() {
            Effect::None => Self::Clears,
            Effect::Dead | Effect::Refresh => Self::Refuses,
            Effect::Blocked => Self::Blocks,
            Effect::OutOfCredit | Effect::SpentUntil => Self::Rests(Schedule::Billing),
            Effect::CoolUntil | Effect::CoolModelUntil => Self::Rests(Schedule::Limit),
            Effect::Feature | Effect::Request => Self::LetIn,
            Effect::Transient | Effect::Config => Self::Neutral,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_finds_its_own_row() {
        for schedule in Schedule::all() {
            assert_eq!(schedule.times().schedule, schedule);
        }
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        for (schedule, failures, expected) in [
            (Schedule::Limit, 1, 30),
            (Schedule::Limit, 2, 60),
            (Schedule::Limit, 5, 480),
            (Schedule::Limit, 6, 600),
            (Schedule::Limit, u32::MAX, 600),
            (Schedule::Billing, 1, 900),
            (Schedule::Billing, 5, 14_400),
            (Schedule::Billing, 6, 21_600),
            (Schedule::Authentication, 3, 0),
            (Schedule::FetchedSecret, 1, 30),
            (Schedule::FetchedSecret, 40, 3_600),
        ] {
            let wait = schedule.wait(failures);
            assert_eq!(wait, seconds(expected), "{schedule:?} after {failures}");
        }
    }
}
