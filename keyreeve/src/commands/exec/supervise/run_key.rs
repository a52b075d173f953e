//! The virtual key's secret for one run: valid for 60 s, renewed every 20 s, revoked at the end.
//!
//! Invariants: it expires at most 60 s after our last renewal; a secret that was revoked, or whose key was rotated or
//! revoked, is not renewed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use keyreeve_broker::admin::new_key;
use keyreeve_core::secret::Secret;
use keyreeve_core::virtual_key::{KeyId, PublicId};
use keyreeve_os::system::now;
use keyreeve_store::{Store, StoreError};

use crate::error::{CommandError, Exit};

/// Validity after each renewal.
const LIFETIME: SignedDuration = SignedDuration::from_secs(60);
/// Age at which the secret is renewed. Its remaining lifetime leaves time to retry a failed renewal.
const RENEWAL_INTERVAL: SignedDuration = SignedDuration::from_secs(20);
/// Expired secrets of killed runs of the same key are deleted after this time; a program that sleeps longer loses its key.
const RETENTION: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A temporary secret given to a program.
pub(super) struct RunKey {
    store: Arc<Store>,
    public_id: PublicId,
    expires_at: Timestamp,
}

/// Result of a renewal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RenewalResult {
    /// Valid for another minute.
    Extended,
    /// Revoked by another command.
    Revoked,
    /// The store cannot be written.
    Failed,
}

impl RunKey {
    /// Creates a temporary secret of a virtual key.
    ///
    /// # Errors
    /// Exit 1 if the key was revoked in the meantime, 7 if the store cannot be written.
    pub(super) fn create(store: Arc<Store>, key: KeyId) -> Result<(Self, Secret), CommandError> {
        let (new_key, now) = (new_key()?, now());
        let expires_at = expiry_after(now)
            .ok_or_else(|| CommandError::new(Exit::Failed, "the clock is out of range"))?;
        let delete_before = now.saturating_sub(RETENTION).unwrap_or(now);
        let public_id = new_key.public_id;
        store.add_temporary_secret(
            key,
            (public_id, new_key.hash),
            (Some(expires_at), delete_before),
        )?;
        let run_key = Self {
            store,
            public_id,
            expires_at,
        };
        Ok((run_key, new_key.key))
    }

    /// Returns `true` if the secret should be renewed now.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at.duration_since(now) <= LIFETIME - RENEWAL_INTERVAL
    }

    /// Extends the secret by another minute.
    pub(super) fn renew(&mut self, now: Timestamp) -> RenewalResult {
        let Some(expires_at) = expiry_after(now) else {
            return RenewalResult::Failed;
        };
        match self
            .store
            .extend_secret(self.public_id, (self.expires_at, expires_at))
        {
            Ok(()) => {
                self.expires_at = expires_at;
                RenewalResult::Extended
            }
            Err(StoreError::NotFound { .. }) => RenewalResult::Revoked,
            Err(_) => RenewalResult::Failed,
        }
    }

    /// Revokes the secret.
    ///
    /// # Errors
    /// If the store cannot be written; the secret then expires by itself.
    pub(super) fn revoke(&self) -> Result<(), StoreError> {
        self.store.delete_secret(self.public_id)
    }
}

/// Returns the expiry of a secret renewed now, in whole microseconds as the store saves it.
fn expiry_after(now: Timestamp) -> Option<Timestamp> {
    let expires_at = now.checked_add(LIFETIME).ok()?;
    Timestamp::from_microsecond(expires_at.as_microsecond()).ok()
}
