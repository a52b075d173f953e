//! The refusals of each credential that nobody explained, as far as this process heard of them.
//!
//! Invariants: a credential without any has no entry; one that is blocked begins anew, since a person who wakes it wants to
//! know, and so does a profile with a new secret.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::standing::Refusals;
use keyreeve_core::verdict::Verdict;

/// A profile, and when its secret was last replaced.
pub(crate) type OfSecret = (ProfileId, Option<Timestamp>);

/// The count of each credential, for as long as its secret is the same.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<HashMap<ProfileId, (Option<Timestamp>, Refusals)>>);

impl Refused {
    /// Counts what an answer means, and gives what it means for the credential: itself, or one refusal too many.
    pub(crate) fn hear(&self, (profile, rotated_at): OfSecret, verdict: Verdict) -> Verdict {
        // Each change is one insertion: what a panic leaves is whole.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.is_empty() && !verdict.is_unexplained_refusal() {
            return verdict;
        }
        let before = counts.remove(&profile);
        let before = before.filter(|(of_secret, _)| *of_secret == rotated_at);
        let count = before.map_or_else(Refusals::default, |(_, count)| count);
        let count = count.heard(verdict);
        let too_many = count.verdict();
        if too_many.is_none() && !count.is_clear() {
            counts.insert(profile, (rotated_at, count));
        }
        too_many.unwrap_or(verdict)
    }
}
