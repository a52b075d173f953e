//! What an answer does to a standing.

use jiff::{SignedDuration, Timestamp};

use super::schedule::{Aim, MOST_JITTER, Schedule};
use super::state::{Rest, Standing, TimeSource, Why};
use crate::verdict::Verdict;

/// An answer as it bears on a standing.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// What it means.
    pub verdict: Verdict,
    /// When the attempt was leased: an answer to what was asked before a rest began says nothing about it.
    pub asked_at: Timestamp,
    /// Where the secret comes from.
    pub kept: Kept,
    /// What to add to a server's time.
    pub jitter: Jitter,
}

/// Whether a refused secret can mend by itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kept {
    /// Sealed in the store: it is what it is until a person replaces it.
    Sealed,
    /// Fetched at lease time: the next one may be another.
    Fetched,
}

/// A share of the most that may be added to a server's time: 0 none, 255 all of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Jitter(pub u8);

impl Jitter {
    /// What it adds to a wait: at most a quarter of it and at most [`MOST_JITTER`].
    pub fn of(self, wait: SignedDuration) -> SignedDuration {
        let most = (wait / 4).clamp(SignedDuration::ZERO, MOST_JITTER);
        most * i32::from(self.0) / i32::from(u8::MAX)
    }
}

/// Gives the standing after an answer. The same answer told again changes nothing.
#[must_use]
pub fn step(standing: Standing, heard: &Heard, now: Timestamp) -> Standing {
    if set_by_a_person(&standing) {
        return standing;
    }
    let asked_after = |moment: Timestamp| heard.asked_at > moment || moment > now;
    let is_news = standing.since().is_none_or(asked_after);
    match Aim::of(heard.verdict) {
        Aim::LetIn if is_news && was_suspected(&standing) => Standing::Ready,
        Aim::LetIn | Aim::Neutral => release(standing, heard),
        Aim::Clears if is_news => Standing::Ready,
        Aim::Clears => standing,
        Aim::Blocks => match standing {
            Standing::Ready | Standing::Resting(_) => Standing::Blocked {
                why: why(heard),
                since: now,
            },
            Standing::Blocked { .. } | Standing::Dead { .. } | Standing::Drained { .. } => standing,
        },
        Aim::Refuses => rest(standing, refused(heard.kept), heard, now),
        Aim::Rests(schedule) => rest(standing, schedule, heard, now),
    }
}

fn set_by_a_person(standing: &Standing) -> bool {
    match standing {
        Standing::Drained { .. } => true,
        Standing::Resting(rest) => rest.schedule == Schedule::Person,
        Standing::Ready | Standing::Blocked { .. } | Standing::Dead { .. } => false,
    }
}

fn was_suspected(standing: &Standing) -> bool {
    match standing {
        Standing::Resting(rest) => was_refused(rest),
        Standing::Ready
        | Standing::Blocked { .. }
        | Standing::Dead { .. }
        | Standing::Drained { .. } => false,
    }
}

/// A probe that found nothing out lets another try.
fn release(standing: Standing, heard: &Heard) -> Standing {
    match standing {
        Standing::Resting(rest) if rest.probed.is_some_and(|probed| heard.asked_at >= probed) => {
            Standing::Resting(Rest {
                probed: None,
                ..rest
            })
        }
        Standing::Ready
        | Standing::Resting(_)
        | Standing::Blocked { .. }
        | Standing::Dead { .. }
        | Standing::Drained { .. } => standing,
    }
}

fn refused(kept: Kept) -> Schedule {
    match kept {
        Kept::Sealed => Schedule::Authentication,
        Kept::Fetched => Schedule::FetchedSecret,
    }
}

fn rest(standing: Standing, schedule: Schedule, heard: &Heard, now: Timestamp) -> Standing {
    match standing {
        Standing::Ready => begin(schedule, 1, heard, now),
        Standing::Resting(rest) if rest.schedule == schedule => again(rest, heard, now),
        Standing::Resting(rest) if schedule.gravity() > rest.schedule.gravity() => {
            begin(schedule, 1, heard, now)
        }
        // Who is told of a limit was let in: the refusal before was none of the credential's.
        Standing::Resting(rest) if was_refused(&rest) && heard.asked_at > rest.since => {
            begin(schedule, 1, heard, now)
        }
        Standing::Resting(_)
        | Standing::Blocked { .. }
        | Standing::Dead { .. }
        | Standing::Drained { .. } => standing,
    }
}

fn was_refused(rest: &Rest) -> bool {
    match rest.schedule {
        Schedule::Authentication | Schedule::FetchedSecret => true,
        Schedule::Limit | Schedule::Billing | Schedule::Person => false,
    }
}

/// The same trouble once more.
fn again(rest: Rest, heard: &Heard, now: Timestamp) -> Standing {
    // A moment ahead of the clock was written by a clock that was wrong.
    let clock_was_wrong = rest.since > now;
    let after_the_window = heard.asked_at > rest.since && heard.asked_at >= rest.until;
    if after_the_window || clock_was_wrong {
        return match rest.schedule {
            Schedule::Authentication => Standing::Dead {
                why: why(heard),
                since: now,
            },
            Schedule::Limit | Schedule::Billing | Schedule::FetchedSecret | Schedule::Person => {
                begin(rest.schedule, rest.failures.saturating_add(1), heard, now)
            }
        };
    }
    match (rest.time, told_time(heard)) {
        // The server knows what was guessed.
        (TimeSource::Schedule, Some(at)) if was_limited(&rest) => Standing::Resting(Rest {
            until: with_jitter(at, heard.jitter, now),
            time: TimeSource::Server,
            ..rest
        }),
        (TimeSource::Server | TimeSource::Schedule | TimeSource::Person, _) => {
            Standing::Resting(rest)
        }
    }
}

fn was_limited(rest: &Rest) -> bool {
    match rest.schedule {
        Schedule::Limit | Schedule::Billing => true,
        Schedule::Authentication | Schedule::FetchedSecret | Schedule::Person => false,
    }
}

fn begin(schedule: Schedule, failures: u32, heard: &Heard, now: Timestamp) -> Standing {
    let (until, time) = match told_time(heard) {
        Some(at) => (with_jitter(at, heard.jitter, now), TimeSource::Server),
        None => (later(now, schedule.wait(failures)), TimeSource::Schedule),
    };
    Standing::Resting(Rest {
        schedule,
        why: Some(why(heard)),
        since: now,
        until,
        time,
        failures,
        probed: None,
    })
}

/// The time that the server names. One that was over before it was asked is a clock that is wrong, and says nothing.
fn told_time(heard: &Heard) -> Option<Timestamp> {
    heard.verdict.until().filter(|at| *at > heard.asked_at)
}

fn with_jitter(at: Timestamp, jitter: Jitter, now: Timestamp) -> Timestamp {
    later(at, jitter.of(at.duration_since(now)))
}

fn why(heard: &Heard) -> Why {
    Why {
        code: heard.verdict.known(),
        evidence: heard.verdict.evidence(),
    }
}

/// A moment and some time after it; the end of time where that is beyond it.
pub(super) fn later(moment: Timestamp, wait: SignedDuration) -> Timestamp {
    moment.checked_add(wait).unwrap_or(Timestamp::MAX)
}
