//! How a profile stands, as lists show it.
//!
//! Invariant: every scope that the profile stands under is told by itself, with who named the time.

use jiff::Timestamp;
use keyreeve_core::profile::{Profile, ProfileId};
use keyreeve_core::standing::{
    self, Closed, Organization, Readiness, RequestClass, Scope, Standing, TimeSource,
};
use keyreeve_core::verdict::Evidence;
use keyreeve_store::Standings;
use serde::Serialize;

/// How a profile stands.
#[derive(Debug, Serialize)]
pub struct StandingView {
    /// `ready`, `probing` (one request finds out), `resting`, `blocked`, `dead` or `drained`: for a request of any
    /// class. A profile that rests for some classes only is `ready` here.
    pub state: &'static str,
    /// When it is ready, or may be asked, where it rests.
    pub until: Option<String>,
    /// The organization that its answers name.
    pub organization: Option<String>,
    /// Why, scope by scope; those of single classes last.
    pub reasons: Vec<ReasonView>,
}

/// What one scope waits for.
#[derive(Debug, Serialize)]
pub struct ReasonView {
    /// `credential` or `organization`.
    pub scope: &'static str,
    /// The class of requests concerned, such as `opus-5`; none: all.
    pub class: Option<String>,
    /// `ready` (its rest is over), `probing`, `resting`, `blocked`, `dead` or `drained`.
    pub state: &'static str,
    /// The verdict's code, such as `out_of_credit`; none where a person acted.
    pub code: Option<&'static str>,
    /// What a person can do about it.
    pub remedy: Option<&'static str>,
    /// What in the answer decided: `code`, `wording`, `header`, `status`, `shape`, `stream`, `silence` or `client-text`.
    pub evidence: Option<&'static str>,
    /// Since when.
    pub since: String,
    /// Until when; none where a person must act.
    pub until: Option<String>,
    /// Who named that time: `server`, `schedule` or `person`.
    pub time_source: Option<&'static str>,
    /// When one request may find out, where that is how it ends or comes before its end.
    pub next_probe: Option<String>,
    /// How many times in a row it came to this.
    pub failures: Option<u32>,
}

impl StandingView {
    /// Shows how a profile stands at `now`.
    pub fn of(profile: &Profile, standings: &Standings, now: Timestamp) -> Self {
        let organization = standings.organization(profile.id);
        let mut found: Vec<(&Scope, &Standing)> = standings
            .iter()
            .filter(|(scope, _)| concerns(scope, profile.id, organization))
            .collect();
        found.sort_by_key(|(scope, _)| {
            (
                scope_class(scope).map(ToString::to_string),
                scope_name(scope),
            )
        });
        let of_all = found
            .iter()
            .filter(|(scope, _)| scope_class(scope).is_none());
        let readiness = standing::combine(of_all.map(|(_, found)| standing::readiness(found, now)));
        let until = match readiness {
            Readiness::Resting { at, .. } => Some(at.to_string()),
            Readiness::Ready | Readiness::Probe | Readiness::Closed(_) => None,
        };
        Self {
            state: state(readiness),
            until,
            organization: organization.map(|organization| organization.id().to_owned()),
            reasons: found
                .into_iter()
                .map(|(scope, standing)| ReasonView::of(scope, standing, now))
                .collect(),
        }
    }
}

impl ReasonView {
    fn of(scope: &Scope, standing: &Standing, now: Timestamp) -> Self {
        let why = standing.why();
        let rest = match standing {
            Standing::Resting(rest) => Some(rest),
            Standing::Ready
            | Standing::Blocked { .. }
            | Standing::Dead { .. }
            | Standing::Drained { .. } => None,
        };
        Self {
            scope: scope_name(scope),
            class: scope_class(scope).map(ToString::to_string),
            state: state(standing::readiness(standing, now)),
            code: why.map(|why| why.code.name()),
            remedy: why.map(|why| why.code.remedy()),
            evidence: why.map(|why| evidence(why.evidence)),
            since: standing
                .since()
                .map_or_else(String::new, |at| at.to_string()),
            until: rest
                .and_then(|_| standing::ready_at(standing))
                .map(|at| at.to_string()),
            time_source: rest.map(|rest| time_source(rest.time)),
            next_probe: standing::next_probe(standing).map(|at| at.to_string()),
            failures: rest
                .filter(|rest| rest.failures > 0)
                .map(|rest| rest.failures),
        }
    }
}

fn concerns(scope: &Scope, profile: ProfileId, organization: Option<&Organization>) -> bool {
    match scope {
        Scope::Credential(id) | Scope::CredentialClass(id, _) => *id == profile,
        Scope::Organization(found) | Scope::OrganizationClass(found, _) => {
            Some(found) == organization
        }
    }
}

pub(crate) fn scope_class(scope: &Scope) -> Option<&RequestClass> {
    match scope {
        Scope::Credential(_) | Scope::Organization(_) => None,
        Scope::CredentialClass(_, class) | Scope::OrganizationClass(_, class) => Some(class),
    }
}

pub(crate) fn scope_name(scope: &Scope) -> &'static str {
    match scope {
        Scope::Credential(_) | Scope::CredentialClass(..) => "credential",
        Scope::Organization(_) | Scope::OrganizationClass(..) => "organization",
    }
}

fn state(readiness: Readiness) -> &'static str {
    match readiness {
        Readiness::Ready => "ready",
        Readiness::Probe => "probing",
        Readiness::Resting { .. } => "resting",
        Readiness::Closed(Closed::Blocked(_)) => "blocked",
        Readiness::Closed(Closed::Dead(_)) => "dead",
        Readiness::Closed(Closed::Drained) => "drained",
    }
}

fn time_source(time: TimeSource) -> &'static str {
    match time {
        TimeSource::Server => "server",
        TimeSource::Schedule => "schedule",
        TimeSource::Person => "person",
    }
}

fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Code => "code",
        Evidence::Wording => "wording",
        Evidence::Header => "header",
        Evidence::Status => "status",
        Evidence::Shape => "shape",
        Evidence::Stream => "stream",
        Evidence::Silence => "silence",
        Evidence::ClientText => "client-text",
    }
}
