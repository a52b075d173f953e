//! State transitions of a scope's health: after a response, and by the user.

use jiff::{SignedDuration, Timestamp};

use super::backoff::{BackoffSchedule, HealthEffect, MAX_JITTER, TimeSource};
use super::state::{Cooldown, Health, HealthReason};
use crate::verdict::Verdict;

/// One attempt's result, as input to a health transition.
#[derive(Clone, Copy, Debug)]
pub struct HealthInput {
    /// The verdict on the response.
    pub verdict: Verdict,
    /// The time the attempt was leased. A response to a request leased before a cooldown began cannot end or confirm
    /// it.
    pub leased_at: Timestamp,
    /// The storage of the secret.
    pub storage: SecretStorage,
    /// The jitter for a reset time named by the server.
    pub jitter: Jitter,
}

/// The storage of a secret: it decides whether a rejected secret can become valid without user action.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SecretStorage {
    /// Encrypted in the store: unchanged until the user replaces it.
    Sealed,
    /// Fetched for each lease: the next fetch may return another.
    Fetched,
}

/// A fraction of the maximum jitter: 0 adds nothing, 255 adds the maximum.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Jitter(pub u8);

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

impl Jitter {
    /// Returns the delay to add to a wait: at most a quarter of it and at most [`MAX_JITTER`].
    fn extra_delay(self, wait: SignedDuration) -> SignedDuration {
        let max = (wait / 4).clamp(SignedDuration::ZERO, MAX_JITTER);
        max * i32::from(self.0) / i32::from(u8::MAX)
    }
}

