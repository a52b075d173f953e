//! Profiles: their rows, and their secrets, which are encrypted (sealed) before they are written.
//!
//! Invariants: a removed profile keeps its row for the ledger and loses its secret; a secret is sealed for the base URL
//! in the profile's row.

use keyreeve_core::profile::{Name, Profile, ProfileId, SecretExposure, Source};
use keyreeve_core::secret::{Secret, Sink};
use rusqlite::{Connection, OptionalExtension as _, named_params};

use crate::master_key::MasterKey;
use crate::row_macs::{self, SignedRow};
use crate::rows::health;
use crate::rows::profiles::{insert, name_taken};
use crate::seal::{self, RecordKind, SealContext};
use crate::sql_enum::SqlEnum;
use crate::sql_types::{micros, sql_integer};
use crate::{Result, Store, StoreError};

impl Store {
    /// Adds a profile; `secret` is encrypted and stored if its source is `Sealed`.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`]; [`StoreError::NotFound`] if its source is `Sealed` and there is no secret.
    pub fn add_profile(&self, profile: &Profile, secret: Option<&Secret>) -> Result<()> {
        let secret = match (&profile.source, secret) {
            (Source::Sealed, Some(secret)) => Some(secret),
            (Source::Sealed, None) => {
                return Err(StoreError::NotFound {
                    what: "secret to encrypt",
                });
            }
            (
                Source::Environment { .. }
                | Source::File { .. }
                | Source::Command { .. }
                | Source::SdkProfile { .. }
                | Source::Ant { .. }
                | Source::ClaudeLogin { .. },
                _,
            ) => None,
        };
        let (master_key, row_key) = (self.master_key()?, self.row_key()?);
        self.change(|transaction| {
            insert(transaction, profile)?;
            if let Some(secret) = secret {
                write_sealed(transaction, &master_key, profile.id, secret)?;
            }
            row_key.sign(transaction, SignedRow::Profile(profile.id))
        })
    }

    /// Replaces a profile's secret, family, hint, expiry and time of last rotation. Deletes the health of the old
    /// secret that comes from responses.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such profile with a sealed secret.
    pub fn rotate_profile(&self, profile: &Profile, secret: &Secret) -> Result<()> {
        let (master_key, row_key) = (self.master_key()?, self.row_key()?);
        self.change(|transaction| {
            row_key.check(transaction, SignedRow::Profile(profile.id))?;
            let updated = transaction.execute(
                "UPDATE profiles SET family = :family, hint = :hint, expires_at = :expires_at, rotated_at = :rotated_at
                 WHERE id = :id AND removed = 0 AND source = 'sealed'",
                named_params! {
                    ":id": profile.id.0.into_bytes(),
                    ":family": profile.family.map(SqlEnum::word),
                    ":hint": profile.hint,
                    ":expires_at": profile.expires_at.map(micros),
                    ":rotated_at": profile.rotated_at.map(micros),
                },
            )?;
            StoreError::check_found("profile", updated)?;
            health::delete_credential_health(transaction, profile.id)?;
            write_sealed(transaction, &master_key, profile.id, secret)?;
            row_key.sign(transaction, SignedRow::Profile(profile.id))
        })?;
        self.delete_limits(profile.id)
    }

    /// Renames a profile.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::NameTaken`].
    pub fn rename_profile(&self, id: ProfileId, name: &Name) -> Result<()> {
        let row_key = self.row_key()?;
        self.change(|transaction| {
            row_key.check(transaction, SignedRow::Profile(id))?;
            let updated = transaction
                .execute(
                    "UPDATE profiles SET name = ?2 WHERE id = ?1 AND removed = 0",
                    (id.0.into_bytes(), name.as_str()),
                )
                .map_err(|error| name_taken(error, name))?;
            StoreError::check_found("profile", updated)?;
            row_key.sign(transaction, SignedRow::Profile(id))
        })
    }

    /// Sets the programs that a profile's raw secret may be given to.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn set_secret_exposure(&self, id: ProfileId, exposure: SecretExposure) -> Result<()> {
        let row_key = self.row_key()?;
        self.change(|transaction| {
            row_key.check(transaction, SignedRow::Profile(id))?;
            let updated = transaction.execute(
                "UPDATE profiles SET secret_exposure = ?2 WHERE id = ?1 AND removed = 0",
                (id.0.into_bytes(), exposure.word()),
            )?;
            StoreError::check_found("profile", updated)?;
            row_key.sign(transaction, SignedRow::Profile(id))
        })
    }

    /// Removes a profile and deletes its secret. Keys no longer have it; ledger entries keep its id and last name.
    /// Needs no master key: its code is deleted, and the signed lists of keys are unchanged.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn remove_profile(&self, profile: ProfileId) -> Result<()> {
        let id = profile.0.into_bytes();
        self.change(|transaction| {
            let updated = transaction.execute(
                "UPDATE profiles SET removed = 1, hint = NULL, detail = NULL WHERE id = ?1 AND removed = 0",
                [id],
            )?;
            StoreError::check_found("profile", updated)?;
            transaction.execute("DELETE FROM sealed WHERE profile = ?1", [id])?;
            row_macs::erase(transaction, SignedRow::Profile(profile))?;
            transaction.execute("UPDATE meta SET default_profile = NULL WHERE default_profile = ?1", [id])?;
            health::delete_profile_health(transaction, profile)?;
            Ok(())
        })?;
        self.delete_limits(profile)
    }

    /// Sets the default profile.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn use_profile(&self, id: ProfileId) -> Result<()> {
        self.change(|transaction| {
            let updated = transaction.execute(
                "UPDATE meta SET default_profile = ?1
                 WHERE EXISTS (SELECT 1 FROM profiles WHERE id = ?1 AND removed = 0)",
                [id.0.into_bytes()],
            )?;
            StoreError::check_found("profile", updated)
        })
    }
}

/// Encrypts (seals) a secret for the base URL in the profile's row, with the next generation, and writes it.
fn write_sealed(
    connection: &Connection,
    master_key: &MasterKey,
    profile: ProfileId,
    secret: &Secret,
) -> Result<()> {
    let id = profile.0.into_bytes();
    let base_url: String =
        connection.query_row("SELECT base_url FROM profiles WHERE id = ?1", [id], |row| {
            row.get(0)
        })?;
    let previous: Option<i64> = connection
        .query_row(
            "SELECT generation FROM sealed WHERE profile = ?1",
            [id],
            |row| row.get(0),
        )
        .optional()?;
    let generation = previous.unwrap_or(0).unsigned_abs().saturating_add(1);
    let context = SealContext {
        id,
        kind: RecordKind::Profile,
        generation,
        base_url: &base_url,
    };
    let sealed = seal::seal(
        master_key,
        context,
        secret.expose_for(Sink::Seal).as_bytes(),
    )?;
    connection.execute(
        "INSERT OR REPLACE INTO sealed (profile, generation, sealed) VALUES (?1, ?2, ?3)",
        (id, sql_integer(generation), sealed),
    )?;
    Ok(())
}
