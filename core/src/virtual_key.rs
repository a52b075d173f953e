//! Virtual keys: what a tool holds instead of a credential, and what it may do with it.
//!
//! A key is `krv_` + 8 base62 (its public id) + `_` + 32 base62 (190 random bits) + `_` + 6 base62 (CRC-32 of all
//! before). The checksum refuses a mistyped key before anything is looked up and lets scanners be sure. It never starts with
//! `sk-ant-`: some clients change what they do on that prefix (docs/facts.md#clients). Only its SHA-256 is stored.

use jiff::Timestamp;
use uuid::Uuid;

use crate::profile::{Name, ProfileId};
use crate::secret::Secret;

/// The public part of a key, by which it is looked up: 8 base62 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PublicId(pub [u8; 8]);

/// Names a virtual key for ever, through every rotation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyId(pub Uuid);

/// SHA-256 of the whole key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyHash(pub [u8; 32]);

/// A freshly made key: shown once, remembered as its hash.
pub struct Minted {
    /// The key itself.
    pub key: Secret,
    /// Its public part.
    pub public_id: PublicId,
    /// What is stored.
    pub hash: KeyHash,
}

/// What was presented, once it has the shape of a virtual key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Presented {
    /// Where to look it up.
    pub public_id: PublicId,
    /// What to compare, in constant time.
    pub hash: KeyHash,
}

/// A virtual key as remembered: who may use which profiles, for what, until when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VirtualKey {
    /// Names the key for ever.
    pub id: KeyId,
    /// What people call it.
    pub name: Name,
    /// The profiles it may use, in order. A new key inherits none.
    pub profiles: Vec<ProfileId>,
    /// Globs (`*`, `?`) of the models it may ask for; empty: any.
    pub models: Vec<String>,
    /// After this it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused for good.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it was made by `serve --sandbox`.
    pub simulated: bool,
}
