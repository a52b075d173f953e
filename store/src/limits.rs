//! Observed limits: saved without waiting, and read.

use keyreeve_core::limits::{LimitObservation, LimitOwner};
use keyreeve_core::profile::ProfileId;

use crate::database_files::open_database;
use crate::ledger_connection::SyncMode;
use crate::rows::limits::{delete_profile, read_all, write_all};
use crate::sqlite::{Access, LEDGER_FILE};
use crate::{Result, Store, schema};

impl Store {
    /// Queues limits without waiting: they are committed soon, at the latest before the store is closed. Limits that
    /// cannot be written are dropped: the next response reports them again. So are those of a profile that was removed.
    pub fn queue_limits(&self, mut observations: Vec<LimitObservation>) {
        let Ok(policy) = self.policy() else {
            return;
        };
        observations.retain(|observation| match &observation.owner {
            LimitOwner::Profile(id) => policy.profile(*id).is_some(),
            LimitOwner::ClaudeCode { .. } | LimitOwner::PassThrough(_) => true,
        });
        if observations.is_empty() {
            return;
        }
        let write = move |connection: &mut crate::ledger_connection::LedgerConnection| {
            connection
                .write(SyncMode::Later, |transaction| {
                    write_all(transaction, &observations)
                })
                .ok();
        };
        self.ledger.queue(write).ok();
    }

    /// Reads all saved limits, sorted by kind of owner, owner, class and name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn limits(&self) -> Result<Vec<LimitObservation>> {
        read_all(&open_database(
            self.dir(),
            LEDGER_FILE,
            &schema::LEDGER,
            Access::Read,
        )?)
    }

    /// Deletes the limits of a profile that was removed or got another secret.
    pub(crate) fn delete_limits(&self, profile: ProfileId) -> Result<()> {
        self.ledger.execute(move |connection| {
            connection.write(SyncMode::Later, |transaction| {
                delete_profile(transaction, profile)
            })
        })
    }
}
