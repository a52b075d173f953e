//! Observed limits: saved with the next batch of the ledger, and read.

use keyreeve_core::limits::LimitObservation;

use crate::rows::limits::read_all;
use crate::{Result, Store};

impl Store {
    /// Queues limits without waiting: they are committed with the next batch of the ledger, at the latest before the
    /// store is closed. Limits that cannot be written are dropped: the next response reports them again.
    pub fn queue_limits(&self, observations: Vec<LimitObservation>) {
        if !observations.is_empty() {
            self.writer.queue_limits(observations);
        }
    }

    /// Reads all saved limits, sorted by kind of owner, owner, class and name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn limits(&self) -> Result<Vec<LimitObservation>> {
        read_all(&self.reader().connection)
    }
}
