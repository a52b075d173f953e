//! Remembers: profiles (sealed), virtual keys (hashed) and the ledger, in one SQLite file.
//!
//! The wall that makes this a crate: SQL. No SQL type leaves it, it decides nothing, and it makes neither ids nor
//! timestamps: callers hand both in.
#![forbid(unsafe_code)]

mod rows;

pub use rows::{AttemptId, Ending, Intent, Operation, Outcome, RequestId};

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use keyreeve_core::profile::{Name, Profile, ProfileId};
use keyreeve_core::secret::Secret;
use keyreeve_core::virtual_key::{KeyHash, KeyId, PublicId, VirtualKey};

/// Where the store's two halves lie: never in the same directory.
#[derive(Clone, Debug)]
pub struct Places {
    /// Directory of the database, `…/data`.
    pub data: std::path::PathBuf,
    /// Directory of the master key file, `…/config`.
    pub keys: std::path::PathBuf,
}

/// When ledger rows are safe.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// They survive a killed process always, a power cut but for the last second.
    #[default]
    Process,
    /// Each batch is synced: they survive a power cut too.
    Strict,
}

/// The open store. Cheap to share; one writer thread stands behind it.
pub struct Store {}

/// Everything leasing may look at, read in one transaction.
pub struct Policy {}

/// A key as [`Policy::key`] finds it.
pub struct FoundKey<'a> {
    /// The key.
    pub key: &'a VirtualKey,
    /// The hash to compare the presented one with, in constant time.
    pub hash: KeyHash,
    /// After this the presented secret is refused: it was rotated away. None: no end.
    pub valid_until: Option<Timestamp>,
}

impl Policy {
    /// Looks a key up by its public part.
    pub fn key(&self, _id: PublicId) -> Option<FoundKey<'_>> { todo!() }
    /// Looks a profile up.
    pub fn profile(&self, _id: ProfileId) -> Option<&Profile> { todo!() }
    /// All keys, in order of their names.
    pub fn keys(&self) -> &[VirtualKey] { todo!() }
    /// All profiles, in order of their names.
    pub fn profiles(&self) -> &[Profile] { todo!() }
    /// The profile `profile use` chose.
    pub fn default_profile(&self) -> Option<ProfileId> { todo!() }
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct Error;

type Result<T> = std::result::Result<T, Error>;

impl Store {
    /// Opens the store, making it (and its master key) where there is none yet.
    pub fn open(_places: &Places, _durability: Durability) -> Result<Self> { todo!() }
    /// What leasing may look at: the same `Arc` while nothing changed (`PRAGMA data_version`, then a generation counter).
    pub fn policy(&self) -> Result<Arc<Policy>> { todo!() }
    /// Opens a profile's sealed secret.
    pub fn unseal(&self, _profile: &Profile) -> Result<Secret> { todo!() }

    /// Adds a profile; `secret` is sealed when its source is `Sealed`.
    pub fn add_profile(&self, _profile: &Profile, _secret: Option<&Secret>) -> Result<()> { todo!() }
    /// Replaces a profile's secret, family and hint.
    pub fn rotate_profile(&self, _changed: &Profile, _secret: &Secret) -> Result<()> { todo!() }
    /// Renames a profile.
    pub fn rename_profile(&self, _id: ProfileId, _name: &Name) -> Result<()> { todo!() }
    /// Removes a profile; ledger rows keep its id and last name.
    pub fn remove_profile(&self, _id: ProfileId) -> Result<()> { todo!() }
    /// Chooses the default profile.
    pub fn use_profile(&self, _id: ProfileId) -> Result<()> { todo!() }

    /// Adds a key.
    pub fn add_key(&self, _key: &VirtualKey, _public: PublicId, _hash: KeyHash) -> Result<()> { todo!() }
    /// Gives a key a new secret; the old ones end at `old_until`.
    pub fn rotate_key(&self, _id: KeyId, _new: (PublicId, KeyHash), _old_until: Timestamp) -> Result<()> { todo!() }
    /// Revokes a key: when this returns, no later lease is given for it.
    pub fn revoke_key(&self, _id: KeyId, _at: Timestamp) -> Result<()> { todo!() }

    /// Commits an intent, then calls `done` from the writer thread.
    pub fn begin(&self, _intent: Intent, _done: impl FnOnce(Result<()>) + Send + 'static) { todo!() }
    /// Queues an outcome; it is committed with the next batch, within 20 ms.
    pub fn finish(&self, _outcome: Outcome) { todo!() }
    /// Closes intents a dead process left open, as unknown, keeping their reserved cost. Returns how many.
    pub fn close_open_intents(&self, _at: Timestamp) -> Result<u64> { todo!() }
    /// Commits what is queued.
    pub fn flush(&self) -> Result<()> { todo!() }
    /// Writes everything, sealed under the passphrase, to a new file.
    pub fn backup(&self, _to: &Path, _passphrase: &Secret) -> Result<()> { todo!() }
}
