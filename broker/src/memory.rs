//! What the process remembers of past leases, to choose the next: who holds a conversation, and whose turn it is.
//!
//! Invariants: all of it is bounded; it is no matter of right or wrong, so that a restart may forget it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::select::{Conversation, Conversations};
use keyreeve_core::virtual_key::KeyId;

/// More conversations than these are not held: a tenth of a KiB each.
const MOST_CONVERSATIONS: usize = 16_384;

/// What is remembered of past leases.
#[derive(Debug)]
pub(crate) struct Memory(Mutex<Remembered>);

/// All of it, as of one moment.
#[derive(Debug)]
pub(crate) struct Remembered {
    conversations: Conversations,
    /// The number of each profile's last use.
    uses: HashMap<ProfileId, u64>,
    count: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self(Mutex::new(Remembered {
            conversations: Conversations::new(MOST_CONVERSATIONS),
            uses: HashMap::new(),
            count: 0,
        }))
    }
}

impl Memory {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Remembered> {
        // What a panic leaves behind is at the worst a conversation that moves.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    /// The profile that a key's conversation is held by.
    pub(crate) fn held_by(
        &self,
        key: KeyId,
        conversation: Option<Conversation>,
        now: Timestamp,
    ) -> Option<ProfileId> {
        self.conversations.held_by(key, conversation?, now)
    }

    /// The number of a profile's last use.
    pub(crate) fn last_use(&self, profile: ProfileId) -> Option<u64> {
        self.uses.get(&profile).copied()
    }

    /// Notes that a profile is used.
    pub(crate) fn used(&mut self, profile: ProfileId) {
        self.count += 1;
        self.uses.insert(profile, self.count);
    }

    /// Notes who holds a key's conversation from here on.
    pub(crate) fn hold(
        &mut self,
        conversation: (KeyId, Conversation),
        by: ProfileId,
        now: Timestamp,
    ) {
        self.conversations.hold(conversation, by, now);
    }
}
