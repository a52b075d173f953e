//! Readiness of a scope: ready, half-open (one probe), in cooldown or blocked.

use jiff::{SignedDuration, Timestamp};

use super::backoff::{BackoffSchedule, TimeSource};
use super::state::{Cooldown, Health};
use super::transition::later;
use crate::verdict::VerdictCode;

/// Maximum time in cooldown without a probe, whatever reset time the server named.
pub const MAX_TIME_WITHOUT_PROBE: SignedDuration = SignedDuration::from_hours(24);

/// Maximum backward step of the clock that is ignored: clock corrections cause such small steps.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(2);

/// The readiness of a scope, a profile or an upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readiness {
    /// Usable.
    Ready,
    /// Half-open: usable by the one request that [claims the probe](claim_probe).
    Probe,
    /// Not usable until a time.
    Cooldown {
        /// The time it becomes usable, if nothing else happens.
        until: Timestamp,
        /// Permission to probe earlier if no other profile is left.
        early_probe: EarlyProbe,
        /// The cause of the cooldown.
        reason: CooldownReason,
    },
    /// Not usable until the user acts.
    Blocked(BlockReason),
}

/// Permission to probe before a cooldown ends, if every profile is in cooldown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EarlyProbe {
    /// One request may probe: the end of the cooldown is a guess.
    Allowed,
    /// The end was set by a server or by the user, or another request is probing already.
    Denied,
}

/// The cause of a cooldown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CooldownReason {
    /// A response with this verdict.
    Response(VerdictCode),
    /// A pause by the user.
    Manual,
    /// The upstream fails for every credential: its circuit breaker is open.
    CircuitOpen,
}

/// The cause of a block that only the user can end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockReason {
    /// Refused by a rule of the account or its licence.
    Blocked(VerdictCode),
    /// Rejected by the upstream as unknown.
    Dead(VerdictCode),
    /// Taken out of use by the user.
    Drained,
}

/// Returns the readiness of a scope at `now`.
pub fn readiness(health: &Health, now: Timestamp) -> Readiness {
    match health {
        Health::Ready => Readiness::Ready,
        Health::Cooldown(cooldown) => cooldown_readiness(cooldown, now),
        Health::Blocked { reason, .. } => Readiness::Blocked(BlockReason::Blocked(reason.code)),
        Health::Dead { reason, .. } => Readiness::Blocked(BlockReason::Dead(reason.code)),
        Health::Drained { .. } => Readiness::Blocked(BlockReason::Drained),
    }
}

/// Returns when a scope becomes ready without user action: [`Timestamp::MIN`] if it is ready now, `None` if the user
/// must act.
pub fn ready_at(health: &Health) -> Option<Timestamp> {
    match health {
        Health::Ready => Some(Timestamp::MIN),
        Health::Cooldown(cooldown) => Some(end(cooldown)),
        Health::Blocked { .. } | Health::Dead { .. } | Health::Drained { .. } => None,
    }
}

/// Returns the latest time of the next probe, or `None` if the cooldown does not end in a probe.
pub fn next_probe_at(health: &Health) -> Option<Timestamp> {
    let Health::Cooldown(cooldown) = health else {
        return None;
    };
    match cooldown.time_source {
        TimeSource::Schedule
            if cooldown
                .probed_at
                .is_some_and(|probed| probed >= end(cooldown)) =>
        {
            Some(claimed_until(cooldown))
        }
        TimeSource::Schedule => Some(end(cooldown)),
        TimeSource::Server => Some(daily_probe_at(cooldown)).filter(|probe| *probe < end(cooldown)),
        TimeSource::User => None,
    }
}

/// Claims the single probe of a scope. Returns `None` if there is none, or another request holds it.
pub fn claim_probe(health: &Health, now: Timestamp) -> Option<Health> {
    let Health::Cooldown(cooldown) = health else {
        return None;
    };
    match cooldown_readiness(cooldown, now) {
        Readiness::Probe
        | Readiness::Cooldown {
            early_probe: EarlyProbe::Allowed,
            ..
        } => Some(Health::Cooldown(Cooldown {
            probed_at: Some(now),
            ..*cooldown
        })),
        Readiness::Ready
        | Readiness::Cooldown {
            early_probe: EarlyProbe::Denied,
            ..
        }
        | Readiness::Blocked(_) => None,
    }
}

/// Releases the probe claimed at `claimed_at`, which had no result. A probe of another request stays claimed.
#[must_use]
pub fn release_probe(health: Health, claimed_at: Timestamp) -> Health {
    // Compared in microseconds, the precision of the store.
    health.release_probe_if(|probed| probed.as_microsecond() == claimed_at.as_microsecond())
}

