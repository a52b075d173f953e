//! Pass-through: one attempt with a credential that the client sends itself.
//!
//! Invariants: the credential never reaches this module, so it cannot be stored; no profile is selected and no health
//! is changed, because the response concerns only the client; the intent is committed before the attempt is returned,
//! and the ledger entry is closed once, as for a lease.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use keyreeve_core::health::RequestClass;
use keyreeve_core::limits::LimitOwner;
use keyreeve_core::price::{Cost, PaymentKind};
use keyreeve_os::system;
use keyreeve_store::{AttemptId, RequestId};

use crate::health::RequestInfo;
use crate::ledger_entry::{AttemptNumber, EntryParties, OpenEntry};
use crate::{Broker, Client, LeaseError, LeaseRequest, Report};

/// The right to forward one request unchanged. Must be reported.
#[must_use = "a pass-through attempt that is dropped is recorded as incomplete"]
pub struct PassThroughAttempt {
    /// Id of the attempt.
    pub attempt: AttemptId,
    /// Id of the client's request.
    pub request: RequestId,
    entry: OpenEntry,
    class: Option<RequestClass>,
}

/// Payment and target of a pass-through attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PassThroughTerms {
    /// The kind of payment.
    pub payment: PaymentKind,
    /// The upstream.
    pub target: PassThroughTarget,
}

/// Upstream of pass-through requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PassThroughTarget {
    /// Anthropic's API.
    Anthropic,
    /// A sandbox, which simulates it.
    Sandbox,
}

impl Broker {
    /// Opens the ledger entry of a request that passes through with a virtual key; no profile is needed.
    ///
    /// # Errors
    /// See [`LeaseError`]. In every case, nothing was sent.
    pub async fn pass_through(
        self: &Arc<Self>,
        client: &Client,
        request: &LeaseRequest,
        terms: PassThroughTerms,
    ) -> Result<PassThroughAttempt, LeaseError> {
        // Once more, because reading the body took time: the key may have been revoked.
        let key = self.authenticate(&client.presented)?.key;
        let parties = EntryParties {
            key: Some(key),
            profile: None,
            payment: terms.payment,
            simulated: terms.target == PassThroughTarget::Sandbox,
        };
        let info = RequestInfo::new(request.operation, request.model.as_deref(), system::now());
        let (mut entry, intent) = OpenEntry::new(self, request, parties, AttemptNumber::ONLY)?;
        entry.commit(intent).await?;
        Ok(PassThroughAttempt {
            attempt: entry.attempt,
            request: entry.request,
            entry,
            class: info.class,
        })
    }
}

impl PassThroughAttempt {
    /// Records the limits in the response headers.
    pub fn observe_limits(&self, headers: &HeaderMap) {
        let owner = LimitOwner::PassThrough(self.entry.parties.key_id());
        let broker = &self.entry.broker;
        let class = self.class.as_ref();
        broker.limits.record_headers(&owner, class, headers);
    }

    /// Records the attempt's result, closes the ledger entry, and returns the cost or the estimated equivalent.
    pub fn report(mut self, report: Report) -> Cost {
        self.entry.close(report)
    }

    /// Returns `true` unless the client's key was revoked or has expired since.
    pub fn is_key_accepted(&self) -> bool {
        self.entry.is_key_accepted()
    }

    /// Returns the time since the attempt was opened.
    pub fn age(&self) -> Duration {
        self.entry.age()
    }
}
