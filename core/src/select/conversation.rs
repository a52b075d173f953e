//! Affinity (sticky sessions): pins each conversation to a profile, so that its prompt cache is hit again.
//!
//! Invariants: a conversation's name is stored as a hash, separately per virtual key; a pin expires [`AFFINITY_TTL`]
//! after its last use; the number of pins is limited: the key with the most pins loses its least recently used one
//! (LRU).

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::profile::ProfileId;
use crate::virtual_key::KeyId;

/// Time a conversation stays pinned after its last use: the longest cache lifetime (docs/facts.md#caching).
pub const AFFINITY_TTL: SignedDuration = SignedDuration::from_hours(1);

/// Minimum body size for prompt caching: the highest minimum of any model, 4,096 tokens, at four bytes per token
/// (docs/facts.md#caching).
pub const MIN_CACHEABLE_BYTES: usize = 4 * 4_096;

/// A conversation, identified by the hash of the client's name for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Conversation([u8; 16]);

impl Conversation {
    /// Identifies a conversation by the client's session id, else by its user id.
    pub fn from_client_ids(session: Option<&str>, user: Option<&str>) -> Option<Self> {
        let hashed = |kind: &[u8], name: &str| {
            let mut hash = blake3::Hasher::new();
            hash.update(kind).update(name.as_bytes());
            let mut half = [0; 16];
            hash.finalize_xof().fill(&mut half);
            Self(half)
        };
        let is_given = |name: &&str| !name.is_empty();
        session
            .filter(is_given)
            .map(|session| hashed(b"session:", session))
            .or_else(|| user.filter(is_given).map(|user| hashed(b"user:", user)))
    }
}

/// The benefit of the prompt cache at the pinned profile, which another profile does not have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CacheBenefit {
    /// The prompt is cached at the pinned profile: a switch costs a full cache write.
    Significant,
    /// The prompt is too short to be cached by any profile.
    None,
}

impl CacheBenefit {
    /// Estimates the benefit from the length of a request's body.
    pub fn from_body_length(bytes: usize) -> Self {
        if bytes >= MIN_CACHEABLE_BYTES {
            Self::Significant
        } else {
            Self::None
        }
    }
}

/// The table of pinned conversations.
#[derive(Debug)]
pub struct PinnedConversations {
    capacity: usize,
    pins: HashMap<(KeyId, Conversation), Pin>,
    /// The conversations of each key, in the order of last use.
    by_last_use: HashMap<KeyId, BTreeMap<u64, Conversation>>,
    uses: u64,
}

#[derive(Clone, Copy, Debug)]
struct Pin {
    profile: ProfileId,
    last_used_at: Timestamp,
    last_use: u64,
}

impl PinnedConversations {
    /// Creates an empty table of at most `capacity` pins.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            pins: HashMap::new(),
            by_last_use: HashMap::new(),
            uses: 0,
        }
    }

    /// Returns the profile that a key's conversation is pinned to, or `None` if it is not pinned or the pin has
    /// expired.
    pub fn pinned_to(
        &self,
        key: KeyId,
        conversation: Conversation,
        now: Timestamp,
    ) -> Option<ProfileId> {
        let pin = self.pins.get(&(key, conversation))?;
        (now.duration_since(pin.last_used_at) < AFFINITY_TTL).then_some(pin.profile)
    }

    /// Pins a key's conversation, used at `now`, to a profile.
    pub fn pin(
        &mut self,
        (key, conversation): (KeyId, Conversation),
        profile: ProfileId,
        now: Timestamp,
    ) {
        self.uses += 1;
        let pin = Pin {
            profile,
            last_used_at: now,
            last_use: self.uses,
        };
        let key_pins = self.by_last_use.entry(key).or_default();
        if let Some(previous) = self.pins.insert((key, conversation), pin) {
            key_pins.remove(&previous.last_use);
        }
        key_pins.insert(self.uses, conversation);
        if self.pins.len() > self.capacity {
            self.evict_one();
        }
    }

    /// Evicts the oldest pin of the key with the most pins, so that a client with many conversations evicts only its
    /// own.
    fn evict_one(&mut self) {
        let oldest = |key_pins: &BTreeMap<u64, Conversation>| {
            key_pins.first_key_value().map(|(last_use, _)| *last_use)
        };
        let largest = self
            .by_last_use
            .iter_mut()
            .max_by_key(|(_, key_pins)| (key_pins.len(), Reverse(oldest(key_pins))));
        let Some((&key, key_pins)) = largest else {
            return;
        };
        if let Some((_, conversation)) = key_pins.pop_first() {
            self.pins.remove(&(key, conversation));
        }
        if key_pins.is_empty() {
            self.by_last_use.remove(&key);
        }
    }

    /// Returns the number of pins.
    pub fn len(&self) -> usize {
        self.pins.len()
    }

    /// Returns `true` if there is no pin.
    pub fn is_empty(&self) -> bool {
        self.pins.is_empty()
    }
}
