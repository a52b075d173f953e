//! Retry state of one request: failed attempts, the deadline, and the remaining time to wait for cooldowns.
//!
//! Invariants: a request makes at most [`MAX_ATTEMPTS`] attempts and starts none after its deadline; all its waits
//! together take at most `max_wait`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::credential::Credential;
use keyreeve_core::profile::{Name, Profile, ProfileId};
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::select::{FailedAttempt, MAX_ATTEMPTS, RetryWith};
use keyreeve_core::verdict::Verdict;
use tokio::time::Instant;

use crate::Lease;

/// State of the retry loop of one request.
#[derive(Clone, Debug)]
pub struct RetryState {
    failed: Vec<FailedAttempt>,
    attempts: u32,
    previous: Option<PreviousAttempt>,
    /// The last refused credential whose source may have a new one.
    refused: Option<(ProfileId, Fingerprint)>,
    deadline: Instant,
    max_wait: Duration,
}

/// The previously selected profile and the verdict that excluded it.
#[derive(Clone, Debug)]
pub(crate) struct PreviousAttempt {
    pub(crate) profile: Name,
    pub(crate) verdict: &'static str,
}

/// Result of an attempt, as far as a retry depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AttemptResult {
    /// A complete error response with this status; the client has received no byte of it.
    Error(u16),
    /// No connection: nothing was sent.
    NoConnection,
    /// A response has started, or there is none but billable output may have been produced.
    MayHaveProduced,
}

/// Decision after an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RetryDecision {
    /// No retry: the response is final.
    Final,
    /// A retry is allowed, if a profile is available for it.
    MayRetry,
}

impl RetryState {
    /// Starts with no attempt made. No retry starts after `deadline`; waits for cooldowns take at most `max_wait` in
    /// total.
    pub fn new(deadline: Instant, max_wait: Duration) -> Self {
        Self {
            failed: Vec::new(),
            attempts: 0,
            previous: None,
            refused: None,
            deadline,
            max_wait,
        }
    }

    /// Records the result of an attempt and decides whether a retry is allowed.
    pub fn record(
        &mut self,
        lease: &Lease,
        verdict: Verdict,
        result: AttemptResult,
    ) -> RetryDecision {
        self.attempts += 1;
        let status = match result {
            AttemptResult::Error(status) => Some(status),
            AttemptResult::NoConnection => None,
            AttemptResult::MayHaveProduced => return RetryDecision::Final,
        };
        let storage = lease.guard.attempt().secret_storage();
        let Some(retry_with) = RetryWith::from_verdict(verdict, status, storage) else {
            return RetryDecision::Final;
        };
        if retry_with == RetryWith::RefreshedSecret {
            self.refused = Some((lease.profile.id, lease.credential.clone()));
        }
        self.push_failed(&lease.profile, verdict.code(), retry_with);
        if self.attempts < MAX_ATTEMPTS && !self.is_past_deadline() {
            RetryDecision::MayRetry
        } else {
            RetryDecision::Final
        }
    }

    /// Returns `true` if the deadline has passed. The first attempt is always made: its client waits until it
    /// disconnects.
    pub(crate) fn is_past_deadline(&self) -> bool {
        self.attempts > 0 && self.remaining().is_zero()
    }

    /// Returns the time left until the deadline.
    pub(crate) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Returns the failed attempts, in order.
    pub(crate) fn failed(&self) -> &[FailedAttempt] {
        &self.failed
    }

    /// Returns the number of the next attempt, from 1.
    pub(crate) fn next_number(&self) -> u32 {
        self.attempts + 1
    }

    /// Returns the last excluded profile, or `None` if there is none.
    pub(crate) fn previous(&self) -> Option<&PreviousAttempt> {
        self.previous.as_ref()
    }

    /// Returns the latest time, as of `now`, until which the request may wait for a cooldown.
    pub(crate) fn wait_until(&self, now: Timestamp) -> Timestamp {
        let wait = self.remaining().min(self.max_wait);
        let wait = SignedDuration::try_from(wait).unwrap_or_default();
        now.checked_add(wait).unwrap_or(now)
    }

    /// Deducts a wait from the remaining time to wait.
    pub(crate) fn record_wait(&mut self, duration: Duration) {
        self.max_wait = self.max_wait.saturating_sub(duration);
    }

    /// Returns `true` if this credential was refused in this request.
    pub(crate) fn has_refused(&self, profile: ProfileId, credential: &Credential) -> bool {
        self.refused.as_ref().is_some_and(|(owner, refused)| {
            *owner == profile && *refused == credential.fingerprint()
        })
    }

    /// Excludes a profile from further attempts because its secret cannot be obtained.
    pub(crate) fn exclude(&mut self, profile: &Profile) {
        self.push_failed(profile, "no_secret", RetryWith::OtherCredential);
    }

    /// Excludes a refused profile from further attempts because its source returned the same secret again.
    pub(crate) fn exclude_unrefreshed(&mut self, profile: &Profile) {
        self.failed
            .push(failed_attempt(profile, RetryWith::OtherCredential));
    }

    fn push_failed(&mut self, profile: &Profile, verdict: &'static str, retry_with: RetryWith) {
        self.failed.push(failed_attempt(profile, retry_with));
        self.previous = Some(PreviousAttempt {
            profile: profile.name.clone(),
            verdict,
        });
    }
}

fn failed_attempt(profile: &Profile, retry_with: RetryWith) -> FailedAttempt {
    FailedAttempt {
        profile: profile.id,
        origin: profile.base_url.origin().clone(),
        retry_with,
    }
}
