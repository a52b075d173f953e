//! Virtual keys: their rows and the hashes of their secrets.
//!
//! Invariants: the secrets themselves never reach the store; a revoked key keeps its row and stays revoked. What gives
//! authority signs the rows it writes and needs the master key; what takes it away needs none.

use jiff::Timestamp;
use keyreeve_core::profile::BillingClass;
use keyreeve_core::virtual_key::{KeyHash, KeyId, PublicId, VirtualKey};
use rusqlite::{Connection, named_params};

use crate::row_macs::{self, SignedRow};
use crate::rows::keys::{billing_json, insert, insert_profile, insert_secret};
use crate::sql_types::micros;
use crate::{Result, Store, StoreError};

impl Store {
    /// Adds a key.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] by a key that is not revoked; [`StoreError::NotFound`] if one of its profiles does not
    /// exist.
    pub fn add_key(&self, key: &VirtualKey, public: PublicId, hash: KeyHash) -> Result<()> {
        let row_key = self.row_key()?;
        self.change(|transaction| {
            insert(transaction, key)?;
            for (position, profile) in (0_i64..).zip(&key.profiles) {
                insert_profile(transaction, key, position, *profile)?;
            }
            insert_secret(transaction, key.id, public, hash)?;
            row_key.sign(transaction, SignedRow::Key(key.id))?;
            row_key.sign(transaction, SignedRow::Secret(public))
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
        let row_key = self.row_key()?;
        self.change(|transaction| {
            row_key.check(transaction, SignedRow::Key(id))?;
            for secret in secrets_of(transaction, id)? {
                let was_verified = row_key.verifies(transaction, SignedRow::Secret(secret))?;
                transaction.execute(
                    "UPDATE key_secrets SET valid_until = min(coalesce(valid_until - 1, :until), :until)
                     WHERE public_id = :secret",
                    named_params! { ":secret": secret.0, ":until": micros(old_until) },
                )?;
                // One that did not verify stays refused.
                if was_verified {
                    row_key.sign(transaction, SignedRow::Secret(secret))?;
                }
            }
            insert_secret(transaction, id, new.0, new.1)?;
            row_key.sign(transaction, SignedRow::Secret(new.0))
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
        let row_key = self.row_key()?;
        self.change(|transaction| {
            row_key.check(transaction, SignedRow::Key(id))?;
            transaction.execute(
                "DELETE FROM key_secrets WHERE key = ?1 AND valid_until < ?2",
                (id.0.into_bytes(), micros(delete_before)),
            )?;
            row_macs::erase_deleted_secrets(transaction)?;
            let inserted = transaction.execute(
                "INSERT INTO key_secrets (public_id, key, hash, valid_until)
                 SELECT ?1, id, ?2, ?3 FROM keys WHERE id = ?4 AND revoked_at IS NULL",
                (new.0.0, new.1.0, until.map(micros), id.0.into_bytes()),
            )?;
            StoreError::check_found("key", inserted)?;
            row_key.sign(transaction, SignedRow::Secret(new.0))
        })
    }

    /// Expires one secret of a key at `at`, unless it already expires earlier. Succeeds if there is no such secret.
    /// Without a master key the secret is deleted at once: a later expiry could not be signed.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn expire_secret(&self, public: PublicId, at: Timestamp) -> Result<()> {
        let row_key = self.row_key().ok();
        let row = SignedRow::Secret(public);
        self.change(|transaction| {
            let Some(row_key) = row_key else {
                return delete_secret(transaction, public);
            };
            let was_verified = row_key.verifies(transaction, row)?;
            transaction.execute(
                "UPDATE key_secrets SET valid_until = min(coalesce(valid_until, ?2), ?2) WHERE public_id = ?1",
                (public.0, micros(at)),
            )?;
            // One that did not verify stays refused.
            if was_verified {
                row_key.sign(transaction, row)?;
            }
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
        let row_key = self.row_key()?;
        self.change(|transaction| {
            row_key.check(transaction, SignedRow::Secret(public))?;
            let updated = transaction.execute(
                "UPDATE key_secrets SET valid_until = :until WHERE public_id = :public AND valid_until = :from
                 AND key IN (SELECT id FROM keys WHERE revoked_at IS NULL)",
                named_params! { ":public": public.0, ":from": micros(from), ":until": micros(until) },
            )?;
            StoreError::check_found("key", updated)?;
            row_key.sign(transaction, SignedRow::Secret(public))
        })
    }

    /// Deletes a temporary secret. Succeeds if there is no such secret.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn delete_secret(&self, public: PublicId) -> Result<()> {
        self.change(|transaction| delete_secret(transaction, public))
    }

    /// Sets the billing classes that a key may use in addition to its own, replacing the previous ones.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such key, or it was revoked.
    pub fn set_allow_billing(&self, id: KeyId, classes: &[BillingClass]) -> Result<()> {
        let classes = billing_json(classes);
        let row_key = self.row_key()?;
        self.change(|transaction| {
            row_key.check(transaction, SignedRow::Key(id))?;
            let updated = transaction.execute(
                "UPDATE keys SET allow_billing = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                (id.0.into_bytes(), classes),
            )?;
            StoreError::check_found("key", updated)?;
            row_key.sign(transaction, SignedRow::Key(id))
        })
    }

    /// Revokes a key: once this returns, no more leases are granted for it. Revoking it again changes nothing. Needs no
    /// master key: the codes of the key and of its secrets are deleted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn revoke_key(&self, id: KeyId, at: Timestamp) -> Result<()> {
        self.change(|transaction| {
            let updated = transaction.execute(
                "UPDATE keys SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1",
                (id.0.into_bytes(), micros(at)),
            )?;
            StoreError::check_found("key", updated)?;
            for secret in secrets_of(transaction, id)? {
                row_macs::erase(transaction, SignedRow::Secret(secret))?;
            }
            row_macs::erase(transaction, SignedRow::Key(id))
        })
    }
}

fn delete_secret(connection: &Connection, public: PublicId) -> Result<()> {
    connection.execute("DELETE FROM key_secrets WHERE public_id = ?1", [public.0])?;
    row_macs::erase(connection, SignedRow::Secret(public))
}

fn secrets_of(connection: &Connection, id: KeyId) -> Result<Vec<PublicId>> {
    let mut statement =
        connection.prepare_cached("SELECT public_id FROM key_secrets WHERE key = ?1")?;
    let secrets = statement.query_map([id.0.into_bytes()], |row| Ok(PublicId(row.get(0)?)))?;
    Ok(secrets.collect::<rusqlite::Result<_>>()?)
}
