//! The circuit breaker of an upstream that fails for every credential: overload, 5xx, no response.
//!
//! Invariants: it never changes a credential's health; it opens after [`CIRCUIT_FAILURE_THRESHOLD`] failures within
//! [`CIRCUIT_FAILURE_WINDOW`] with no other response between them; it is open for [`CIRCUIT_OPEN_DURATION`], then
//! half-open: one request probes the upstream. It lives in memory only and is not stored.

use jiff::{SignedDuration, Timestamp};

use super::readiness::{CooldownReason, EarlyProbe, Readiness};
use super::transition::later;
use crate::origin::Origin;
use crate::request_class::RequestClass;
use crate::verdict::{Verdict, VerdictEffect, VerdictScope};

/// Number of consecutive failures that opens the circuit.
const CIRCUIT_FAILURE_THRESHOLD: u32 = 5;
/// The failures must fall within this time.
const CIRCUIT_FAILURE_WINDOW: SignedDuration = SignedDuration::from_secs(10);
/// Time the circuit stays open, and time a half-open probe is reserved for one request.
pub const CIRCUIT_OPEN_DURATION: SignedDuration = SignedDuration::from_secs(5);

/// The scope of one circuit breaker.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CircuitScope {
    /// The upstream.
    pub origin: Origin,
    /// The class of models, if only that class is overloaded.
    pub class: Option<RequestClass>,
}

/// Counts an upstream's failures. Closed, open or half-open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CircuitBreaker {
    failures: u32,
    first_failure: Option<Timestamp>,
    opened_at: Option<Timestamp>,
    probed_at: Option<Timestamp>,
}

/// The result of an attempt, as far as it concerns the upstream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UpstreamOutcome {
    /// It responds.
    Responds,
    /// It responds, but is overloaded for this class of models.
    Overloaded,
    /// It is failing.
    Failing,
    /// Unknown: the response was cut, or did not come from the API.
    Inconclusive,
}

impl UpstreamOutcome {
    /// Derives the outcome from a verdict. `status` distinguishes a gateway's 502 page from other pages of a proxy.
    pub fn from_verdict(verdict: Verdict, status: Option<u16>) -> Self {
        if verdict.effect() != VerdictEffect::Transient {
            return Self::Responds;
        }
        let failing = status.is_none_or(|status| status >= 500);
        match verdict.scope() {
            VerdictScope::UpstreamModel => Self::Overloaded,
            VerdictScope::Upstream | VerdictScope::Network if failing => Self::Failing,
            // The client itself can cut a stream.
            VerdictScope::Upstream | VerdictScope::Network => Self::Inconclusive,
            VerdictScope::None
            | VerdictScope::Request
            | VerdictScope::Credential
            | VerdictScope::CredentialModel
            | VerdictScope::Organization
            | VerdictScope::OrganizationModelClass
            | VerdictScope::Workspace
            | VerdictScope::AccountRegionModel
            | VerdictScope::ProjectRegionModel
            | VerdictScope::Gateway => Self::Responds,
        }
    }
}

impl CircuitBreaker {
    /// Records a failure of a request that was sent at `sent_at`.
    #[must_use]
    pub fn record_failure(self, sent_at: Timestamp, now: Timestamp) -> Self {
        if let Some(opened) = self.opened_at {
            let probe_failed = sent_at >= later(opened, CIRCUIT_OPEN_DURATION) || opened > now;
            return if probe_failed {
                Self {
                    opened_at: Some(now),
                    probed_at: None,
                    ..self
                }
            } else {
                self
            };
        }
        let is_within_window = self
            .first_failure
            .is_some_and(|first| first <= now && now <= later(first, CIRCUIT_FAILURE_WINDOW));
        let counted = if is_within_window {
            Self {
                failures: self.failures.saturating_add(1),
                ..self
            }
        } else {
            Self {
                failures: 1,
                first_failure: Some(now),
                ..Self::default()
            }
        };
        let opened_at = (counted.failures >= CIRCUIT_FAILURE_THRESHOLD).then_some(now);
        Self {
            opened_at,
            ..counted
        }
    }

    /// Returns whether the upstream may be called at `now`.
    pub fn readiness(&self, now: Timestamp) -> Readiness {
        let Some(opened) = self.opened_at else {
            return Readiness::Ready;
        };
        let half_open = later(opened, CIRCUIT_OPEN_DURATION);
        // A probe made before the circuit is half-open does not block the half-open probe.
        let reserved_until = self
            .probed_at
            .filter(|probed| *probed <= now && (now < half_open || *probed >= half_open))
            .map(|probed| later(probed, CIRCUIT_OPEN_DURATION))
            .filter(|end| now < *end);
        match reserved_until {
            _ if now < half_open && opened <= now => Readiness::Cooldown {
                until: half_open,
                early_probe: reserved_until.map_or(EarlyProbe::Allowed, |_| EarlyProbe::Denied),
                reason: CooldownReason::CircuitOpen,
            },
            None => Readiness::Probe,
            Some(until) => Readiness::Cooldown {
                until,
                early_probe: EarlyProbe::Denied,
                reason: CooldownReason::CircuitOpen,
            },
        }
    }

    /// Claims the single probe, or returns `None` if there is none to claim.
    #[must_use]
    pub fn claim_probe(self, now: Timestamp) -> Option<Self> {
        match self.readiness(now) {
            Readiness::Probe
            | Readiness::Cooldown {
                early_probe: EarlyProbe::Allowed,
                ..
            } => Some(Self {
                probed_at: Some(now),
                ..self
            }),
            Readiness::Ready | Readiness::Cooldown { .. } | Readiness::Blocked(_) => None,
        }
    }

    /// Releases the probe claimed at `claimed_at`, which had no result. A probe of another request stays claimed.
    #[must_use]
    pub fn release_probe(self, claimed_at: Timestamp) -> Self {
        Self {
            probed_at: self.probed_at.filter(|probed| *probed != claimed_at),
            ..self
        }
    }
}
