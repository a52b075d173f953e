//! Reads the virtual keys of a backup and of the store that it replaces, and writes what was decided about them.

use std::collections::HashMap;

use jiff::Timestamp;
use keyreeve_core::virtual_key::{KeyId, PublicId, VirtualKey};
use keyreeve_os::files::SafeDir;
use rusqlite::Connection;

use super::decision::{BackupKey, BackupSecret, ReplacedSecret, ReplacedSecrets, SecretFate};
use crate::master_key::MasterKey;
use crate::row_macs::{self, RowKey, SignedRow};
use crate::sql_types::{from_str, micros, optional, timestamp, uuid};
use crate::sqlite::{self, Access, POLICY_FILE};
use crate::{Policy, Result};

/// Reads the keys that were not revoked, sorted by name. Both forms of a backup have these columns; `policy` is known
/// for a current one.
pub(super) fn read_keys(
    connection: &Connection,
    policy: Option<&Policy>,
) -> Result<Vec<BackupKey>> {
    let mut statement = connection
        .prepare("SELECT id, name, created_at FROM keys WHERE revoked_at IS NULL ORDER BY name")?;
    let keys = statement.query_map([], |row| {
        let id = KeyId(uuid(row, "id")?);
        let mut rows = policy.iter().flat_map(|policy| policy.keys());
        Ok(BackupKey {
            id,
            name: from_str(row, "name")?,
            created_at: timestamp(row, "created_at")?,
            profiles: Vec::new(),
            row: rows
                .find(|key| key.id == id)
                .map(|key| VirtualKey::clone(key)),
            secrets: Vec::new(),
        })
    })?;
    let mut keys = keys.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut secrets =
        connection.prepare("SELECT public_id, valid_until FROM key_secrets WHERE key = ?1")?;
    let mut profiles = connection.prepare(
        "SELECT profiles.name FROM key_profiles JOIN profiles ON profiles.id = key_profiles.profile
         WHERE key_profiles.key = ?1 AND removed = 0 ORDER BY profiles.name",
    )?;
    for key in &mut keys {
        let names = profiles.query_map([key.id.0.as_bytes()], |row| row.get(0))?;
        key.profiles = names.collect::<rusqlite::Result<_>>()?;
        let found = secrets.query_map([key.id.0.as_bytes()], |row| {
            Ok(BackupSecret {
                id: PublicId(row.get("public_id")?),
                valid_until: optional(row, "valid_until", timestamp)?,
            })
        })?;
        key.secrets = found.collect::<rusqlite::Result<_>>()?;
    }
    Ok(keys)
}

/// Reads the secrets of the store that is replaced, or `None` if it is damaged or cannot be read.
pub(super) fn replaced_secrets(dir: &SafeDir, keys: &SafeDir) -> Option<ReplacedSecrets> {
    let connection = sqlite::open_checked(dir, POLICY_FILE, Access::Read).ok()?;
    sqlite::check_integrity(&connection, &dir.path().join(POLICY_FILE)).ok()?;
    let row_key = RowKey::derive(&MasterKey::read(keys).ok()?);
    let policy = Policy::read(&connection, Some(&row_key)).ok()?;
    let secrets = policy.key_secrets().map(|(public, found)| {
        let secret = ReplacedSecret {
            key: VirtualKey::clone(found.key),
            valid_until: found.valid_until,
            is_verified: policy.check_key(found.key, Some(public)).is_ok(),
        };
        (public, secret)
    });
    Some(secrets.collect::<HashMap<_, _>>())
}

/// Writes what was decided about the keys of a backup into its database.
pub(super) struct KeyWriter<'a> {
    pub(super) connection: &'a Connection,
    /// Present in a database that has signed rows.
    pub(super) row_key: Option<&'a RowKey>,
    /// The time of the restore.
    pub(super) at: Timestamp,
}

impl KeyWriter<'_> {
    /// Deletes the secrets that stay dead, and revokes a key that has none left. A row that verified before it was
    /// changed is signed again.
    pub(super) fn write(&self, key: &BackupKey, fates: &[SecretFate]) -> Result<()> {
        for (secret, fate) in key.secrets.iter().zip(fates) {
            match fate {
                SecretFate::Dead => {
                    self.connection.execute(
                        "DELETE FROM key_secrets WHERE public_id = ?1",
                        [secret.id.0],
                    )?;
                    self.erase(SignedRow::Secret(secret.id))?;
                }
                SecretFate::Works { until } => self.write_expiry(secret.id, *until)?,
            }
        }
        if fates.iter().all(|fate| *fate == SecretFate::Dead) {
            self.connection.execute(
                "UPDATE keys SET revoked_at = ?2 WHERE id = ?1",
                (key.id.0.as_bytes(), micros(self.at)),
            )?;
            self.erase(SignedRow::Key(key.id))?;
        }
        Ok(())
    }

    fn write_expiry(&self, secret: PublicId, until: Option<Timestamp>) -> Result<()> {
        let row = SignedRow::Secret(secret);
        let was_verified = match self.row_key {
            Some(row_key) => row_key.verifies(self.connection, row)?,
            None => false,
        };
        self.connection.execute(
            "UPDATE key_secrets SET valid_until = ?2 WHERE public_id = ?1",
            (secret.0, until.map(micros)),
        )?;
        match self.row_key {
            Some(row_key) if was_verified => row_key.sign(self.connection, row),
            Some(_) | None => Ok(()),
        }
    }

    /// Takes a row's authority away.
    fn erase(&self, row: SignedRow) -> Result<()> {
        match self.row_key {
            Some(_) => row_macs::erase(self.connection, row),
            None => Ok(()),
        }
    }
}
