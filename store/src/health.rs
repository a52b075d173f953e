//! Health of each scope (cooldown, blocked, dead, drained), and the organization of each profile.
//!
//! Invariants: a change is computed from the row as read in the transaction that writes it, so that no update is lost
//! between threads or processes; nothing is written if nothing changed.

use keyreeve_core::health::{Health, HealthScope, Organization};
use keyreeve_core::profile::ProfileId;
use rusqlite::Transaction;

use crate::rows::health::{bump_generation, find, write};
use crate::{Result, Store};

/// The health of a scope before and after a change; the two are equal if nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HealthChange {
    /// The health before the change.
    pub before: Health,
    /// The health after the change.
    pub after: Health,
}

impl Store {
    /// Updates the health of a scope: `update` gets the current health and returns the new one.
    ///
    /// # Errors
    /// If the change cannot be committed.
    pub fn update_health(
        &self,
        scope: &HealthScope,
        update: impl FnOnce(Health) -> Health,
    ) -> Result<HealthChange> {
        self.policy_writer
            .write(|transaction| apply(transaction, scope, update))
    }

    /// Queues an update of health without waiting: `done` is called from the writer thread and must not wait for the
    /// store. If the store is closed, `done` is dropped without a call.
    ///
    /// # Errors
    /// If the store is closed.
    pub fn queue_health(
        &self,
        scope: HealthScope,
        update: impl FnOnce(Health) -> Health + Send + 'static,
        done: impl FnOnce(Result<HealthChange>) + Send + 'static,
    ) -> Result<()> {
        self.policy_writer.queue(move |connection| {
            done(connection.write(|transaction| apply(transaction, &scope, update)));
        })
    }

    /// Queues the organization named by a profile's responses, without waiting.
    ///
    /// # Errors
    /// If the store is closed.
    pub fn queue_organization(&self, profile: ProfileId, organization: Organization) -> Result<()> {
        self.policy_writer.queue(move |connection| {
            // If this fails, the next response names the organization again.
            connection
                .write(|transaction| write_organization(transaction, profile, &organization))
                .ok();
        })
    }
}

fn apply(
    transaction: &Transaction<'_>,
    scope: &HealthScope,
    update: impl FnOnce(Health) -> Health,
) -> Result<HealthChange> {
    let before = find(transaction, scope)?;
    let after = update(before);
    if before != after {
        write(transaction, scope, &after)?;
        bump_generation(transaction)?;
    }
    Ok(HealthChange { before, after })
}

fn write_organization(
    transaction: &Transaction<'_>,
    profile: ProfileId,
    organization: &Organization,
) -> Result<()> {
    let changed = transaction.execute(
        "INSERT INTO organizations (profile, organization) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET organization = excluded.organization
         WHERE organization IS NOT excluded.organization",
        (profile.0.into_bytes(), organization.to_string()),
    )?;
    if changed > 0 {
        bump_generation(transaction)?;
    }
    Ok(())
}
