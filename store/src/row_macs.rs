//! Message authentication codes (MACs) of the policy rows that name who is trusted, under a key derived from the master
//! key: a row that anything but keyreeve wrote is refused by name.
//!
//! Invariants: a row is signed only in the transaction that wrote it, after its previous state was verified; taking
//! authority away deletes the code, so that undoing it in the database gives nothing back
//! (docs/store-format.md has the layout).

use std::collections::{HashMap, HashSet};

use keyreeve_core::profile::ProfileId;
use keyreeve_core::virtual_key::{KeyId, PublicId};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row};
use zeroize::Zeroizing;

use crate::master_key::MasterKey;
use crate::sql_types::{count, sql_integer};
use crate::{Result, StoreError};

/// The context of the key derivation.
const KEY_CONTEXT: &str = "keyreeve 2026-11-30 policy row MAC 1";

/// The key of the codes.
pub(crate) struct RowKey(Zeroizing<[u8; 32]>);

/// A kind of row with a code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum RowKind {
    Profile,
    Key,
    Secret,
}

/// A row with a code.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SignedRow {
    /// A profile, with all its columns.
    Profile(ProfileId),
    /// A key, with the list of its profiles and without `revoked_at`.
    Key(KeyId),
    /// A secret of a key.
    Secret(PublicId),
}

/// The rows that do not verify.
#[derive(Debug, Default)]
pub(crate) struct UnverifiedRows {
    pub(crate) profiles: HashSet<ProfileId>,
    pub(crate) keys: HashSet<KeyId>,
    pub(crate) secrets: HashSet<PublicId>,
}

/// A code as stored.
struct StoredMac {
    version: u64,
    mac: [u8; 32],
}

impl RowKind {
    const ALL: [Self; 3] = [Self::Profile, Self::Key, Self::Secret];

    fn word(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Key => "key",
            Self::Secret => "secret",
        }
    }

    /// Returns the query of the rows of this kind, whose first column is the id.
    fn query(self) -> &'static str {
        match self {
            Self::Profile => {
                "SELECT id, name, source, detail, base_url, auth, provenance, billing, family, hint, secret_exposure,
                        simulated, expires_at, created_at, rotated_at, removed
                 FROM profiles WHERE removed = 0"
            }
            Self::Key => {
                "SELECT id, name, billing, strategy, allow_billing, models, cache_ttl, expires_at, created_at, simulated,
                        (SELECT group_concat(position || ':' || hex(profile), ',' ORDER BY position)
                         FROM key_profiles WHERE key = keys.id) AS profiles
                 FROM keys WHERE revoked_at IS NULL"
            }
            Self::Secret => {
                "SELECT public_id AS id, key, hash, valid_until FROM key_secrets WHERE true"
            }
        }
    }

    /// Returns the query of the row with id `?1`.
    fn query_one(self) -> String {
        let column = match self {
            Self::Profile | Self::Key => "id",
            Self::Secret => "public_id",
        };
        format!("{} AND {column} = ?1", self.query())
    }
}

impl SignedRow {
    fn kind(self) -> RowKind {
        match self {
            Self::Profile(_) => RowKind::Profile,
            Self::Key(_) => RowKind::Key,
            Self::Secret(_) => RowKind::Secret,
        }
    }

    fn id(self) -> Vec<u8> {
        match self {
            Self::Profile(id) => id.0.into_bytes().to_vec(),
            Self::Key(id) => id.0.into_bytes().to_vec(),
            Self::Secret(id) => id.0.to_vec(),
        }
    }
}

impl RowKey {
    /// Derives the key from the master key.
    pub(crate) fn derive(master_key: &MasterKey) -> Self {
        Self(Zeroizing::new(blake3::derive_key(
            KEY_CONTEXT,
            master_key.expose(),
        )))
    }

    /// Signs a row as it is now in the transaction, with the next version.
    pub(crate) fn sign(&self, connection: &Connection, row: SignedRow) -> Result<()> {
        let (kind, id) = (row.kind(), row.id());
        let version = stored(connection, row)?.map_or(0, |stored| stored.version) + 1;
        let mac = connection
            .prepare_cached(&kind.query_one())?
            .query_row([&id], |row| self.mac(kind, version, row))?;
        connection.execute(
            "INSERT OR REPLACE INTO row_macs (kind, id, version, mac) VALUES (?1, ?2, ?3, ?4)",
            (kind.word(), id, sql_integer(version), mac.as_bytes()),
        )?;
        Ok(())
    }

    /// Returns `true` if the row exists, has authority, and verifies.
    pub(crate) fn verifies(&self, connection: &Connection, row: SignedRow) -> Result<bool> {
        let Some(stored) = stored(connection, row)? else {
            return Ok(false);
        };
        let computed = connection
            .prepare_cached(&row.kind().query_one())?
            .query_row([row.id()], |found| {
                self.mac(row.kind(), stored.version, found)
            })
            .optional()?;
        // `blake3::Hash` compares in constant time.
        Ok(computed.is_some_and(|mac| mac == stored.mac))
    }

