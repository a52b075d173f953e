//! Which profile a conversation is held by, so that what a cache has of it is found again.
//!
//! Invariants: what names a conversation is kept as a hash, and counts for the one key that asked; a conversation is held
//! for [`HELD_FOR`] after its last use; no more than so many are held: the key that has most of them lets go of the one
//! that it used longest ago.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::profile::ProfileId;
use crate::virtual_key::KeyId;

/// How long a conversation is held after its last use: the longest that a cache lasts (docs/facts.md#caching).
pub const HELD_FOR: SignedDuration = SignedDuration::from_hours(1);

/// From this many bytes on a request's beginning is cached: the longest minimum there is, 4,096 tokens, at four bytes a
/// token (docs/facts.md#caching).
pub const CACHED_FROM_BYTES: usize = 4 * 4_096;

/// A conversation, by the hash of what its client names it with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Conversation([u8; 16]);

impl Conversation {
    /// Finds what names the conversation: the client's session, else what it tells its users apart by.
    pub fn of(session: Option<&str>, user: Option<&str>) -> Option<Self> {
        let named = |kind: &[u8], name: &str| {
            let mut hash = blake3::Hasher::new();
            hash.update(kind).update(name.as_bytes());
            let mut half = [0; 16];
            hash.finalize_xof().fill(&mut half);
            Self(half)
        };
        let told = |name: &&str| !name.is_empty();
        session
            .filter(told)
            .map(|session| named(b"session:", session))
            .or_else(|| user.filter(told).map(|user| named(b"user:", user)))
    }
}

/// What another profile would find of a conversation in its cache.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cache {
    /// Nothing, where the first profile has it: a switch costs a full write.
    Cold,
    /// It makes no difference: so short a prompt is cached nowhere.
    Needless,
}

impl Cache {
    /// Reckons by the length of a request's body.
    pub fn of_body(bytes: usize) -> Self {
        if bytes >= CACHED_FROM_BYTES {
            Self::Cold
        } else {
            Self::Needless
        }
    }
}

/// The conversations that are held.
#[derive(Debug)]
pub struct Conversations {
    most: usize,
    held: HashMap<(KeyId, Conversation), Held>,
    /// The same by key, each key's in the order of their last use.
    by_use: HashMap<KeyId, BTreeMap<u64, Conversation>>,
    uses: u64,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    by: ProfileId,
    used_at: Timestamp,
    used: u64,
}

impl Conversations {
    /// Holds none, and never more than `most`.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            held: HashMap::new(),
            by_use: HashMap::new(),
            uses: 0,
        }
    }

    /// The profile that a key's conversation is held by; none where it is not, or not any more.
    pub fn held_by(
        &self,
        key: KeyId,
        conversation: Conversation,
        now: Timestamp,
    ) -> Option<ProfileId> {
        let held = self.held.get(&(key, conversation))?;
        (now.duration_since(held.used_at) < HELD_FOR).then_some(held.by)
    }

    /// Notes that a key's conversation was used at `now` and is held by a profile from here on.
    pub fn hold(
        &mut self,
        (key, conversation): (KeyId, Conversation),
        by: ProfileId,
        now: Timestamp,
    ) {
        self.uses += 1;
        let held = Held {
            by,
            used_at: now,
            used: self.uses,
        };
        let own = self.by_use.entry(key).or_default();
        if let Some(before) = self.held.insert((key, conversation), held) {
            own.remove(&before.used);
        }
        own.insert(self.uses, conversation);
        if self.held.len() > self.most {
            self.let_one_go();
        }
    }

    /// Whoever makes up many conversations pays for them with their own.
    fn let_one_go(&mut self) {
        let oldest =
            |own: &BTreeMap<u64, Conversation>| own.first_key_value().map(|(used, _)| *used);
        let most = self
            .by_use
            .iter_mut()
            .max_by_key(|(_, own)| (own.len(), Reverse(oldest(own))));
        let Some((&key, own)) = most else { return };
        if let Some((_, conversation)) = own.pop_first() {
            self.held.remove(&(key, conversation));
        }
        if own.is_empty() {
            self.by_use.remove(&key);
        }
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}
