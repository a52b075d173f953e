//! Policy for leasing and resolution: profiles, keys, bindings and health, read in one transaction and cached until
//! they change.
//!
//! Invariant: [`PolicyReader::snapshot`] contains every change that any process committed before the call.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use keyreeve_core::binding::Binding;
use keyreeve_core::profile::{Profile, ProfileId};
use keyreeve_core::virtual_key::{KeyHash, KeyId, PublicId, VirtualKey};
use keyreeve_os::files::SafeDir;
use rusqlite::Connection;

use crate::row_macs::{RowKey, UnverifiedRows};
use crate::rows::health::HealthStates;
use crate::rows::keys::KeySecret;
use crate::rows::profiles::SealedSecret;
use crate::rows::{bindings, keys, profiles};
use crate::sql_types::{optional, uuid};
use crate::sqlite::POLICY_FILE;
use crate::wal_index::{WalHeader, WalIndex};
use crate::{Result, StoreError};

/// Profiles, keys and bindings, read in one transaction.
#[derive(Debug)]
pub struct Policy {
    profiles: Vec<Arc<Profile>>,
    profile_index: HashMap<ProfileId, usize>,
    /// Names of all profiles, removed ones included.
    profile_names: HashMap<ProfileId, String>,
    key_index: HashMap<KeyId, usize>,
    sealed: HashMap<ProfileId, SealedSecret>,
    keys: Vec<Arc<VirtualKey>>,
    secrets: HashMap<PublicId, KeySecret>,
    default_profile: Option<ProfileId>,
    bindings: Vec<Binding>,
    /// The rows that do not verify; `None` if nothing was verified, for lack of the master key.
    unverified: Option<UnverifiedRows>,
}

/// The result of [`Policy::key`]: a key and the secret that matched.
#[derive(Clone, Copy, Debug)]
pub struct FoundKey<'a> {
    /// The key.
    pub key: &'a Arc<VirtualKey>,
    /// The hash of the secret, to be compared with the presented one in constant time.
    pub hash: KeyHash,
    /// Expiry of this secret, after a rotation; `None` if it does not expire.
    pub valid_until: Option<Timestamp>,
}

impl Policy {
    /// Finds a key by its public id, even a revoked or expired one.
    pub fn key(&self, id: PublicId) -> Option<FoundKey<'_>> {
        let secret = self.secrets.get(&id)?;
        let key = self.keys.get(secret.key)?;
        Some(FoundKey {
            key,
            hash: secret.hash,
            valid_until: secret.valid_until,
        })
    }

    /// Finds a key by its permanent id, even a revoked or expired one.
    pub fn key_by_id(&self, id: KeyId) -> Option<&Arc<VirtualKey>> {
        self.keys.get(*self.key_index.get(&id)?)
    }

    /// Returns every secret of every key, even of a revoked or expired one.
    pub fn key_secrets(&self) -> impl Iterator<Item = (PublicId, FoundKey<'_>)> {
        let secrets = self.secrets.keys();
        secrets.filter_map(|id| Some((*id, self.key(*id)?)))
    }

    /// Rejects a profile whose row does not verify: nothing may be sent and no program started for it.
    ///
    /// # Errors
    /// [`StoreError::NotVerified`]; [`StoreError::NotFound`] if it was removed.
    pub fn check_profile(&self, id: ProfileId) -> Result<()> {
        let profile = self
            .profile(id)
            .ok_or(StoreError::NotFound { what: "profile" })?;
        if self.is_profile_verified(id) {
            return Ok(());
        }
        Err(StoreError::NotVerified {
            what: "profile",
            name: profile.name.to_string(),
        })
    }

    /// Rejects a key whose row does not verify, and a key found by a secret that does not verify.
    ///
    /// # Errors
    /// [`StoreError::NotVerified`].
    pub fn check_key(&self, key: &VirtualKey, secret: Option<PublicId>) -> Result<()> {
        let is_verified = self.unverified.as_ref().is_some_and(|rows| {
            !rows.keys.contains(&key.id) && secret.is_none_or(|id| !rows.secrets.contains(&id))
        });
        if is_verified {
            return Ok(());
        }
        Err(StoreError::NotVerified {
            what: "key",
            name: key.name.to_string(),
        })
    }

    /// Returns `true` if a profile's row verifies.
    pub fn is_profile_verified(&self, id: ProfileId) -> bool {
        (self.unverified.as_ref()).is_some_and(|rows| !rows.profiles.contains(&id))
    }

    /// Returns `true` if a key's row and all its secrets verify, or if it was revoked and has no authority to verify.
    pub fn is_key_verified(&self, key: &VirtualKey) -> bool {
        let has_bad_secret = |rows: &UnverifiedRows| {
            (rows.secrets.iter())
                .any(|id| self.key(*id).is_some_and(|found| found.key.id == key.id))
        };
        let verified =
            |rows: &UnverifiedRows| !rows.keys.contains(&key.id) && !has_bad_secret(rows);
        key.revoked_at.is_some() || self.unverified.as_ref().is_some_and(verified)
    }

    /// Finds a profile.
    pub fn profile(&self, id: ProfileId) -> Option<&Arc<Profile>> {
        self.profile_index
            .get(&id)
            .and_then(|&index| self.profiles.get(index))
    }

    /// Returns the last name of a profile, even of a removed one, or the name shown for
    /// [`ProfileId::PASS_THROUGH`].
    pub(crate) fn profile_name(&self, id: ProfileId) -> Option<&str> {
        if id == ProfileId::PASS_THROUGH {
            return Some(ProfileId::PASS_THROUGH_NAME);
        }
        self.profile_names.get(&id).map(String::as_str)
    }

    /// Returns the name of a key, even of a revoked one, or the name shown for [`KeyId::OWN`].
    pub(crate) fn key_name(&self, id: KeyId) -> Option<&str> {
        if id == KeyId::OWN {
            return Some(KeyId::OWN_NAME);
        }
        self.key_by_id(id).map(|key| key.name.as_str())
    }

    /// Returns the encrypted secret of a profile.
    pub(crate) fn sealed(&self, id: ProfileId) -> Option<&SealedSecret> {
        self.sealed.get(&id)
    }

    /// Returns all keys, sorted by name; of several with one name the active one comes first, then the newest.
    pub fn keys(&self) -> &[Arc<VirtualKey>] {
        &self.keys
    }

    /// Returns all profiles, sorted by name.
    pub fn profiles(&self) -> &[Arc<Profile>] {
        &self.profiles
    }

    /// Returns a copy of all profiles, sorted by name.
    pub fn to_profiles(&self) -> Vec<Profile> {
        let profiles = self.profiles.iter();
        profiles.map(|profile| Profile::clone(profile)).collect()
    }

    /// Returns the default profile, set by `profile use`.
    pub fn default_profile(&self) -> Option<ProfileId> {
        self.default_profile
    }

    /// Returns all bindings, sorted by directory.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// Reads policy, and verifies its rows if there is a key for that.
    pub(crate) fn read(connection: &Connection, row_key: Option<&RowKey>) -> Result<Self> {
        let unverified = row_key
            .map(|key| key.unverified_rows(connection))
            .transpose()?;
        let default = connection.query_row("SELECT default_profile FROM meta", [], |row| {
            optional(row, "default_profile", uuid)
        })?;
        let profiles = profiles::read_all(connection)?;
        let keys = keys::read_all(connection)?;
        let key_index = (keys.iter().enumerate())
            .map(|(index, key)| (key.id, index))
            .collect();
        let secrets = keys::read_secrets(connection, &key_index)?;
        let bindings = bindings::read_all(connection)?;
        let profile_index = profiles
            .iter()
            .enumerate()
            .map(|(index, profile)| (profile.id, index))
            .collect();
        Ok(Self {
            profiles,
            profile_index,
            profile_names: profiles::read_names(connection)?,
            key_index,
            sealed: profiles::read_sealed(connection)?,
            keys,
            secrets,
            default_profile: default.map(ProfileId),
            bindings,
            unverified,
        })
    }
}

