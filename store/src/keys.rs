//! Virtual keys: their rows and the hashes of their secrets.
//!
//! Invariants: the secrets themselves never reach the store; a revoked key keeps its row and stays revoked.

use std::collections::HashMap;

use jiff::Timestamp;
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::profile::{BillingClass, ProfileId};
use keyreeve_core::virtual_key::{KeyHash, KeyId, PublicId, VirtualKey};
use rusqlite::{Connection, Row, named_params};
use uuid::Uuid;

use crate::policy::KeySecret;
use crate::profiles::name_taken;
use crate::sql_enum::SqlEnum as _;
use crate::sql_types::{
    micros, optional_sql_enum, optional_timestamp, parsed, sql_enum, timestamp, uuid,
};
use crate::{Result, Store, StoreError};

impl Store {
    /// Adds a key.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] by a key that is not revoked; [`StoreError::NotFound`] if one of its profiles does not
    /// exist.
    pub fn add_key(&self, key: &VirtualKey, public: PublicId, hash: KeyHash) -> Result<()> {
        let key = key.clone();
        self.change(move |transaction| {
            insert(transaction, &key)?;
            for (place, profile) in (0_i64..).zip(&key.profiles) {
                insert_profile(transaction, &key, place, *profile)?;
            }
            insert_secret(transaction, key.id, public, hash)
        })
    }

    /// Adds a new secret to a key and expires its old ones at `old_until`. One that already expires earlier is moved
    /// one microsecond earlier still, so that the creator of a temporary secret [notices](Store::extend_secret) the
    /// rotation.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such key, or it was revoked.
    pub fn rotate_key(
        &self,
        id: KeyId,
        new: (PublicId, KeyHash),
        old_until: Timestamp,
    ) -> Result<()> {
        self.change(move |transaction| {
            let updated = transaction.execute(
                "UPDATE key_secrets SET valid_until = min(coalesce(valid_until - 1, :until), :until)
                 WHERE key = (SELECT id FROM keys WHERE id = :id AND revoked_at IS NULL)",
                named_params! { ":id": id.0.into_bytes(), ":until": micros(old_until) },
            )?;
            if updated == 0 {
                return Err(NOT_FOUND);
            }
            insert_secret(transaction, id, new.0, new.1)
        })
    }

