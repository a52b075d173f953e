//! Whether a scope may be used now, and who may find out.

use jiff::{SignedDuration, Timestamp};

use super::schedule::Schedule;
use super::state::{Rest, Standing, TimeSource};
use super::step::later;
use crate::verdict::Code;

/// Nothing rests longer than this without a probe, whatever a server said.
pub const LONGEST_UNPROBED: SignedDuration = SignedDuration::from_hours(24);

/// Clocks that are set right step back this far and mean nothing by it.
const SKEW: SignedDuration = SignedDuration::from_secs(2);

/// Whether something may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readiness {
    /// It may.
    Ready,
    /// One request may, to find out: whoever [claims](claim) it.
    Probe,
    /// Not yet.
    Resting {
        /// When it may, if nothing else happens.
        at: Timestamp,
        /// Whether it may be asked before, where nothing else is left.
        early: Early,
        /// What it rests for.
        because: Because,
    },
    /// Not until a person acts.
    Closed(Closed),
}

/// Whether what rests may be asked before its time, when everything rests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Early {
    /// By one request: its time was a guess.
    MayProbe,
    /// A server or a person named the time, or somebody is asking already.
    No,
}

/// What something rests for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Because {
    /// An answer.
    Answer(Code),
    /// A person.
    Person,
    /// Its upstream fails, whoever asks.
    Upstream,
}

/// Why something waits for a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closed {
    /// A rule refuses it.
    Blocked(Code),
    /// The upstream does not know it any more.
    Dead(Code),
    /// A person took it out.
    Drained,
}

/// Says whether a scope may be used at `now`.
pub fn readiness(standing: &Standing, now: Timestamp) -> Readiness {
    match standing {
        Standing::Ready => Readiness::Ready,
        Standing::Resting(rest) => of_rest(rest, now),
        Standing::Blocked { why, .. } => Readiness::Closed(Closed::Blocked(why.code)),
        Standing::Dead { why, .. } => Readiness::Closed(Closed::Dead(why.code)),
        Standing::Drained { .. } => Readiness::Closed(Closed::Drained),
    }
}

/// When a scope is ready by itself: the beginning of time where it is now, none where a person must act.
pub fn ready_at(standing: &Standing) -> Option<Timestamp> {
    match standing {
        Standing::Ready => Some(Timestamp::MIN),
        Standing::Resting(rest) => Some(end(rest)),
        Standing::Blocked { .. } | Standing::Dead { .. } | Standing::Drained { .. } => None,
    }
}

/// When one request may find out, at the latest; none where that is not how the rest ends.
pub fn next_probe(standing: &Standing) -> Option<Timestamp> {
    let Standing::Resting(rest) = standing else {
        return None;
    };
    match rest.time {
        TimeSource::Schedule if rest.probed.is_some_and(|probed| probed >= end(rest)) => {
            Some(claimed_until(rest))
        }
        TimeSource::Schedule => Some(end(rest)),
        TimeSource::Server => Some(daily(rest)).filter(|probe| *probe < end(rest)),
        TimeSource::Person => None,
    }
}

/// Takes the one probe of a scope; none where there is none to take, or somebody has it.
pub fn claim(standing: &Standing, now: Timestamp) -> Option<Standing> {
    let Standing::Resting(rest) = standing else {
        return None;
    };
    let probed = Some(now);
    match of_rest(rest, now) {
        Readiness::Probe
        | Readiness::Resting {
            early: Early::MayProbe,
            ..
        } => Some(Standing::Resting(Rest { probed, ..*rest })),
        Readiness::Ready
        | Readiness::Resting {
            early: Early::No, ..
        }
        | Readiness::Closed(_) => None,
    }
}

