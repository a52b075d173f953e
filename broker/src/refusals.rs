//! The refusals of each credential that nobody explained, as far as this process heard of them.
//!
//! Invariants: a credential without any has no entry; one that is blocked begins anew, since a person who wakes it wants to
//! know, and so does a profile with a new secret.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyreeve_core::profile::ProfileId;
use keyreeve_core::standing::{Refusals, RequestClass};
use keyreeve_core::verdict::Verdict;

use crate::standing::Generation;

/// The count of each profile, and the secret that it is for.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<HashMap<ProfileId, (Generation, Refusals)>>);

impl Refused {
    /// Counts what an answer means, and gives what it means for the credential: itself, or one refusal too many. What is
    /// said of a secret that was replaced does not come here.
    pub(crate) fn hear(
        &self,
        generation: Generation,
        class: Option<&RequestClass>,
        verdict: Verdict,
    ) -> Verdict {
        let mut counts = self.lock();
        if counts.is_empty() && !verdict.is_unexplained_refusal() {
            return verdict;
        }
        let before = counts.remove(&generation.profile);
        let before = before.filter(|(counted, _)| *counted == generation);
        let count = before.map_or_else(Refusals::default, |(_, count)| count);
        let count = count.heard(verdict, class);
        let too_many = count.verdict();
        if too_many.is_none() && !count.is_clear() {
            counts.insert(generation.profile, (generation, count));
        }
        too_many.unwrap_or(verdict)
    }

    /// Whether nothing is counted, so that a success clears nothing.
    pub(crate) fn is_clear(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProfileId, (Generation, Refusals)>> {
        // Each change is one insertion: what a panic leaves is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
