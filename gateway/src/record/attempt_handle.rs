//! The handle that an attempt is reported to: a profile's lease, or a pass-through attempt of a client.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use keyreeve_broker::{
    AttemptResult, Lease, PassThroughAttempt, Report, RetryDecision, RetryState,
};
use keyreeve_core::verdict::Verdict;
use keyreeve_store::RequestId;

use crate::headers::ORGANIZATION_ID;

/// Closes the ledger entry of an attempt.
pub(crate) enum AttemptHandle {
    /// A profile's credential was leased: the result affects its health.
    Lease(Box<Lease>),
    /// The client sent its own credential: the result affects no profile.
    PassThrough(Box<PassThroughAttempt>),
}

impl AttemptHandle {
    /// The id of the client's request.
    pub(super) fn request(&self) -> RequestId {
        match self {
            Self::Lease(lease) => lease.request,
            Self::PassThrough(attempt) => attempt.request,
        }
    }

    /// The time since the attempt was started.
    pub(super) fn age(&self) -> Duration {
        match self {
            Self::Lease(lease) => lease.age(),
            Self::PassThrough(attempt) => attempt.age(),
        }
    }

    /// Returns `true` unless the client's key was revoked or has expired since.
    pub(super) fn is_key_accepted(&self) -> bool {
        match self {
            Self::Lease(lease) => lease.is_key_accepted(),
            Self::PassThrough(attempt) => attempt.is_key_accepted(),
        }
    }

    /// Decides whether another attempt may follow. A client's own credential is used once.
    pub(crate) fn decide_retry(
        &self,
        retry: &mut RetryState,
        verdict: Verdict,
        result: AttemptResult,
    ) -> RetryDecision {
        match self {
            Self::Lease(lease) => retry.record(lease, verdict, result),
            Self::PassThrough(_) => RetryDecision::Final,
        }
    }

    /// Updates health and limits from the head of a response, before the client can send its next request.
    pub(super) async fn observe_response(
        &mut self,
        verdict: Verdict,
        status: StatusCode,
        headers: &HeaderMap,
    ) {
        match self {
            Self::Lease(lease) => {
                lease.observe_limits(headers);
                let status = Some(status.as_u16());
                lease
                    .observe_response(verdict, status, organization(headers))
                    .await;
            }
            Self::PassThrough(attempt) => attempt.observe_limits(headers),
        }
    }

    /// Updates health after an attempt without a response.
    pub(super) async fn observe_no_response(&mut self, verdict: Verdict) {
        match self {
            Self::Lease(lease) => lease.observe_response(verdict, None, None).await,
            Self::PassThrough(_) => {}
        }
    }

    /// Closes the ledger entry.
    pub(super) fn report(self, report: Report) {
        match self {
            Self::Lease(lease) => lease.report(report),
            Self::PassThrough(attempt) => attempt.report(report),
        };
    }

    /// Closes the ledger entry of a request that was not sent to the API.
    pub(super) fn report_not_sent(self, report: Report) {
        match self {
            Self::Lease(lease) => lease.report_not_sent(report),
            Self::PassThrough(attempt) => attempt.report(report),
        };
    }
}

/// The organization that a response names.
fn organization(headers: &HeaderMap) -> Option<&str> {
    headers.get(&ORGANIZATION_ID)?.to_str().ok()
}
