//! Affinity: the profile that each conversation is pinned to, and the order in which profiles were last used.
//!
//! Invariants: everything is bounded; correctness does not depend on it, so a restart may forget it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyreeve_core::profile::ProfileId;
use keyreeve_core::select::PinnedConversations;

/// Maximum number of pinned conversations, about 0.1 KiB each.
const MAX_CONVERSATIONS: usize = 16_384;

/// Shared affinity state.
#[derive(Debug)]
pub(crate) struct Affinity(Mutex<AffinityState>);

/// Pinned conversations and last uses, locked.
#[derive(Debug)]
pub(crate) struct AffinityState {
    pub(crate) conversations: PinnedConversations,
    /// Sequence number of each profile's last use.
    last_uses: HashMap<ProfileId, u64>,
    use_count: u64,
}

impl Default for Affinity {
    fn default() -> Self {
        Self(Mutex::new(AffinityState {
            conversations: PinnedConversations::new(MAX_CONVERSATIONS),
            last_uses: HashMap::new(),
            use_count: 0,
        }))
    }
}

impl Affinity {
    pub(crate) fn lock(&self) -> MutexGuard<'_, AffinityState> {
        // At worst, a panic makes one conversation move to another profile.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AffinityState {
    /// Returns the sequence number of a profile's last use.
    pub(crate) fn last_use(&self, profile: ProfileId) -> Option<u64> {
        self.last_uses.get(&profile).copied()
    }

    /// Records the use of a profile.
    pub(crate) fn record_use(&mut self, profile: ProfileId) {
        self.use_count += 1;
        self.last_uses.insert(profile, self.use_count);
    }
}
