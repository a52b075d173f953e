//! A lease: the right to use one credential for one attempt.
//!
//! Invariants: a lease that is dropped without a report is closed as incomplete at its reserved cost, never as free; what
//! comes of it changes how its profile stands once, however often it is told.

use std::time::Duration;

use keyreeve_core::cache_ttl::Applied;
use keyreeve_core::inject::Injection;
use keyreeve_core::limits::{self, Subject};
use keyreeve_core::price::Cost;
use keyreeve_core::profile::Profile;
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::standing::Kept;
use keyreeve_core::verdict::Verdict;
use keyreeve_store::{AttemptId, RequestId};

use crate::report::Report;
use crate::row::OpenRow;
use crate::standing::Came;
use crate::underway::Underway;

/// The right to use one credential for one attempt. Must be reported.
#[must_use = "a lease that is dropped is recorded as incomplete, at its reserved cost"]
pub struct Lease {
    /// Names the attempt.
    pub attempt: AttemptId,
    /// The client's request it is for.
    pub request: RequestId,
    /// The profile whose credential it is.
    pub profile: Profile,
    /// How the credential is sent.
    pub injection: Injection,
    pub(crate) credential: Fingerprint,
    pub(crate) row: OpenRow,
    pub(crate) standing: Underway,
}

impl Lease {
    /// Takes in what the answer's headers tell about limits; before [`Lease::heard`]. Where they are those of a plan
    /// login, the profile serves nobody from the next lease on, whatever it was declared to be.
    pub fn saw(&mut self, told: limits::Told) {
        if told.is_plan {
            self.standing.shows_a_plan();
        }
        let subject = Subject::Profile(self.profile.id);
        self.row
            .broker
            .see_limits(&subject, self.standing.attempt().class(), told.limits);
    }

    /// Tells what the beginning of the answer means, so that the next lease knows before this answer has ended, and
    /// waits until that is remembered. `status` is none where nobody answered; `organization` is what the answer names.
    pub async fn heard(
        &mut self,
        verdict: Verdict,
        status: Option<u16>,
        organization: Option<&str>,
    ) {
        for change in self.standing.hear(Came {
            verdict,
            status,
            organization,
        }) {
            // What cannot be remembered is logged where it fails, and is no reason to keep the answer back.
            change.await.ok();
        }
    }

    /// Tells how the attempt went, closes the lease, and gives what it cost.
    pub fn report(mut self, report: Report) -> Cost {
        let answer = report.answer.as_ref();
        self.standing.hear(Came {
            verdict: report.verdict,
            status: answer.map(|answer| answer.status),
            organization: answer.and_then(|answer| answer.organization.as_deref()),
        });
        self.close(report)
    }

    /// Closes the lease of a request that never came before the API: it says nothing about anybody's standing.
    pub fn report_unheard(mut self, report: Report) -> Cost {
        self.close(report)
    }

    /// Whether its secret can mend by itself.
    pub(crate) fn kept(&self) -> Kept {
        self.standing.attempt().kept()
    }

    /// Tells its secret from others.
    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.credential
    }

    /// Notes what was done to the request's cache markers.
    pub fn edited(&mut self, applied: Applied) {
        self.row.cache_edit = Some(applied);
    }

    /// How long ago the lease was given.
    pub fn age(&self) -> Duration {
        self.row.age()
    }

    fn close(&mut self, report: Report) -> Cost {
        if report.speaks_against_the_credential() {
            let broker = &self.row.broker;
            broker.reject(self.profile.id, self.credential.clone());
        }
        self.row.close(report)
    }
}
