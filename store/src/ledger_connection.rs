//! The connection that writes to `ledger.db`, with its checkpointer and its sync mode.
//!
//! Invariant: the write-ahead log stays bounded: while a long reader keeps it from being reset, nothing more is
//! committed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use keyreeve_os::files::SafeDir;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::database_files::open_database;
use crate::error::UnderlyingError;
use crate::sqlite::{self, Access, Checkpointer, LEDGER_FILE};
use crate::{Result, StoreError, schema};

/// Maximum size of the write-ahead log, in pages: 256 MiB; in unit tests 4 MiB.
pub(crate) const MAX_WAL_PAGES: i32 = if cfg!(test) { 1024 } else { 65_536 };

/// The time at which commits are synced to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SyncMode {
    /// With each commit, all earlier ones included.
    EachCommit,
    /// With the next commit that is synced, at the latest with a checkpoint.
    Later,
}

/// The writer's connection.
pub(crate) struct LedgerConnection {
    #[expect(dead_code, reason = "dropped together with the connection")]
    checkpointer: Checkpointer,
    /// Closed after the checkpointer's connection: if both closed at once, neither would be the last and delete the
    /// log.
    connection: Connection,
    path: PathBuf,
    sync: Option<SyncMode>,
    /// Length of the write-ahead log after the last commit, in pages.
    wal_pages: Arc<AtomicI32>,
    /// `true` if a commit has not been synced yet.
    has_unsynced: bool,
    /// The error of a sync: what the system wrote is unknown.
    sync_error: Option<UnderlyingError>,
}

impl LedgerConnection {
    /// Opens the database.
    pub(crate) fn open(dir: &SafeDir) -> Result<Self> {
        let mut connection = open_database(dir, LEDGER_FILE, &schema::LEDGER, Access::Write)?;
        let path = dir.path().join(LEDGER_FILE);
        let wal_pages = Arc::default();
        let checkpointer = Checkpointer::start(&path, &mut connection, &wal_pages)?;
        Ok(Self {
            checkpointer,
            connection,
            path,
            sync: None,
            wal_pages,
            has_unsynced: false,
            sync_error: None,
        })
    }

    /// Runs `work` in a transaction; rolls it back on an error.
    ///
    /// # Errors
    /// If it cannot be committed; [`StoreError::LogFull`] while a long reader keeps the log from being reset.
    pub(crate) fn write<T>(
        &mut self,
        sync: SyncMode,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        if let Some(cause) = &self.sync_error {
            return Err(StoreError::SyncFailed(cause.clone()));
        }
        self.check_log()?;
        let result = self.write_with(sync, work);
        if let Err(StoreError::SyncFailed(cause)) = &result {
            self.sync_error = Some(cause.clone());
        }
        result.map_err(|error| error.with_path(&self.path))
    }

    /// Returns `true` if a commit has not been synced yet.
    pub(crate) fn has_unsynced(&self) -> bool {
        self.has_unsynced
    }

    fn write_with<T>(
        &mut self,
        sync: SyncMode,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        if self.sync != Some(sync) {
            let word = match sync {
                SyncMode::EachCommit => "FULL",
                SyncMode::Later => "NORMAL",
            };
            self.connection.pragma_update(None, "synchronous", word)?;
            self.sync = Some(sync);
        }
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        self.has_unsynced = sync == SyncMode::Later;
        Ok(value)
    }

    /// Refuses to make the log longer than its maximum.
    fn check_log(&self) -> Result<()> {
        if self.wal_pages.load(Ordering::Relaxed) < MAX_WAL_PAGES {
            return Ok(());
        }
        // If every page is copied back, the next commit starts the log anew.
        let (pages, copied) =
            self.connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                    Ok((row.get::<_, i32>(1)?, row.get::<_, i32>(2)?))
                })?;
        if copied >= pages {
            return Ok(());
        }
        Err(StoreError::LogFull {
            path: self.path.clone(),
        })
    }
}

impl Drop for LedgerConnection {
    fn drop(&mut self) {
        // Without the hook the checkpointer gets no more requests, so it ends when dropped, before the connection.
        sqlite::remove_wal_hook(&mut self.connection);
    }
}
