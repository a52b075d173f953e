//! Credentials that an upstream has just refused: each makes its source fetch a new one, once.
//!
//! Invariant: a mark is consumed by the first lease that sees it, so that a source without a newer credential is not
//! run again for every request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use keyreeve_core::profile::ProfileId;
use keyreeve_core::secret::Fingerprint;

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