/// The connection that reads policy, with its cache.
pub(crate) struct PolicyReader {
    connection: Connection,
    index: WalIndex,
    cached: Option<CachedSnapshot>,
    row_key: Option<Arc<RowKey>>,
}

struct CachedSnapshot {
    /// The state of the database, which changes with every commit of any process; `None` if a commit was under way.
    header: Option<WalHeader>,
    /// Our own counters, incremented with every policy write and every change of health.
    generations: Generations,
    snapshot: LeaseSnapshot,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Generations {
    policy: i64,
    health: i64,
}

/// Everything a lease needs. Only the part that changed is read again; the other stays the same `Arc`.
#[derive(Clone, Debug)]
pub struct LeaseSnapshot {
    /// Profiles, keys and bindings.
    pub policy: Arc<Policy>,
    /// The health of all scopes.
    pub health: Arc<HealthStates>,
}

impl PolicyReader {
    /// Creates the reader with a connection that has read from the database, which creates its index.
    pub(crate) fn new(
        connection: Connection,
        dir: &SafeDir,
        row_key: Option<Arc<RowKey>>,
    ) -> Result<Self> {
        let index = WalIndex::open(dir, POLICY_FILE)?;
        Ok(Self {
            connection,
            index,
            cached: None,
            row_key,
        })
    }

    pub(crate) fn snapshot(&mut self) -> Result<LeaseSnapshot> {
        // Read first: a commit after this point changes it again.
        let header = self.index.header();
        if let Some(cached) = &self.cached
            && header.is_some()
            && cached.header == header
        {
            return Ok(cached.snapshot.clone());
        }
        let transaction = self.connection.unchecked_transaction()?;
        let generations = Generations::read(&transaction)?;
        if let Some(cached) = &self.cached
            && generations.policy < cached.generations.policy
        {
            // An older file was copied over the database.
            return Err(StoreError::Replaced {
                path: POLICY_FILE.into(),
            });
        }
        let cached = self.cached.take();
        let policy = match &cached {
            Some(cached) if cached.generations.policy == generations.policy => {
                Arc::clone(&cached.snapshot.policy)
            }
            Some(_) | None => Arc::new(Policy::read(&transaction, self.row_key.as_deref())?),
        };
        let health = match &cached {
            Some(cached) if cached.generations.health == generations.health => {
                Arc::clone(&cached.snapshot.health)
            }
            Some(_) | None => Arc::new(HealthStates::read(&transaction)?),
        };
        drop(transaction);
        let snapshot = LeaseSnapshot { policy, health };
        self.cached = Some(CachedSnapshot {
            header,
            generations,
            snapshot: snapshot.clone(),
        });
        Ok(snapshot)
    }
}

impl Generations {
    fn read(connection: &Connection) -> Result<Self> {
        let generations = connection
            .prepare_cached("SELECT generation, health_generation FROM meta")?
            .query_row([], |row| {
                Ok(Self {
                    policy: row.get(0)?,
                    health: row.get(1)?,
                })
            });
        Ok(generations?)
    }
}
