//! What leasing and resolution may look at: profiles, keys, bindings and standings, read in one transaction and kept until
//! somebody changes them.
//!
//! Invariant: a change committed by any process before [`Store::policy`] is called is in what it returns.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use keyreeve_core::binding::Binding;
use keyreeve_core::profile::{Profile, ProfileId};
use keyreeve_core::virtual_key::{KeyHash, PublicId, VirtualKey};
use rusqlite::Connection;
use uuid::Uuid;

use crate::{Result, Standings, Store, bindings, keys, profiles};

/// Everything leasing may look at, read in one transaction.
#[derive(Debug)]
pub struct Policy {
    profiles: Vec<Profile>,
    profile_places: HashMap<ProfileId, usize>,
    keys: Vec<VirtualKey>,
    secrets: HashMap<PublicId, KeySecret>,
    default_profile: Option<ProfileId>,
    bindings: Vec<Binding>,
}

/// One secret of a key: a rotated key has several for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySecret {
    /// Where the key stands among all.
    pub key: usize,
    /// SHA-256 of the secret.
    pub hash: KeyHash,
    /// When the secret ends.
    pub valid_until: Option<Timestamp>,
}

/// A key as [`Policy::key`] finds it.
#[derive(Clone, Copy, Debug)]
pub struct FoundKey<'a> {
    /// The key.
    pub key: &'a VirtualKey,
    /// The hash to compare the presented one with, in constant time.
    pub hash: KeyHash,
    /// After this the presented secret is refused: it was rotated away. None: no end.
    pub valid_until: Option<Timestamp>,
}

impl Policy {
    /// Looks a key up by its public part; a revoked or expired one is found too.
    pub fn key(&self, id: PublicId) -> Option<FoundKey<'_>> {
        let secret = self.secrets.get(&id)?;
        let key = self.keys.get(secret.key)?;
        Some(FoundKey {
            key,
            hash: secret.hash,
            valid_until: secret.valid_until,
        })
    }

    /// Looks a profile up.
    pub fn profile(&self, id: ProfileId) -> Option<&Profile> {
        self.profile_places
            .get(&id)
            .and_then(|&place| self.profiles.get(place))
    }

    /// All keys, in order of their names; of several with one name the living one comes first, then the newest.
    pub fn keys(&self) -> &[VirtualKey] {
        &self.keys
    }

    /// All profiles, in order of their names.
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// The profile `profile use` chose.
    pub fn default_profile(&self) -> Option<ProfileId> {
        self.default_profile
    }

    /// Every bound directory, in order of their paths.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    pub(crate) fn read(connection: &Connection) -> Result<Self> {
        let default: Option<[u8; 16]> =
            connection.query_row("SELECT default_profile FROM meta", [], |row| row.get(0))?;
        let profiles = profiles::read_all(connection)?;
        let keys = keys::read_all(connection)?;
        let secrets = keys::read_secrets(connection, &keys)?;
        let bindings = bindings::read_all(connection)?;
        let profile_places = profiles
            .iter()
            .enumerate()
            .map(|(place, profile)| (profile.id, place))
            .collect();
        let default_profile = default.map(|id| ProfileId(Uuid::from_bytes(id)));
        Ok(Self {
            profiles,
            profile_places,
            keys,
            secrets,
            default_profile,
            bindings,
        })
    }
}

/// The connection that reads policy, and what it read last.
pub(crate) struct Reader {
    pub(crate) connection: Connection,
    last: Option<Last>,
}

struct Last {
    /// SQLite's own number, which moves with every commit of any other connection.
    data_version: i64,
    /// Ours, which move with every policy write and every change of a standing.
    generations: Generations,
    known: Known,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Generations {
    policy: i64,
    standings: i64,
}

/// All that leasing may look at. What is stale is read again, the other stays the same `Arc`.
#[derive(Clone, Debug)]
pub struct Known {
    /// Profiles and keys.
    pub policy: Arc<Policy>,
    /// How they stand.
    pub standings: Arc<Standings>,
}

impl Reader {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            last: None,
        }
    }

    fn known(&mut self) -> Result<Known> {
        // Asked for before anything is read: what is committed in between moves it again.
        let data_version = one_number(&self.connection, "PRAGMA data_version")?;
        if let Some(last) = &self.last
            && last.data_version == data_version
        {
            return Ok(last.known.clone());
        }
        let transaction = self.connection.unchecked_transaction()?;
        let generations = Generations::read(&transaction)?;
        let last = self.last.take();
        let policy = match &last {
            Some(last) if last.generations.policy == generations.policy => {
                Arc::clone(&last.known.policy)
            }
            Some(_) | None => Arc::new(Policy::read(&transaction)?),
        };
        let standings = match &last {
            Some(last) if last.generations.standings == generations.standings => {
                Arc::clone(&last.known.standings)
            }
            Some(_) | None => Arc::new(Standings::read(&transaction)?),
        };
        drop(transaction);
        let known = Known { policy, standings };
        self.last = Some(Last {
            data_version,
            generations,
            known: known.clone(),
        });
        Ok(known)
    }
}

impl Generations {
    fn read(connection: &Connection) -> Result<Self> {
        let generations = connection
            .prepare_cached("SELECT generation, standings_generation FROM meta")?
            .query_row([], |row| {
                Ok(Self {
                    policy: row.get(0)?,
                    standings: row.get(1)?,
                })
            });
        Ok(generations?)
    }
}

impl Store {
    /// What leasing may look at: the same `Arc` while nothing changed (`PRAGMA data_version`, then a generation counter).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn policy(&self) -> Result<Arc<Policy>> {
        Ok(self.known()?.policy)
    }

    /// The same with the standings, for the price of the one question.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn known(&self) -> Result<Known> {
        self.reader().known()
    }
}

fn one_number(connection: &Connection, query: &str) -> Result<i64> {
    Ok(connection
        .prepare_cached(query)?
        .query_row([], |row| row.get(0))?)
}