    /// Rejects a row that does not verify, before it is changed and signed again.
    pub(crate) fn check(&self, connection: &Connection, row: SignedRow) -> Result<()> {
        if self.verifies(connection, row)? {
            return Ok(());
        }
        let query = match row {
            SignedRow::Profile(_) => "SELECT name FROM profiles WHERE id = ?1 AND removed = 0",
            SignedRow::Key(_) => "SELECT name FROM keys WHERE id = ?1 AND revoked_at IS NULL",
            SignedRow::Secret(_) => {
                "SELECT name FROM keys JOIN key_secrets ON key = id WHERE public_id = ?1 AND revoked_at IS NULL"
            }
        };
        let name: Option<String> = connection
            .query_row(query, [row.id()], |row| row.get(0))
            .optional()?;
        let what = match row {
            SignedRow::Profile(_) => "profile",
            SignedRow::Key(_) | SignedRow::Secret(_) => "key",
        };
        Err(match name {
            Some(name) => StoreError::NotVerified { what, name },
            None => StoreError::NotFound { what },
        })
    }

    /// Signs every row that has authority: once in the life of a store.
    pub(crate) fn sign_all(&self, connection: &Connection) -> Result<()> {
        for kind in RowKind::ALL {
            for row in self.unverified(connection, kind)? {
                self.sign(connection, row)?;
            }
        }
        Ok(())
    }

    /// Verifies every row that has authority.
    pub(crate) fn unverified_rows(&self, connection: &Connection) -> Result<UnverifiedRows> {
        let mut unverified = UnverifiedRows::default();
        for kind in RowKind::ALL {
            for row in self.unverified(connection, kind)? {
                match row {
                    SignedRow::Profile(id) => unverified.profiles.insert(id),
                    SignedRow::Key(id) => unverified.keys.insert(id),
                    SignedRow::Secret(id) => unverified.secrets.insert(id),
                };
            }
        }
        Ok(unverified)
    }

    fn unverified(&self, connection: &Connection, kind: RowKind) -> Result<Vec<SignedRow>> {
        let macs = stored_of(connection, kind)?;
        let mut statement = connection.prepare(kind.query())?;
        let mut rows = statement.query([])?;
        let mut unverified = Vec::new();
        while let Some(row) = rows.next()? {
            let id: Vec<u8> = row.get(0)?;
            let is_verified = match macs.get(&id) {
                Some(stored) => self.mac(kind, stored.version, row)? == stored.mac,
                None => false,
            };
            if !is_verified {
                unverified.push(signed_row(kind, row)?);
            }
        }
        Ok(unverified)
    }

    /// Computes the code of a row: kind, version and every column with its name and type, each after its length.
    fn mac(&self, kind: RowKind, version: u64, row: &Row<'_>) -> rusqlite::Result<blake3::Hash> {
        let mut encoded = Vec::with_capacity(512);
        push(&mut encoded, &[kind.word().as_bytes()]);
        push(&mut encoded, &[&version.to_be_bytes()]);
        for (index, name) in row.as_ref().column_names().enumerate() {
            push(&mut encoded, &[name.as_bytes()]);
            match row.get_ref(index)? {
                ValueRef::Null => push(&mut encoded, &[b"n"]),
                ValueRef::Integer(value) => push(&mut encoded, &[b"i", &value.to_be_bytes()]),
                ValueRef::Real(value) => push(&mut encoded, &[b"r", &value.to_be_bytes()]),
                ValueRef::Text(value) => push(&mut encoded, &[b"t", value]),
                ValueRef::Blob(value) => push(&mut encoded, &[b"b", value]),
            }
        }
        Ok(blake3::keyed_hash(&self.0, &encoded))
    }
}

/// Takes a row's authority away: nothing verifies it any more. Needs no key.
pub(crate) fn erase(connection: &Connection, row: SignedRow) -> Result<()> {
    connection.execute(
        "DELETE FROM row_macs WHERE kind = ?1 AND id = ?2",
        (row.kind().word(), row.id()),
    )?;
    Ok(())
}

/// Deletes the codes of secrets that were deleted, so that these cannot be inserted again.
pub(crate) fn erase_deleted_secrets(connection: &Connection) -> Result<()> {
    connection.execute(
        "DELETE FROM row_macs WHERE kind = 'secret' AND id NOT IN (SELECT public_id FROM key_secrets)",
        [],
    )?;
    Ok(())
}

/// Appends one field, after its length (32 bits, big-endian).
fn push(encoded: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    encoded.extend_from_slice(&length.to_be_bytes());
    for part in parts {
        encoded.extend_from_slice(part);
    }
}

fn signed_row(kind: RowKind, row: &Row<'_>) -> rusqlite::Result<SignedRow> {
    Ok(match kind {
        RowKind::Profile => SignedRow::Profile(ProfileId(crate::sql_types::uuid(row, "id")?)),
        RowKind::Key => SignedRow::Key(KeyId(crate::sql_types::uuid(row, "id")?)),
        RowKind::Secret => SignedRow::Secret(PublicId(row.get("id")?)),
    })
}

fn stored(connection: &Connection, row: SignedRow) -> Result<Option<StoredMac>> {
    let stored = connection
        .prepare_cached("SELECT version, mac FROM row_macs WHERE kind = ?1 AND id = ?2")?
        .query_row((row.kind().word(), row.id()), read_stored)
        .optional()?;
    Ok(stored)
}

fn stored_of(connection: &Connection, kind: RowKind) -> Result<HashMap<Vec<u8>, StoredMac>> {
    let mut statement =
        connection.prepare_cached("SELECT version, mac, id FROM row_macs WHERE kind = ?1")?;
    let macs = statement.query_map([kind.word()], |row| {
        Ok((row.get::<_, Vec<u8>>("id")?, read_stored(row)?))
    })?;
    Ok(macs.collect::<rusqlite::Result<_>>()?)
}

fn read_stored(row: &Row<'_>) -> rusqlite::Result<StoredMac> {
    Ok(StoredMac {
        version: count(row, "version")?,
        mac: row.get("mac")?,
    })
}
