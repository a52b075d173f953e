//! Virtual keys: their rows and the hashes of their secrets.
//!
//! Invariants: a secret itself never comes here; a revoked key keeps its row and stays revoked.

use std::collections::HashMap;

use jiff::Timestamp;
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::profile::{BillingClass, ProfileId};
use keyreeve_core::virtual_key::{KeyHash, KeyId, PublicId, VirtualKey};
use rusqlite::{Connection, Row, named_params};
use uuid::Uuid;

use crate::columns::{instant, maybe_instant, maybe_word, micros, parsed, uuid, word};
use crate::policy::KeySecret;
use crate::profiles::taken;
use crate::words::Word as _;
use crate::{Error, Result, Store};

impl Store {
    /// Adds a key.
    ///
    /// # Errors
    /// [`Error::NameTaken`] by a key that is not revoked; [`Error::NotFound`] when one of its profiles is not there.
    pub fn add_key(&self, key: &VirtualKey, public: PublicId, hash: KeyHash) -> Result<()> {
        let key = key.clone();
        self.change(move |to| {
            insert(to, &key)?;
            for (place, profile) in (0_i64..).zip(&key.profiles) {
                insert_profile(to, &key, place, *profile)?;
            }
            insert_secret(to, key.id, public, hash)
        })
    }

    /// Gives a key a new secret; the old ones end at `old_until`, or earlier where that was said before: by a
    /// microsecond, so that who lent one [sees](Store::extend_secret) that it was ended.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such key, or it was revoked.
    pub fn rotate_key(
        &self,
        id: KeyId,
        new: (PublicId, KeyHash),
        old_until: Timestamp,
    ) -> Result<()> {
        self.change(move |to| {
            let updated = to.execute(
                "UPDATE key_secrets SET valid_until = min(coalesce(valid_until - 1, :until), :until)
                 WHERE key = (SELECT id FROM keys WHERE id = :id AND revoked_at IS NULL)",
                named_params! { ":id": id.0.into_bytes(), ":until": micros(old_until) },
            )?;
            if updated == 0 {
                return Err(NOT_FOUND);
            }
            insert_secret(to, id, new.0, new.1)
        })
    }

    /// Gives a key one more secret, which ends at `until`, if at all; the others stay as they are. What ended before
    /// `forget` is forgotten, so that short-lived secrets do not pile up.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such key, or it was revoked.
    pub fn lend_secret(
        &self,
        id: KeyId,
        new: (PublicId, KeyHash),
        (until, forget): (Option<Timestamp>, Timestamp),
    ) -> Result<()> {
        self.change(move |to| {
            to.execute(
                "DELETE FROM key_secrets WHERE key = ?1 AND valid_until < ?2",
                (id.0.into_bytes(), micros(forget)),
            )?;
            let inserted = to.execute(
                "INSERT INTO key_secrets (public_id, key, hash, valid_until)
                 SELECT ?1, id, ?2, ?3 FROM keys WHERE id = ?4 AND revoked_at IS NULL",
                (new.0.0, new.1.0, until.map(micros), id.0.into_bytes()),
            )?;
            if inserted == 0 {
                Err(NOT_FOUND)
            } else {
                Ok(())
            }
        })
    }

    /// Ends one secret of a key at `at`, or earlier where that was said before. That there is none is well.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn end_secret(&self, public: PublicId, at: Timestamp) -> Result<()> {
        self.change(move |to| {
            to.execute(
                "UPDATE key_secrets SET valid_until = min(coalesce(valid_until, ?2), ?2) WHERE public_id = ?1",
                (public.0, micros(at)),
            )?;
            Ok(())
        })
    }

    /// Moves the end of a lent secret from `from`, which the caller gave it, to `until`. A lapsed one holds again: its
    /// machine may have slept. Whoever else ended it, or rotated its key, has the last word.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it does not end at `from` any more, or its key was revoked.
    pub fn extend_secret(
        &self,
        public: PublicId,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<()> {
        self.change(move |to| {
            let updated = to.execute(
                "UPDATE key_secrets SET valid_until = :until WHERE public_id = :public AND valid_until = :from
                 AND key IN (SELECT id FROM keys WHERE revoked_at IS NULL)",
                named_params! { ":public": public.0, ":from": micros(from), ":until": micros(until) },
            )?;
            if updated == 0 { Err(NOT_FOUND) } else { Ok(()) }
        })
    }

    /// Takes a lent secret away, for good. That there is none is well.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn withdraw_secret(&self, public: PublicId) -> Result<()> {
        self.change(move |to| {
            to.execute("DELETE FROM key_secrets WHERE public_id = ?1", [public.0])?;
            Ok(())
        })
    }

    /// Says whom a key may be billed to beside its first profile's payer, in place of whom it might before.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such key, or it was revoked.
    pub fn set_may_spend(&self, id: KeyId, classes: &[BillingClass]) -> Result<()> {
        let classes = written(classes);
        self.change(move |to| {
            let updated = to.execute(
                "UPDATE keys SET may_spend = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                (id.0.into_bytes(), classes),
            )?;
            if updated == 0 { Err(NOT_FOUND) } else { Ok(()) }
        })
    }

    /// Revokes a key: when this returns, no later lease is given for it. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn revoke_key(&self, id: KeyId, at: Timestamp) -> Result<()> {
        self.change(move |to| {
            let updated = to.execute(
                "UPDATE keys SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1",
                (id.0.into_bytes(), micros(at)),
            )?;
            if updated == 0 { Err(NOT_FOUND) } else { Ok(()) }
        })
    }
}

