//! The refusals of each credential that nobody explained, as far as this process heard of them.
//!
//! Invariant: a credential without any has no entry, and one that is blocked begins anew: a person who wakes it wants to
//! know.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use keyreeve_core::profile::ProfileId;
use keyreeve_core::standing::Refusals;
use keyreeve_core::verdict::Verdict;

/// The count of each credential.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<HashMap<ProfileId, Refusals>>);

impl Refused {
    /// Counts what an answer means, and gives what it means for the credential: itself, or one refusal too many.
    pub(crate) fn hear(&self, profile: ProfileId, verdict: Verdict) -> Verdict {
        // Each change is one insertion: what a panic leaves is whole.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.is_empty() && !verdict.is_unexplained_refusal() {
            return verdict;
        }
        let count = counts.remove(&profile).unwrap_or_default().heard(verdict);
        let too_many = count.verdict();
        if too_many.is_none() && !count.is_clear() {
            counts.insert(profile, count);
        }
        too_many.unwrap_or(verdict)
    }
}
