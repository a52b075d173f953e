//! The ledger: one entry per attempt, opened by an intent and closed once by its outcome.
//!
//! Invariants: writing an intent or an outcome twice changes nothing; a closed entry never changes again; an open
//! entry counts with its reserved cost.

use jiff::Timestamp;
use keyreeve_core::profile::ProfileId;
use rusqlite::named_params;

use crate::entries::{AttemptId, Ending, Intent, LedgerEntry, Outcome};
use crate::rows::ledger::read_row;
use crate::sql_enum::SqlEnum as _;
use crate::sql_types::{micros, timestamp, uuid};
use crate::sqlite::Access;
use crate::{Result, Store, ledger_lock};

/// Selects entries with the names of their key and profile.
const SELECT_ENTRIES: &str = "SELECT ledger.*, keys.name AS key_name, profiles.name AS profile_name
     FROM ledger LEFT JOIN keys ON keys.id = ledger.key
                 LEFT JOIN profiles ON profiles.id = ledger.profile";

/// Sorts by number, too: the time in an id has a resolution of 1 ms, in which a request can have two attempts.
const NEWEST_FIRST: &str = "ledger.started_at DESC, ledger.number DESC, ledger.attempt DESC";

impl Store {
    /// Commits an intent, then calls `done` from the writer thread.
    ///
    /// If 4,096 jobs are queued already, it calls `done(Err(StoreError::Busy))` at once, from the caller's thread.
    /// `done` must not wait for the store.
    pub fn record_intent(&self, intent: Intent, done: impl FnOnce(Result<()>) + Send + 'static) {
        match self.ledger_lock().share(self.dir()) {
            Ok(()) => self.writer.queue_intent(intent, Box::new(done)),
            Err(error) => done(Err(error)),
        }
    }

    /// Queues an outcome; it is committed with the next batch, within 20 ms.
    ///
    /// It is idempotent and closes only an open entry. An outcome that cannot be committed (a full disk) is retried
    /// with each later batch while the process lives.
    pub fn record_outcome(&self, outcome: Outcome) {
        self.writer.queue_outcome(outcome);
    }

    /// Recovers from crashes: closes the open intents of dead processes as unknown, at their reserved cost, and returns
    /// their number.
    ///
    /// Closes nothing while any process that recorded an intent (this one included) is alive: the owner of an open
    /// entry is not recorded. Until a later call the entry counts with its reserved cost anyway.
    ///
    /// # Errors
    /// If the transaction cannot be committed.
    pub fn close_open_intents(&self, at: Timestamp) -> Result<u64> {
        let Some(_exclusive_lock) = ledger_lock::try_exclusive(self.dir())? else {
            return Ok(0);
        };
        self.writer.execute(move |connection| {
            let closed = connection.execute(
                "UPDATE ledger SET ending = :unknown, ended_at = :at, cost = reserved WHERE ending IS NULL",
                named_params! { ":unknown": Ending::Unknown.word(), ":at": micros(at) },
            )?;
            Ok(u64::try_from(closed).unwrap_or(u64::MAX))
        })
    }

    /// Flushes the write queue: waits until everything queued is committed.
    ///
    /// # Errors
    /// If the batch cannot be committed.
    pub fn flush(&self) -> Result<()> {
        self.writer.flush()
    }

    /// Reads the newest entries, newest first, at most `limit`.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn ledger_entries(&self, limit: u32) -> Result<Vec<LedgerEntry>> {
        let connection = self.connect(Access::Read)?;
        let mut statement = connection.prepare(&format!(
            "{SELECT_ENTRIES} ORDER BY {NEWEST_FIRST} LIMIT ?1"
        ))?;
        let rows = statement.query_map([limit], read_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Reads the time of the last lease of each profile among the newest `limit` attempts.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn last_used(&self, limit: u32) -> Result<Vec<(ProfileId, Timestamp)>> {
        let connection = self.connect(Access::Read)?;
        let mut statement = connection.prepare(
            "SELECT profile, max(started_at) AS started_at FROM
                 (SELECT profile, started_at FROM ledger ORDER BY attempt DESC LIMIT ?1) GROUP BY profile",
        )?;
        let rows = statement.query_map([limit], |row| {
            Ok((
                ProfileId(uuid(row, "profile")?),
                timestamp(row, "started_at")?,
            ))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Reads the entry of one attempt, or returns `None` if there is none with this id.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn ledger_entry(&self, id: AttemptId) -> Result<Option<LedgerEntry>> {
        let connection = self.connect(Access::Read)?;
        let mut statement =
            connection.prepare(&format!("{SELECT_ENTRIES} WHERE ledger.attempt = ?1"))?;
        let mut rows = statement.query_map([id.0.into_bytes()], read_row)?;
        Ok(rows.next().transpose()?)
    }
}
