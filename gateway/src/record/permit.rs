//! The right by which an attempt was made, and to which it is reported: a profile's lease, or a client's own passage.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use keyreeve_broker::{Lease, Passage, Report, limits_told};
use keyreeve_core::verdict::Verdict;
use keyreeve_store::RequestId;

/// What closes the row of an attempt.
pub(crate) enum Permit {
    /// A profile's credential was leased: what comes back concerns its standing.
    Lease(Box<Lease>),
    /// The client carried its own: what comes back concerns nobody here.
    Passage(Box<Passage>),
}

impl Permit {
    /// The client's request it is for.
    pub(super) fn request(&self) -> RequestId {
        match self {
            Self::Lease(lease) => lease.request,
            Self::Passage(passage) => passage.request,
        }
    }

    /// How long ago it was given.
    pub(super) fn age(&self) -> Duration {
        match self {
            Self::Lease(lease) => lease.age(),
            Self::Passage(passage) => passage.age(),
        }
    }

    /// Tells what the head of an answer says, before the client can ask again.
    pub(super) async fn heard(
        &mut self,
        verdict: Verdict,
        status: StatusCode,
        headers: &HeaderMap,
    ) {
        match self {
            Self::Lease(lease) => {
                lease.saw(limits_told(headers));
                let status = Some(status.as_u16());
                lease.heard(verdict, status, organization(headers)).await;
            }
            Self::Passage(passage) => passage.saw(limits_told(headers).limits),
        }
    }

    /// Tells that nobody answered.
    pub(super) async fn heard_nothing(&mut self, verdict: Verdict) {
        match self {
            Self::Lease(lease) => lease.heard(verdict, None, None).await,
            Self::Passage(_) => {}
        }
    }

    /// Closes the row.
    pub(super) fn report(self, report: Report) {
        match self {
            Self::Lease(lease) => lease.report(report),
            Self::Passage(passage) => passage.report(report),
        };
    }

    /// Closes the row of a request that never came before the API.
    pub(super) fn report_unheard(self, report: Report) {
        match self {
            Self::Lease(lease) => lease.report_unheard(report),
            Self::Passage(passage) => passage.report(report),
        };
    }
}

impl From<Lease> for Permit {
    fn from(lease: Lease) -> Self {
        Self::Lease(Box::new(lease))
    }
}

impl From<Passage> for Permit {
    fn from(passage: Passage) -> Self {
        Self::Passage(Box::new(passage))
    }
}

/// The organization that an answer names.
fn organization(headers: &HeaderMap) -> Option<&str> {
    headers.get("anthropic-organization-id")?.to_str().ok()
}
