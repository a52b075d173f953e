//! Rows of virtual keys, of their profiles and of their secrets, which are stored as hashes.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::profile::{BillingClass, ProfileId};
use keyreeve_core::virtual_key::{KeyHash, KeyId, ModelPattern, PublicId, VirtualKey};
use rusqlite::{Connection, Row, named_params};

use super::profiles::name_taken;
use crate::sql_enum::SqlEnum as _;
use crate::sql_types::{from_str, micros, optional, parsed, sql_enum, timestamp, uuid};
use crate::{Result, StoreError};

/// A secret of a key; a rotated key has several for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySecret {
    /// Index of the key in [`Policy::keys`](crate::Policy::keys).
    pub(crate) key: usize,
    /// SHA-256 of the secret.
    pub(crate) hash: KeyHash,
    /// Expiry of the secret.
    pub(crate) valid_until: Option<Timestamp>,
}

/// Reads all keys, sorted by name; of several with one name the active one first, then the newest.
pub(crate) fn read_all(connection: &Connection) -> Result<Vec<Arc<VirtualKey>>> {
    let mut profiles = read_profiles(connection)?;
    let mut statement = connection.prepare(
        "SELECT * FROM keys ORDER BY name, revoked_at IS NOT NULL, created_at DESC, id DESC",
    )?;
    let keys = statement.query_map([], |row| {
        let id = KeyId(uuid(row, "id")?);
        read_row(row, id, profiles.remove(&id).unwrap_or_default()).map(Arc::new)
    })?;
    Ok(keys.collect::<rusqlite::Result<_>>()?)
}

/// Reads the secrets of the keys with these indexes, by public id.
pub(crate) fn read_secrets(
    connection: &Connection,
    indexes: &HashMap<KeyId, usize>,
) -> Result<HashMap<PublicId, KeySecret>> {
    let mut statement = connection.prepare("SELECT * FROM key_secrets")?;
    let mut rows = statement.query([])?;
    let mut secrets = HashMap::new();
    while let Some(row) = rows.next()? {
        if let Some(&key) = indexes.get(&KeyId(uuid(row, "key")?)) {
            let hash = KeyHash(row.get("hash")?);
            let valid_until = optional(row, "valid_until", timestamp)?;
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

pub(crate) fn insert(connection: &Connection, key: &VirtualKey) -> Result<()> {
    connection.execute(
        "INSERT INTO keys (id, name, billing, strategy, allow_billing, models, cache_ttl, expires_at, revoked_at, created_at, simulated)
         VALUES (:id, :name, :billing, :strategy, :allow_billing, :models, :cache_ttl, :expires_at, :revoked_at, :created_at, :simulated)",
        named_params! {
            ":id": key.id.0.into_bytes(),
            ":name": key.name.as_str(),
            ":billing": key.billing.map(BillingClass::word),
            ":strategy": key.strategy.word(),
            ":allow_billing": billing_json(&key.allow_billing),
            ":models": models_json(&key.models),
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

pub(crate) fn billing_json(classes: &[BillingClass]) -> String {
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

fn models_json(models: &[ModelPattern]) -> String {
    let patterns: Vec<&str> = models.iter().map(ModelPattern::as_str).collect();
    serde_json::Value::from(patterns).to_string()
}

/// Parses the output of [`models_json`].
fn parse_models_json(text: &str) -> Option<Vec<ModelPattern>> {
    let patterns: Vec<String> = serde_json::from_str(text).ok()?;
    Some(patterns.into_iter().map(ModelPattern::new).collect())
}

pub(crate) fn insert_profile(
    connection: &Connection,
    key: &VirtualKey,
    position: i64,
    profile: ProfileId,
) -> Result<()> {
    let inserted = connection.execute(
        "INSERT INTO key_profiles (key, position, profile)
         SELECT ?1, ?2, id FROM profiles WHERE id = ?3 AND removed = 0",
        (key.id.0.into_bytes(), position, profile.0.into_bytes()),
    )?;
    StoreError::check_found("profile", inserted)
}

pub(crate) fn insert_secret(
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

/// Reads the profiles of each key. A removed profile stays in the signed list, and is left out here.
fn read_profiles(connection: &Connection) -> Result<HashMap<KeyId, Vec<ProfileId>>> {
    let mut statement = connection.prepare(
        "SELECT key, profile FROM key_profiles JOIN profiles ON id = profile
             WHERE removed = 0 ORDER BY key, position",
    )?;
    let mut rows = statement.query([])?;
    let mut profiles: HashMap<KeyId, Vec<ProfileId>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let profile = ProfileId(uuid(row, "profile")?);
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
        name: from_str(row, "name")?,
        profiles,
        billing: optional(row, "billing", sql_enum)?,
        strategy: sql_enum(row, "strategy")?,
        allow_billing: parsed(row, "allow_billing", parse_billing_json)?,
        models: parsed(row, "models", parse_models_json)?,
        cache_ttl: optional(row, "cache_ttl", sql_enum)?,
        expires_at: optional(row, "expires_at", timestamp)?,
        revoked_at: optional(row, "revoked_at", timestamp)?,
        created_at: timestamp(row, "created_at")?,
        simulated: row.get("simulated")?,
    })
}