/// Returns the health after a response. Reporting the same response twice changes nothing.
#[must_use]
pub fn transition(health: Health, input: &HealthInput, now: Timestamp) -> Health {
    if is_set_by_user(&health) {
        return health;
    }
    let leased_after = |moment: Timestamp| input.leased_at > moment || moment > now;
    let is_current = health.since().is_none_or(leased_after);
    match HealthEffect::from_verdict(input.verdict) {
        HealthEffect::Accept if is_current && is_under_suspicion(&health) => Health::Ready,
        // A probe without a result: another request can probe.
        HealthEffect::Accept | HealthEffect::Neutral => {
            health.release_probe_if(|probed| input.leased_at >= probed)
        }
        HealthEffect::Recover if is_current => Health::Ready,
        HealthEffect::Recover => health,
        HealthEffect::Block => match health {
            Health::Ready | Health::Cooldown(_) => Health::Blocked {
                reason: reason(input),
                since: now,
            },
            Health::Blocked { .. } | Health::Dead { .. } | Health::Drained { .. } => health,
        },
        HealthEffect::Reject => cool_down(health, rejection_schedule(input.storage), input, now),
        HealthEffect::CoolDown(schedule) => cool_down(health, schedule, input, now),
    }
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

fn is_set_by_user(health: &Health) -> bool {
    match health {
        Health::Drained { .. } => true,
        Health::Cooldown(cooldown) => cooldown.schedule == BackoffSchedule::Manual,
        Health::Ready | Health::Blocked { .. } | Health::Dead { .. } => false,
    }
}

fn is_under_suspicion(health: &Health) -> bool {
    match health {
        Health::Cooldown(cooldown) => was_rejected(cooldown),
        Health::Ready | Health::Blocked { .. } | Health::Dead { .. } | Health::Drained { .. } => {
            false
        }
    }
}

fn rejection_schedule(storage: SecretStorage) -> BackoffSchedule {
    match storage {
        SecretStorage::Sealed => BackoffSchedule::Authentication,
        SecretStorage::Fetched => BackoffSchedule::FetchedSecret,
    }
}

fn cool_down(
    health: Health,
    schedule: BackoffSchedule,
    input: &HealthInput,
    now: Timestamp,
) -> Health {
    match health {
        Health::Ready => begin_cooldown(schedule, 1, input, now),
        Health::Cooldown(cooldown) if cooldown.schedule == schedule => {
            repeat_failure(cooldown, input, now)
        }
        Health::Cooldown(cooldown) if schedule.severity() > cooldown.schedule.severity() => {
            begin_cooldown(schedule, 1, input, now)
        }
        // A rate limit means that the credential was accepted: the earlier rejection was not the credential's fault.
        Health::Cooldown(cooldown)
            if was_rejected(&cooldown) && input.leased_at > cooldown.since =>
        {
            begin_cooldown(schedule, 1, input, now)
        }
        Health::Cooldown(_)
        | Health::Blocked { .. }
        | Health::Dead { .. }
        | Health::Drained { .. } => health,
    }
}

fn was_rejected(cooldown: &Cooldown) -> bool {
    match cooldown.schedule {
        BackoffSchedule::Authentication | BackoffSchedule::FetchedSecret => true,
        BackoffSchedule::Limit | BackoffSchedule::Billing | BackoffSchedule::Manual => false,
    }
}

/// Handles a repeated failure of the same kind.
fn repeat_failure(cooldown: Cooldown, input: &HealthInput, now: Timestamp) -> Health {
    // A start in the future was written with a wrong clock.
    let clock_was_wrong = cooldown.since > now;
    let is_after_window = input.leased_at > cooldown.since && input.leased_at >= cooldown.until;
    if is_after_window || clock_was_wrong {
        return match cooldown.schedule {
            BackoffSchedule::Authentication => Health::Dead {
                reason: reason(input),
                since: now,
            },
            BackoffSchedule::Limit
            | BackoffSchedule::Billing
            | BackoffSchedule::FetchedSecret
            | BackoffSchedule::Manual => begin_cooldown(
                cooldown.schedule,
                cooldown.failures.saturating_add(1),
                input,
                now,
            ),
        };
    }
    match (cooldown.time_source, server_time(input)) {
        // The server's reset time replaces our guess.
        (TimeSource::Schedule, Some(at)) if is_limit(&cooldown) => Health::Cooldown(Cooldown {
            until: with_jitter(at, input.jitter, now),
            time_source: TimeSource::Server,
            ..cooldown
        }),
        (TimeSource::Server | TimeSource::Schedule | TimeSource::User, _) => {
            Health::Cooldown(cooldown)
        }
    }
}

fn is_limit(cooldown: &Cooldown) -> bool {
    match cooldown.schedule {
        BackoffSchedule::Limit | BackoffSchedule::Billing => true,
        BackoffSchedule::Authentication
        | BackoffSchedule::FetchedSecret
        | BackoffSchedule::Manual => false,
    }
}

fn begin_cooldown(
    schedule: BackoffSchedule,
    failures: u32,
    input: &HealthInput,
    now: Timestamp,
) -> Health {
    let (until, time_source) = match server_time(input) {
        Some(at) => (with_jitter(at, input.jitter, now), TimeSource::Server),
        None => (later(now, schedule.delay(failures)), TimeSource::Schedule),
    };
    Health::Cooldown(Cooldown {
        schedule,
        reason: Some(reason(input)),
        since: now,
        until,
        time_source,
        failures,
        probed_at: None,
    })
}

/// Returns the reset time named by the server, unless it was over before the request: then a clock is wrong.
fn server_time(input: &HealthInput) -> Option<Timestamp> {
    input.verdict.until().filter(|at| *at > input.leased_at)
}

fn with_jitter(at: Timestamp, jitter: Jitter, now: Timestamp) -> Timestamp {
    later(at, jitter.extra_delay(at.duration_since(now)))
}

fn reason(input: &HealthInput) -> HealthReason {
    HealthReason {
        code: input.verdict.to_code(),
        decided_by: input.verdict.decided_by(),
    }
}

/// Returns `moment` plus `wait`, saturating at [`Timestamp::MAX`].
pub(super) fn later(moment: Timestamp, wait: SignedDuration) -> Timestamp {
    moment.checked_add(wait).unwrap_or(Timestamp::MAX)
}
