//! Health of a profile, scope by scope.
//!
//! Invariant: every scope that applies to the profile is listed separately, with the source of its end time.

use jiff::Timestamp;
use keyreeve_core::health::{
    self, BlockReason, CooldownReason, Health, HealthScope, Organization, Readiness, TimeSource,
};
use keyreeve_core::profile::{Profile, ProfileId};
use keyreeve_core::verdict::DecidedBy;
use keyreeve_store::HealthStates;
use serde::Serialize;

use crate::health::{scope_class, scope_name};

/// Health of a profile.
#[derive(Debug, Serialize)]
pub struct HealthView {
    /// `ready`, `probing` (half-open: one request tests it), `cooldown`, `paused` (a cooldown set by the user),
    /// `blocked`, `dead` or `drained`, for a request of any class. A profile in cooldown for some classes only is
    /// `ready` here.
    pub state: &'static str,
    /// End of the cooldown or pause, or the time of the next probe if that is earlier.
    pub until: Option<String>,
    /// The organization named in its responses.
    pub organization: Option<String>,
    /// The reasons, scope by scope; those of single request classes last.
    pub reasons: Vec<ReasonView>,
}

/// Health of one scope.
#[derive(Debug, Serialize)]
pub struct ReasonView {
    /// `credential` or `organization`.
    pub scope: &'static str,
    /// The affected class of requests, such as `opus-5`; null for all.
    pub class: Option<String>,
    /// `ready` (the cooldown is over), `probing`, `cooldown`, `paused`, `blocked`, `dead` or `drained`.
    pub state: &'static str,
    /// The verdict's code, such as `out_of_credit`; null if the user set the state.
    pub code: Option<&'static str>,
    /// Suggested remedy.
    pub remedy: Option<&'static str>,
    /// The part of the response that decided the verdict: `code`, `wording`, `header`, `status`, `shape`, `stream`,
    /// `no_response` or `client_text`.
    pub decided_by: Option<&'static str>,
    /// Start of the state.
    pub since: String,
    /// End of the cooldown or pause; null if the user must act.
    pub until: Option<String>,
    /// Source of the end time: `server`, `schedule` (backoff) or `user`.
    pub time_source: Option<&'static str>,
    /// Time of the next probe, if a probe ends the cooldown or may run before its end.
    pub next_probe: Option<String>,
    /// Number of consecutive failures.
    pub failures: Option<u32>,
}

impl HealthView {
    /// Creates the view of a profile's health at `now`.
    pub fn new(profile: &Profile, states: &HealthStates, now: Timestamp) -> Self {
        let organization = states.organization(profile.id);
        let mut found: Vec<(&HealthScope, &Health)> = states
            .iter()
            .filter(|(scope, _)| applies_to(scope, profile.id, organization))
            .collect();
        found.sort_by_key(|(scope, _)| {
            (
                scope_class(scope).map(ToString::to_string),
                scope_name(scope),
            )
        });
        let for_any_class = found
            .iter()
            .filter(|(scope, _)| scope_class(scope).is_none());
        let readiness =
            health::combine(for_any_class.map(|(_, found)| health::readiness(found, now)));
        let until = match readiness {
            Readiness::Cooldown { until: at, .. } => Some(at.to_string()),
            Readiness::Ready | Readiness::Probe | Readiness::Blocked(_) => None,
        };
        Self {
            state: state(readiness),
            until,
            organization: organization.map(|organization| organization.id().to_owned()),
            reasons: found
                .into_iter()
                .map(|(scope, found)| ReasonView::new(scope, found, now))
                .collect(),
        }
    }
}

impl ReasonView {
    fn new(scope: &HealthScope, found: &Health, now: Timestamp) -> Self {
        let reason = found.reason();
        let cooldown = match found {
            Health::Cooldown(cooldown) => Some(cooldown),
            Health::Ready
            | Health::Blocked { .. }
            | Health::Dead { .. }
            | Health::Drained { .. } => None,
        };
        Self {
            scope: scope_name(scope),
            class: scope_class(scope).map(ToString::to_string),
            state: state(health::readiness(found, now)),
            code: reason.map(|reason| reason.code.name()),
            remedy: reason.map(|reason| reason.code.remedy()),
            decided_by: reason.map(|reason| decided_by(reason.decided_by)),
            since: found.since().map_or_else(String::new, |at| at.to_string()),
            until: cooldown
                .and_then(|_| health::ready_at(found))
                .map(|at| at.to_string()),
            time_source: cooldown.map(|cooldown| time_source(cooldown.time_source)),
            next_probe: health::next_probe_at(found).map(|at| at.to_string()),
            failures: cooldown
                .map(|cooldown| cooldown.failures)
                .filter(|failures| *failures > 0),
        }
    }
}

fn applies_to(
    scope: &HealthScope,
    profile: ProfileId,
    organization: Option<&Organization>,
) -> bool {
    match scope {
        HealthScope::Credential(id) | HealthScope::CredentialClass(id, _) => *id == profile,
        HealthScope::Organization(found) | HealthScope::OrganizationClass(found, _) => {
            Some(found) == organization
        }
    }
}

fn state(readiness: Readiness) -> &'static str {
    match readiness {
        Readiness::Ready => "ready",
        Readiness::Probe => "probing",
        Readiness::Cooldown {
            reason: CooldownReason::Manual,
            ..
        } => "paused",
        Readiness::Cooldown {
            reason: CooldownReason::Response(_) | CooldownReason::CircuitOpen,
            ..
        } => "cooldown",
        Readiness::Blocked(BlockReason::Blocked(_)) => "blocked",
        Readiness::Blocked(BlockReason::Dead(_)) => "dead",
        Readiness::Blocked(BlockReason::Drained) => "drained",
    }
}

fn time_source(source: TimeSource) -> &'static str {
    match source {
        TimeSource::Server => "server",
        TimeSource::Schedule => "schedule",
        TimeSource::User => "user",
    }
}

fn decided_by(part: DecidedBy) -> &'static str {
    match part {
        DecidedBy::Code => "code",
        DecidedBy::Wording => "wording",
        DecidedBy::Header => "header",
        DecidedBy::Status => "status",
        DecidedBy::Shape => "shape",
        DecidedBy::Stream => "stream",
        DecidedBy::NoResponse => "no_response",
        DecidedBy::ClientText => "client_text",
    }
}

#[cfg(test)]
mod tests {
    use keyreeve_core::health::{BackoffSchedule, Cooldown, HealthReason};
    use keyreeve_core::verdict::Verdict;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn pause_by_the_user_is_not_a_cooldown() {
        let now = Timestamp::UNIX_EPOCH;
        let response = HealthReason {
            code: Verdict::no_response().to_code(),
            decided_by: DecidedBy::NoResponse,
        };
        for (schedule, reason, source, expected) in [
            (
                BackoffSchedule::Manual,
                None,
                TimeSource::User,
                ("paused", "user"),
            ),
            (
                BackoffSchedule::Limit,
                Some(response),
                TimeSource::Server,
                ("cooldown", "server"),
            ),
        ] {
            let health = Health::Cooldown(Cooldown {
                schedule,
                reason,
                since: now,
                until: now + jiff::SignedDuration::from_secs(60),
                time_source: source,
                failures: 0,
                probed_at: None,
            });
            let scope = HealthScope::Credential(ProfileId(Uuid::from_u128(1)));
            let shown = ReasonView::new(&scope, &health, now);
            assert_eq!(
                (shown.state, shown.time_source),
                (expected.0, Some(expected.1))
            );
        }
    }
}
