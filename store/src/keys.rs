//! Virtual keys: their rows and the hashes of their secrets.
//!
//! Invariants: the secrets themselves never reach the store; a revoked key keeps its row and stays revoked.

use jiff::Timestamp;
use keyreeve_core::profile::BillingClass;
use keyreeve_core::virtual_key::{KeyHash, KeyId, PublicId, VirtualKey};
use rusqlite::named_params;

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
        self.change(|transaction| {
            insert(transaction, key)?;
            for (position, profile) in (0_i64..).zip(&key.profiles) {
                insert_profile(transaction, key, position, *profile)?;
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
        self.change(|transaction| {
            let updated = transaction.execute(
                "UPDATE key_secrets SET valid_until = min(coalesce(valid_until - 1, :until), :until)
                 WHERE key = (SELECT id FROM keys WHERE id = :id AND revoked_at IS NULL)",
                named_params! { ":id": id.0.into_bytes(), ":until": micros(old_until) },
            )?;
            StoreError::check_found("key", updated)?;
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
        self.change(|transaction| {
            transaction.execute(
                "DELETE FROM key_secrets WHERE key = ?1 AND valid_until < ?2",
                (id.0.into_bytes(), micros(delete_before)),
            )?;
            let inserted = transaction.execute(
                "INSERT INTO key_secrets (public_id, key, hash, valid_until)
                 SELECT ?1, id, ?2, ?3 FROM keys WHERE id = ?4 AND revoked_at IS NULL",
                (new.0.0, new.1.0, until.map(micros), id.0.into_bytes()),
            )?;
            StoreError::check_found("key", inserted)
        })
    }

    /// Expires one secret of a key at `at`, unless it already expires earlier. Succeeds if there is no such secret.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn expire_secret(&self, public: PublicId, at: Timestamp) -> Result<()> {
        self.change(|transaction| {
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
        self.change(|transaction| {
            let updated = transaction.execute(
                "UPDATE key_secrets SET valid_until = :until WHERE public_id = :public AND valid_until = :from
                 AND key IN (SELECT id FROM keys WHERE revoked_at IS NULL)",
                named_params! { ":public": public.0, ":from": micros(from), ":until": micros(until) },
            )?;
            StoreError::check_found("key", updated)
        })
    }

    /// Deletes a temporary secret. Succeeds if there is no such secret.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn delete_secret(&self, public: PublicId) -> Result<()> {
        self.change(|transaction| {
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
        self.change(|transaction| {
            let updated = transaction.execute(
                "UPDATE keys SET allow_billing = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                (id.0.into_bytes(), classes),
            )?;
            StoreError::check_found("key", updated)
        })
    }

    /// Revokes a key: once this returns, no more leases are granted for it. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn revoke_key(&self, id: KeyId, at: Timestamp) -> Result<()> {
        self.change(|transaction| {
            let updated = transaction.execute(
                "UPDATE keys SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1",
                (id.0.into_bytes(), micros(at)),
            )?;
            StoreError::check_found("key", updated)
        })
    }
}
