//! The secret of one run: lent for a minute, renewed every twenty seconds, taken back at the end.
//!
//! Invariants: it holds for a minute at most without us; one that somebody else ended, or whose key was rotated or
//! revoked, is not renewed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::secret::Secret;
use keyreeve_core::virtual_key::{KeyId, PublicId};
use keyreeve_os::world::now;
use keyreeve_store::{Error, Store};

use crate::error::{CommandError, Exit};
use crate::wiring;

/// How long it holds without us.
const LIFE: SignedDuration = SignedDuration::from_secs(60);
/// After how long it is renewed: twice before it would end.
const RENEWAL: SignedDuration = SignedDuration::from_secs(20);
/// What a killed run of the same key left is forgotten after this time; a program that sleeps longer has lost its key.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A secret that is lent to a program.
pub(super) struct Lent {
    store: Arc<Store>,
    public: PublicId,
    until: Timestamp,
}

/// What became of a renewal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Renewed {
    /// It holds for another minute.
    Holds,
    /// Somebody else ended it.
    EndedByOthers,
    /// The store could not be written.
    Failed,
}

impl Lent {
    /// Lends a new secret of a key.
    ///
    /// # Errors
    /// Exit 1 where the key was revoked meanwhile, 7 where the store cannot be written.
    pub(super) fn lend(store: Arc<Store>, key: KeyId) -> Result<(Self, Secret), CommandError> {
        let (minted, now) = (wiring::mint()?, now());
        let until = later(now)
            .ok_or_else(|| CommandError::new(Exit::Failed, "the clock is out of range"))?;
        let forget = now.saturating_sub(FORGOTTEN).unwrap_or(now);
        let public = minted.public_id;
        store.lend_secret(key, (public, minted.hash), (Some(until), forget))?;
        let lent = Self {
            store,
            public,
            until,
        };
        Ok((lent, minted.key))
    }

    /// Whether it is to be renewed.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.until.duration_since(now) <= LIFE - RENEWAL
    }

    /// Has it hold for another minute.
    pub(super) fn renew(&mut self, now: Timestamp) -> Renewed {
        let Some(until) = later(now) else {
            return Renewed::Failed;
        };
        match self.store.extend_secret(self.public, (self.until, until)) {
            Ok(()) => {
                self.until = until;
                Renewed::Holds
            }
            Err(Error::NotFound { .. }) => Renewed::EndedByOthers,
            Err(_) => Renewed::Failed,
        }
    }

    /// Takes it back.
    ///
    /// # Errors
    /// Where the store cannot be written: it then ends by itself.
    pub(super) fn withdraw(&self) -> Result<(), Error> {
        self.store.withdraw_secret(self.public)
    }
}

/// Whole microseconds, as the store keeps them.
fn later(now: Timestamp) -> Option<Timestamp> {
    let until = now.checked_add(LIFE).ok()?;
    Timestamp::from_microsecond(until.as_microsecond()).ok()
}