const NOT_FOUND: Error = Error::NotFound { what: "key" };

/// Reads all keys, in order of their names; of several with one name the living one first, then the newest.
pub(crate) fn read_all(connection: &Connection) -> Result<Vec<VirtualKey>> {
    let mut profiles = read_profiles(connection)?;
    let mut statement = connection.prepare(
        "SELECT * FROM keys ORDER BY name, revoked_at IS NOT NULL, created_at DESC, id DESC",
    )?;
    let keys = statement.query_map([], |row| {
        let id = KeyId(uuid(row, "id")?);
        read_row(row, id, profiles.remove(&id).unwrap_or_default())
    })?;
    Ok(keys.collect::<rusqlite::Result<_>>()?)
}

/// Reads the secrets of the keys, by their public parts.
pub(crate) fn read_secrets(
    connection: &Connection,
    keys: &[VirtualKey],
) -> Result<HashMap<PublicId, KeySecret>> {
    let places: HashMap<KeyId, usize> = keys
        .iter()
        .enumerate()
        .map(|(place, key)| (key.id, place))
        .collect();
    let mut statement = connection.prepare("SELECT * FROM key_secrets")?;
    let mut rows = statement.query([])?;
    let mut secrets = HashMap::new();
    while let Some(row) = rows.next()? {
        if let Some(&key) = places.get(&KeyId(uuid(row, "key")?)) {
            let hash = KeyHash(row.get("hash")?);
            let valid_until = maybe_instant(row, "valid_until")?;
            secrets.insert(
                PublicId(row.get("public_id")?),
                KeySecret {
                    key,
                    hash,
                    valid_until,
                },
            );
        }
    }
    Ok(secrets)
}

fn insert(to: &Connection, key: &VirtualKey) -> Result<()> {
    to.execute(
        "INSERT INTO keys (id, name, billing, strategy, may_spend, models, cache_ttl, expires_at, revoked_at, created_at, simulated)
         VALUES (:id, :name, :billing, :strategy, :may_spend, :models, :cache_ttl, :expires_at, :revoked_at, :created_at, :simulated)",
        named_params! {
            ":id": key.id.0.into_bytes(),
            ":name": key.name.as_str(),
            ":billing": key.billing.map(BillingClass::word),
            ":strategy": key.strategy.word(),
            ":may_spend": written(&key.may_spend),
            ":models": serde_json::Value::from(key.models.as_slice()).to_string(),
            ":cache_ttl": key.cache_ttl.map(Ttl::word),
            ":expires_at": key.expires_at.map(micros),
            ":revoked_at": key.revoked_at.map(micros),
            ":created_at": micros(key.created_at),
            ":simulated": key.simulated,
        },
    )
    .map_err(|error| taken(error, &key.name))?;
    Ok(())
}

fn written(classes: &[BillingClass]) -> String {
    let words: Vec<&str> = classes.iter().map(|class| class.word()).collect();
    serde_json::Value::from(words).to_string()
}

/// Reads what [`written`] wrote.
fn classes(text: &str) -> Option<Vec<BillingClass>> {
    let words: Vec<String> = serde_json::from_str(text).ok()?;
    words.iter().map(|word| BillingClass::of(word)).collect()
}

fn insert_profile(to: &Connection, key: &VirtualKey, place: i64, profile: ProfileId) -> Result<()> {
    let inserted = to.execute(
        "INSERT INTO key_profiles (key, place, profile)
         SELECT ?1, ?2, id FROM profiles WHERE id = ?3 AND removed = 0",
        (key.id.0.into_bytes(), place, profile.0.into_bytes()),
    )?;
    if inserted == 0 {
        Err(Error::NotFound { what: "profile" })
    } else {
        Ok(())
    }
}

fn insert_secret(to: &Connection, key: KeyId, public: PublicId, hash: KeyHash) -> Result<()> {
    to.execute(
        "INSERT INTO key_secrets (public_id, key, hash) VALUES (?1, ?2, ?3)",
        (public.0, key.0.into_bytes(), hash.0),
    )?;
    Ok(())
}

fn read_profiles(connection: &Connection) -> Result<HashMap<KeyId, Vec<ProfileId>>> {
    let mut statement =
        connection.prepare("SELECT key, profile FROM key_profiles ORDER BY key, place")?;
    let mut rows = statement.query([])?;
    let mut profiles: HashMap<KeyId, Vec<ProfileId>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let profile = ProfileId(Uuid::from_bytes(row.get("profile")?));
        profiles
            .entry(KeyId(uuid(row, "key")?))
            .or_default()
            .push(profile);
    }
    Ok(profiles)
}

fn read_row(row: &Row<'_>, id: KeyId, profiles: Vec<ProfileId>) -> rusqlite::Result<VirtualKey> {
    Ok(VirtualKey {
        id,
        name: parsed(row, "name", |text| text.parse().ok())?,
        profiles,
        billing: maybe_word(row, "billing")?,
        strategy: word(row, "strategy")?,
        may_spend: parsed(row, "may_spend", classes)?,
        models: parsed(row, "models", |text| serde_json::from_str(text).ok())?,
        cache_ttl: maybe_word(row, "cache_ttl")?,
        expires_at: maybe_instant(row, "expires_at")?,
        revoked_at: maybe_instant(row, "revoked_at")?,
        created_at: instant(row, "created_at")?,
        simulated: row.get("simulated")?,
    })
}
