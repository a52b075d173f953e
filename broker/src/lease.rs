//! A lease: the right to use one credential for one attempt.
//!
//! Invariants: a lease dropped without a report is closed as incomplete at its reserved cost, never as free; its result
//! changes the profile's health once, however often it is observed.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use keyreeve_core::cache_ttl::TtlOutcome;
use keyreeve_core::inject::Injection;
use keyreeve_core::limits::LimitOwner;
use keyreeve_core::price::Cost;
use keyreeve_core::profile::Profile;
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::verdict::Verdict;
use keyreeve_store::{AttemptId, RequestId};

use crate::attempt_guard::AttemptGuard;
use crate::health::Observation;
use crate::ledger_entry::OpenEntry;
use crate::limits::ReportedKind;
use crate::report::Report;

/// The right to use one credential for one attempt. Must be reported.
#[must_use = "a lease that is dropped is recorded as incomplete, at its reserved cost"]
pub struct Lease {
    /// Id of the attempt.
    pub attempt: AttemptId,
    /// Id of the client's request.
    pub request: RequestId,
    /// The leased profile.
    pub profile: Arc<Profile>,
    /// The way the credential is sent.
    pub injection: Injection,
    pub(crate) credential: Fingerprint,
    pub(crate) entry: OpenEntry,
    pub(crate) guard: AttemptGuard,
}

impl Lease {
    /// Records the limits in the response headers; call it before [`Lease::observe_response`]. If the headers are those
    /// of a plan login, the profile is blocked from the next lease on, whatever it was declared to be.
    pub fn observe_limits(&mut self, headers: &HeaderMap) {
        let owner = LimitOwner::Profile(self.profile.id);
        let limits = &self.entry.broker.limits;
        let class = self.guard.attempt().class();
        match limits.record_headers(&owner, class, headers) {
            ReportedKind::Plan => self.guard.mark_plan(),
            ReportedKind::PerMinute => {}
        }
    }

    /// Applies the verdict on the start of the response to the profile's health, so that the next lease sees it before
    /// this response has ended, and waits until it is stored. `status` is `None` if there was no response;
    /// `organization` is the one named in the response.
    pub async fn observe_response(
        &mut self,
        verdict: Verdict,
        status: Option<u16>,
        organization: Option<&str>,
    ) {
        for change in self.guard.observe(Observation {
            verdict,
            status,
            organization,
        }) {
            // A failure to store it is logged where it occurs and does not delay the response.
            change.await.ok();
        }
    }

    /// Records the attempt's result, closes the lease, and returns the cost.
    pub fn report(mut self, report: Report) -> Cost {
        let response = report.response.as_ref();
        self.guard.observe(Observation {
            verdict: report.verdict,
            status: response.map(|response| response.status),
            organization: response.and_then(|response| response.organization.as_deref()),
        });
        self.close(report)
    }

    /// Closes the lease of a request that never reached the API, without any effect on health.
    pub fn report_not_sent(mut self, report: Report) -> Cost {
        self.close(report)
    }

    /// Records the edit of the request's cache markers.
    pub fn record_cache_edit(&mut self, edit: TtlOutcome) {
        self.entry.cache_edit = Some(edit);
    }

    /// Returns `true` unless the client's key was revoked or has expired since.
    pub fn is_key_accepted(&self) -> bool {
        self.entry.is_key_accepted()
    }

    /// Returns the time since the lease was granted.
    pub fn age(&self) -> Duration {
        self.entry.age()
    }

    fn close(&mut self, report: Report) -> Cost {
        if report.rejects_credential() {
            let broker = &self.entry.broker;
            broker.mark_rejected(self.profile.id, self.credential.clone());
        }
        self.entry.close(report)
    }
}