    /// Adds a secret that expires at `until` to a key, or one that never expires if that is `None`; the others are
    /// unchanged. Secrets that expired before `delete_before` are deleted, so that short-lived ones do not pile up.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such key, or it was revoked.
    pub fn add_temporary_secret(
        &self,
        id: KeyId,
        new: (PublicId, KeyHash),
        (until, delete_before): (Option<Timestamp>, Timestamp),
    ) -> Result<()> {
        self.change(move |transaction| {
            transaction.execute(
                "DELETE FROM key_secrets WHERE key = ?1 AND valid_until < ?2",
                (id.0.into_bytes(), micros(delete_before)),
            )?;
            let inserted = transaction.execute(
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

    /// Expires one secret of a key at `at`, unless it already expires earlier. Succeeds if there is no such secret.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn expire_secret(&self, public: PublicId, at: Timestamp) -> Result<()> {
        self.change(move |transaction| {
            transaction.execute(
                "UPDATE key_secrets SET valid_until = min(coalesce(valid_until, ?2), ?2) WHERE public_id = ?1",
                (public.0, micros(at)),
            )?;
            Ok(())
        })
    }

    /// Moves the expiry of a temporary secret from `from`, as the caller last set it, to `until`. An expired secret
    /// becomes valid again, since its machine may have slept; but not one that was expired or rotated by another
    /// caller.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if its expiry is no longer `from`, or its key was revoked.
    pub fn extend_secret(
        &self,
        public: PublicId,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<()> {
        self.change(move |transaction| {
            let updated = transaction.execute(
                "UPDATE key_secrets SET valid_until = :until WHERE public_id = :public AND valid_until = :from
                 AND key IN (SELECT id FROM keys WHERE revoked_at IS NULL)",
                named_params! { ":public": public.0, ":from": micros(from), ":until": micros(until) },
            )?;
            if updated == 0 { Err(NOT_FOUND) } else { Ok(()) }
        })
    }

    /// Deletes a temporary secret. Succeeds if there is no such secret.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn delete_secret(&self, public: PublicId) -> Result<()> {
        self.change(move |transaction| {
            transaction.execute("DELETE FROM key_secrets WHERE public_id = ?1", [public.0])?;
            Ok(())
        })
    }

    /// Sets the billing classes that a key may use in addition to its own, replacing the previous ones.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such key, or it was revoked.
    pub fn set_allow_billing(&self, id: KeyId, classes: &[BillingClass]) -> Result<()> {
        let classes = billing_json(classes);
        self.change(move |transaction| {
            let updated = transaction.execute(
                "UPDATE keys SET may_spend = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                (id.0.into_bytes(), classes),
            )?;
            if updated == 0 { Err(NOT_FOUND) } else { Ok(()) }
        })
    }

    /// Revokes a key: once this returns, no more leases are granted for it. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn revoke_key(&self, id: KeyId, at: Timestamp) -> Result<()> {
        self.change(move |transaction| {
            let updated = transaction.execute(
                "UPDATE keys SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1",
                (id.0.into_bytes(), micros(at)),
            )?;
            if updated == 0 { Err(NOT_FOUND) } else { Ok(()) }
        })
    }
}

const NOT_FOUND: StoreError = StoreError::NotFound { what: "key" };

/// Reads all keys, sorted by name; of several with one name the active one first, then the newest.
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

/// Reads the secrets of the keys, by public id.
pub(crate) fn read_secrets(
    connection: &Connection,
    keys: &[VirtualKey],
) -> Result<HashMap<PublicId, KeySecret>> {
    let indexes: HashMap<KeyId, usize> = keys
        .iter()
        .enumerate()
        .map(|(index, key)| (key.id, index))
        .collect();
    let mut statement = connection.prepare("SELECT * FROM key_secrets")?;
    let mut rows = statement.query([])?;
    let mut secrets = HashMap::new();
    while let Some(row) = rows.next()? {
        if let Some(&key) = indexes.get(&KeyId(uuid(row, "key")?)) {
            let hash = KeyHash(row.get("hash")?);
            let valid_until = optional_timestamp(row, "valid_until")?;
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

fn insert(connection: &Connection, key: &VirtualKey) -> Result<()> {
    connection.execute(
        "INSERT INTO keys (id, name, billing, strategy, may_spend, models, cache_ttl, expires_at, revoked_at, created_at, simulated)
         VALUES (:id, :name, :billing, :strategy, :may_spend, :models, :cache_ttl, :expires_at, :revoked_at, :created_at, :simulated)",
        named_params! {
            ":id": key.id.0.into_bytes(),
            ":name": key.name.as_str(),
            ":billing": key.billing.map(BillingClass::word),
            ":strategy": key.strategy.word(),
            ":may_spend": billing_json(&key.allow_billing),
            ":models": serde_json::Value::from(key.models.as_slice()).to_string(),
            ":cache_ttl": key.cache_ttl.map(Ttl::as_str),
            ":expires_at": key.expires_at.map(micros),
            ":revoked_at": key.revoked_at.map(micros),
            ":created_at": micros(key.created_at),
            ":simulated": key.simulated,
        },
    )
    .map_err(|error| name_taken(error, &key.name))?;
    Ok(())
}

fn billing_json(classes: &[BillingClass]) -> String {
    let words: Vec<&str> = classes.iter().map(|class| class.word()).collect();
    serde_json::Value::from(words).to_string()
}

/// Parses the output of [`billing_json`].
fn parse_billing_json(text: &str) -> Option<Vec<BillingClass>> {
    let words: Vec<String> = serde_json::from_str(text).ok()?;
    words
        .iter()
        .map(|word| BillingClass::from_word(word))
        .collect()
}

fn insert_profile(
    connection: &Connection,
    key: &VirtualKey,
    place: i64,
    profile: ProfileId,
) -> Result<()> {
    let inserted = connection.execute(
        "INSERT INTO key_profiles (key, place, profile)
         SELECT ?1, ?2, id FROM profiles WHERE id = ?3 AND removed = 0",
        (key.id.0.into_bytes(), place, profile.0.into_bytes()),
    )?;
    if inserted == 0 {
        Err(StoreError::NotFound { what: "profile" })
    } else {
        Ok(())
    }
}

fn insert_secret(
    connection: &Connection,
    key: KeyId,
    public: PublicId,
    hash: KeyHash,
) -> Result<()> {
    connection.execute(
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
        billing: optional_sql_enum(row, "billing")?,
        strategy: sql_enum(row, "strategy")?,
        allow_billing: parsed(row, "may_spend", parse_billing_json)?,
        models: parsed(row, "models", |text| serde_json::from_str(text).ok())?,
        cache_ttl: optional_sql_enum(row, "cache_ttl")?,
        expires_at: optional_timestamp(row, "expires_at")?,
        revoked_at: optional_timestamp(row, "revoked_at")?,
        created_at: timestamp(row, "created_at")?,
        simulated: row.get("simulated")?,
    })
}
