//! The short circuit of an upstream that fails, whoever asks: overload, 5xx, no answer.
//!
//! Invariants: it never touches a credential; it takes [`CIRCUIT_FAILURES`] within [`CIRCUIT_WITHIN`] with no other
//! answer between them; it is open for [`CIRCUIT_OPEN`], then one request finds out. It is not worth remembering
//! beyond the process.

use jiff::{SignedDuration, Timestamp};

use super::readiness::{Because, Early, Readiness};
use super::scope::RequestClass;
use super::step::later;
use crate::origin::Origin;
use crate::verdict::{Effect, Scope as Struck, Verdict};

/// How many failures open it.
pub const CIRCUIT_FAILURES: u32 = 5;
/// Within how long.
pub const CIRCUIT_WITHIN: SignedDuration = SignedDuration::from_secs(10);
/// For how long; and how long one request then has the probe.
pub const CIRCUIT_OPEN: SignedDuration = SignedDuration::from_secs(5);

/// What fails together.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CircuitScope {
    /// The upstream.
    pub origin: Origin,
    /// The class of models, where only it is overloaded.
    pub class: Option<RequestClass>,
}

/// Failures counted, and the circuit they open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Circuit {
    failures: u32,
    first: Option<Timestamp>,
    opened: Option<Timestamp>,
    probed: Option<Timestamp>,
}

/// What an attempt says about its upstream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// It answers.
    Lives,
    /// It answers, and has no room for this class of models.
    Overloaded,
    /// It fails.
    Fails,
    /// Nothing: the answer was cut, or not the API's own.
    Silent,
}

impl Outcome {
    /// Reads it from a verdict; `status` tells a gateway's 502 page from a proxy's other pages.
    pub fn of(verdict: Verdict, status: Option<u16>) -> Self {
        if verdict.effect() != Effect::Transient {
            return Self::Lives;
        }
        let failing = status.is_none_or(|status| status >= 500);
        match verdict.scope() {
            Struck::UpstreamModel => Self::Overloaded,
            Struck::Upstream | Struck::Network if failing => Self::Fails,
            // A stream can be cut by whoever reads it.
            Struck::Upstream | Struck::Network => Self::Silent,
            Struck::None
            | Struck::Request
            | Struck::Credential
            | Struck::CredentialModel
            | Struck::Organization
            | Struck::OrganizationModelClass
            | Struck::Workspace
            | Struck::AccountRegionModel
            | Struck::ProjectRegionModel
            | Struck::Gateway => Self::Lives,
        }
    }
}

impl Circuit {
    /// Counts a failure of what was asked at `asked_at`.
    #[must_use]
    pub fn failed(self, asked_at: Timestamp, now: Timestamp) -> Self {
        if let Some(opened) = self.opened {
            let probe_failed = asked_at >= later(opened, CIRCUIT_OPEN) || opened > now;
            return if probe_failed {
                Self {
                    opened: Some(now),
                    probed: None,
                    ..self
                }
            } else {
                self
            };
        }
        let goes_on = self
            .first
            .is_some_and(|first| first <= now && now <= later(first, CIRCUIT_WITHIN));
        let counted = if goes_on {
            Self {
                failures: self.failures.saturating_add(1),
                ..self
            }
        } else {
            Self {
                failures: 1,
                first: Some(now),
                ..Self::default()
            }
        };
        let opened = (counted.failures >= CIRCUIT_FAILURES).then_some(now);
        Self { opened, ..counted }
    }

    /// Whether requests may go there.
    pub fn readiness(&self, now: Timestamp) -> Readiness {
        let Some(opened) = self.opened else {
            return Readiness::Ready;
        };
        let half_open = later(opened, CIRCUIT_OPEN);
        // Who asked before the end does not keep another from asking at the end.
        let claimed = self
            .probed
            .filter(|probed| *probed <= now && (now < half_open || *probed >= half_open))
            .map(|probed| later(probed, CIRCUIT_OPEN))
            .filter(|end| now < *end);
        match claimed {
            _ if now < half_open && opened <= now => Readiness::Resting {
                at: half_open,
                early: claimed.map_or(Early::MayProbe, |_| Early::No),
                because: Because::Upstream,
            },
            None => Readiness::Probe,
            Some(at) => Readiness::Resting {
                at,
                early: Early::No,
                because: Because::Upstream,
            },
        }
    }

    /// Takes the one probe; none where there is none to take.
    #[must_use]
    pub fn claim(self, now: Timestamp) -> Option<Self> {
        match self.readiness(now) {
            Readiness::Probe
            | Readiness::Resting {
                early: Early::MayProbe,
                ..
            } => Some(Self {
                probed: Some(now),
                ..self
            }),
            Readiness::Ready | Readiness::Resting { .. } | Readiness::Closed(_) => None,
        }
    }

    /// Gives a probe back that was claimed at `claimed_at` and found nothing out; somebody else's stays.
    #[must_use]
    pub fn give_back(self, claimed_at: Timestamp) -> Self {
        Self {
            probed: self.probed.filter(|probed| *probed != claimed_at),
            ..self
        }
    }
}
