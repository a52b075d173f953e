//! The credentials that an upstream has just refused: each is a reason to fetch another, once.
//!
//! Invariant: a mark is taken by the first lease that acts on it, so that a source that has nothing better is not asked
//! again for every request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use keyreeve_core::profile::ProfileId;
use keyreeve_core::secret::Fingerprint;

/// The last credential that was refused, by profile.
#[derive(Default)]
pub(crate) struct Rejected(Mutex<HashMap<ProfileId, Fingerprint>>);

impl Rejected {
    /// Marks a credential of a profile.
    pub(crate) fn mark(&self, profile: ProfileId, credential: Fingerprint) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marks.insert(profile, credential);
    }

    /// Takes the mark away, and says whether it was on this credential.
    pub(crate) fn take(&self, profile: ProfileId, credential: &Fingerprint) -> bool {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marks.remove(&profile).as_ref() == Some(credential)
    }
}