/// Combines the readiness of all scopes of one request: the most severe one wins, of two cooldowns the longer.
pub fn combine(all: impl IntoIterator<Item = Readiness>) -> Readiness {
    all.into_iter().fold(Readiness::Ready, more_severe)
}

fn more_severe(one: Readiness, other: Readiness) -> Readiness {
    if let (
        Readiness::Cooldown {
            until,
            early_probe,
            reason,
        },
        Readiness::Cooldown {
            until: other_until,
            early_probe: other_early_probe,
            reason: other_reason,
        },
    ) = (one, other)
    {
        return Readiness::Cooldown {
            until: until.max(other_until),
            early_probe: both_allow(early_probe, other_early_probe),
            reason: if other_until > until {
                other_reason
            } else {
                reason
            },
        };
    }
    if severity(&other) > severity(&one) {
        other
    } else {
        one
    }
}

fn severity(readiness: &Readiness) -> u8 {
    match readiness {
        Readiness::Ready => 0,
        Readiness::Probe => 1,
        Readiness::Cooldown { .. } => 2,
        Readiness::Blocked(_) => 3,
    }
}

fn both_allow(one: EarlyProbe, other: EarlyProbe) -> EarlyProbe {
    match (one, other) {
        (EarlyProbe::Allowed, EarlyProbe::Allowed) => EarlyProbe::Allowed,
        (EarlyProbe::Denied, _) | (_, EarlyProbe::Denied) => EarlyProbe::Denied,
    }
}

fn cooldown_readiness(cooldown: &Cooldown, now: Timestamp) -> Readiness {
    let until = end(cooldown);
    // An early probe does not block the probe at the end of the cooldown.
    let probed_early = now >= until && cooldown.probed_at.is_some_and(|probed| probed < until);
    let is_probe_free =
        probed_early || now >= claimed_until(cooldown) || is_in_future(cooldown.probed_at, now);
    let probe = if is_probe_free {
        Readiness::Probe
    } else {
        in_cooldown(cooldown, claimed_until(cooldown), EarlyProbe::Denied)
    };
    if is_in_future(Some(cooldown.since), now) {
        // Written with a wrong clock: the intended length is unknown.
        return probe;
    }
    if now >= until {
        return match cooldown.time_source {
            TimeSource::Server | TimeSource::User => Readiness::Ready,
            TimeSource::Schedule => probe,
        };
    }
    let early_probe = match cooldown.time_source {
        TimeSource::Schedule if is_probe_free => EarlyProbe::Allowed,
        TimeSource::Server | TimeSource::Schedule | TimeSource::User => EarlyProbe::Denied,
    };
    match cooldown.time_source {
        TimeSource::Server | TimeSource::Schedule if now >= daily_probe_at(cooldown) => {
            Readiness::Probe
        }
        TimeSource::Server | TimeSource::Schedule => {
            in_cooldown(cooldown, until.min(daily_probe_at(cooldown)), early_probe)
        }
        TimeSource::User => in_cooldown(cooldown, until, early_probe),
    }
}

fn in_cooldown(cooldown: &Cooldown, until: Timestamp, early_probe: EarlyProbe) -> Readiness {
    let reason = match (cooldown.schedule, cooldown.reason) {
        (BackoffSchedule::Manual, _) | (_, None) => CooldownReason::Manual,
        (
            BackoffSchedule::Limit
            | BackoffSchedule::Billing
            | BackoffSchedule::Authentication
            | BackoffSchedule::FetchedSecret,
            Some(reason),
        ) => CooldownReason::Response(reason.code),
    };
    Readiness::Cooldown {
        until,
        early_probe,
        reason,
    }
}

/// Returns the end of a cooldown, limited to the maximum for its schedule.
fn end(cooldown: &Cooldown) -> Timestamp {
    let latest = later(
        cooldown.since,
        cooldown.schedule.max_cooldown(cooldown.time_source),
    );
    cooldown.until.min(latest)
}

/// Returns when [`MAX_TIME_WITHOUT_PROBE`] has passed since the start of the cooldown or its last probe.
fn daily_probe_at(cooldown: &Cooldown) -> Timestamp {
    let last = cooldown
        .probed_at
        .map_or(cooldown.since, |probed| probed.max(cooldown.since));
    later(last, MAX_TIME_WITHOUT_PROBE)
}

fn claimed_until(cooldown: &Cooldown) -> Timestamp {
    cooldown.probed_at.map_or(Timestamp::MIN, |probed| {
        later(probed, cooldown.schedule.probe_timeout())
    })
}

fn is_in_future(moment: Option<Timestamp>, now: Timestamp) -> bool {
    moment.is_some_and(|moment| moment > later(now, MAX_CLOCK_SKEW))
}