/// Gives a probe back that was claimed at `claimed_at` and found nothing out; somebody else's stays.
#[must_use]
pub fn give_back(standing: Standing, claimed_at: Timestamp) -> Standing {
    match standing {
        // To the microsecond, as it is stored.
        Standing::Resting(rest)
            if rest.probed.map(Timestamp::as_microsecond) == Some(claimed_at.as_microsecond()) =>
        {
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

/// Puts the scopes that one request stands under together: the gravest decides, of two rests the longer.
pub fn combine(all: impl IntoIterator<Item = Readiness>) -> Readiness {
    all.into_iter().fold(Readiness::Ready, graver)
}

fn graver(one: Readiness, other: Readiness) -> Readiness {
    if let (
        Readiness::Resting { at, early, because },
        Readiness::Resting {
            at: at_other,
            early: early_other,
            because: because_other,
        },
    ) = (one, other)
    {
        return Readiness::Resting {
            at: at.max(at_other),
            early: both(early, early_other),
            because: if at_other > at {
                because_other
            } else {
                because
            },
        };
    }
    if gravity(&other) > gravity(&one) {
        other
    } else {
        one
    }
}

fn gravity(readiness: &Readiness) -> u8 {
    match readiness {
        Readiness::Ready => 0,
        Readiness::Probe => 1,
        Readiness::Resting { .. } => 2,
        Readiness::Closed(_) => 3,
    }
}

fn both(one: Early, other: Early) -> Early {
    match (one, other) {
        (Early::MayProbe, Early::MayProbe) => Early::MayProbe,
        (Early::No, _) | (_, Early::No) => Early::No,
    }
}

fn of_rest(rest: &Rest, now: Timestamp) -> Readiness {
    let until = end(rest);
    // Who asked before the end does not keep another from asking at the end.
    let asked_early = now >= until && rest.probed.is_some_and(|probed| probed < until);
    let free = asked_early || now >= claimed_until(rest) || is_ahead(rest.probed, now);
    let probe = if free {
        Readiness::Probe
    } else {
        resting(rest, claimed_until(rest), Early::No)
    };
    if is_ahead(Some(rest.since), now) {
        // Written by a clock that was wrong: how long it should last nobody can say.
        return probe;
    }
    if now >= until {
        return match rest.time {
            TimeSource::Server | TimeSource::Person => Readiness::Ready,
            TimeSource::Schedule => probe,
        };
    }
    let early = match rest.time {
        TimeSource::Schedule if free => Early::MayProbe,
        TimeSource::Server | TimeSource::Schedule | TimeSource::Person => Early::No,
    };
    match rest.time {
        TimeSource::Server | TimeSource::Schedule if now >= daily(rest) => Readiness::Probe,
        TimeSource::Server | TimeSource::Schedule => resting(rest, until.min(daily(rest)), early),
        TimeSource::Person => resting(rest, until, early),
    }
}

fn resting(rest: &Rest, at: Timestamp, early: Early) -> Readiness {
    let because = match (rest.schedule, rest.why) {
        (Schedule::Person, _) | (_, None) => Because::Person,
        (
            Schedule::Limit
            | Schedule::Billing
            | Schedule::Authentication
            | Schedule::FetchedSecret,
            Some(why),
        ) => Because::Answer(why.code),
    };
    Readiness::Resting { at, early, because }
}

/// The end of a rest, within what is believed.
fn end(rest: &Rest) -> Timestamp {
    let farthest = later(rest.since, rest.schedule.bound(rest.time));
    rest.until.min(farthest)
}

/// When the day without a probe is over.
fn daily(rest: &Rest) -> Timestamp {
    let last = rest
        .probed
        .map_or(rest.since, |probed| probed.max(rest.since));
    later(last, LONGEST_UNPROBED)
}

fn claimed_until(rest: &Rest) -> Timestamp {
    rest.probed.map_or(Timestamp::MIN, |probed| {
        later(probed, rest.schedule.claim())
    })
}

fn is_ahead(moment: Option<Timestamp>, now: Timestamp) -> bool {
    moment.is_some_and(|moment| moment > later(now, SKEW))
}
