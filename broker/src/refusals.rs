//! Refused credentials, in memory: counts consecutive unexplained refusals of each, and marks those whose source is to
//! fetch a new one.
//!
//! Invariants: a credential without refusals has no entry; the count starts again after a block, because a user who
//! resumes the profile wants a new test, and after a rotation of the secret. A mark is consumed by the first lease that
//! sees it, so that a source without a newer credential is not run again for every request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyreeve_core::health::{ConsecutiveRefusals, RequestClass};
use keyreeve_core::profile::ProfileId;
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::verdict::Verdict;

use crate::health::Generation;

/// Count of each profile, with the secret generation it applies to.
#[derive(Debug, Default)]
pub(crate) struct RefusalCounts(Mutex<HashMap<ProfileId, (Generation, ConsecutiveRefusals)>>);

impl RefusalCounts {
    /// Counts a verdict and returns the verdict for the credential: the same one, or "always refused" if this was one
    /// refusal too many. Verdicts about a replaced secret must not be passed in.
    pub(crate) fn observe(
        &self,
        generation: Generation,
        class: Option<&RequestClass>,
        verdict: Verdict,
    ) -> Verdict {
        let mut counts = self.lock();
        if counts.is_empty() && !verdict.is_unexplained_refusal() {
            return verdict;
        }
        let previous = counts.remove(&generation.profile);
        let previous = previous.filter(|(counted, _)| *counted == generation);
        let count = previous.map_or_else(ConsecutiveRefusals::default, |(_, count)| count);
        let count = count.observe(verdict, class);
        let escalated = count.verdict();
        if escalated.is_none() && !count.is_clear() {
            counts.insert(generation.profile, (generation, count));
        }
        escalated.unwrap_or(verdict)
    }

    /// Returns `true` if no refusals are counted, so that a success has nothing to clear.
    pub(crate) fn is_clear(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProfileId, (Generation, ConsecutiveRefusals)>> {
        // Each change is one insertion, so a panic leaves consistent data.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last refused credential of each profile.
#[derive(Default)]
pub(crate) struct RejectedCredentials(Mutex<HashMap<ProfileId, Fingerprint>>);

impl RejectedCredentials {
    /// Marks a credential of a profile as refused.
    pub(crate) fn mark(&self, profile: ProfileId, credential: Fingerprint) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marks.insert(profile, credential);
    }

    /// Removes the profile's mark. Returns `true` if it was for this credential.
    pub(crate) fn take_mark(&self, profile: ProfileId, credential: &Fingerprint) -> bool {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marks.remove(&profile).as_ref() == Some(credential)
    }
}
