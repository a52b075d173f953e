//! Quick reads of the store for commands that run many times a minute and must not wait (`statusline`): one connection
//! and nothing else.
//!
//! Invariants: it creates and migrates nothing; it can decrypt no secret, since it does not read the master key; it
//! starts no thread; it waits for a lock no longer than [`BUSY_TIMEOUT`].

use std::time::Duration;

use keyreeve_core::limits::LimitObservation;
use keyreeve_os::files::{CreateDir, FileError, SafeDir};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::rows::limits;
use crate::sqlite::{self, Access};
use crate::{Policy, Result, StoreError, StorePaths, schema};

/// The maximum wait for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_millis(5);

/// A store opened for quick reads, without the writer thread and the master key.
pub struct QuickReader(Connection);

impl QuickReader {
    /// Opens the store, or returns `None` if there is none.
    ///
    /// # Errors
    /// A file or directory with unsafe permissions; a damaged or busy database, or one with another schema version.
    pub fn open(paths: &StorePaths) -> Result<Option<Self>> {
        let dir = match SafeDir::open(&paths.data, CreateDir::Never) {
            Ok(dir) => dir,
            Err(FileError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if !dir.contains(sqlite::FILE)? {
            return Ok(None);
        }
        sqlite::check_files(&dir, sqlite::FILE)?;
        let path = dir.path().join(sqlite::FILE);
        let connection = sqlite::connect_with_timeout(&path, Access::Write, BUSY_TIMEOUT)?;
        if schema::needs_migration(&connection, &path)? {
            return Err(StoreError::OlderSchema { path });
        }
        // Creating and deleting the write-ahead log each time would cost more than everything else. A long one is
        // checkpointed.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "wal_autocheckpoint", sqlite::CHECKPOINT_PAGES)?;
        // A limit that is lost in a power failure is reported again within a minute.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(Some(Self(connection)))
    }

    /// Reads profiles, keys and bindings.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn policy(&self) -> Result<Policy> {
        let transaction = self.0.unchecked_transaction()?;
        Policy::read(&transaction)
    }

    /// Reads all saved limits.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn limits(&self) -> Result<Vec<LimitObservation>> {
        limits::read_all(&self.0)
    }

    /// Saves limits, unless another process is writing.
    ///
    /// # Errors
    /// If they cannot be written at once. Dropping them is safe: the next response reports them again.
    pub fn save_limits(&mut self, observations: &[LimitObservation]) -> Result<()> {
        limits::write_all(&mut self.0, observations)
    }
}
