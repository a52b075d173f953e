//! Quick reads of the store for commands that run many times a minute and must not wait (`statusline`).
//!
//! Invariants: it creates and migrates nothing; it decrypts no secret, and keeps nothing of the master key but the key
//! that verifies rows; it starts no thread; it waits for a lock no longer than [`BUSY_TIMEOUT`].

use std::time::Duration;

use keyreeve_core::limits::LimitObservation;
use keyreeve_os::files::{CreateDir, FileError, SafeDir};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::master_key::MasterKey;
use crate::row_macs::RowKey;
use crate::rows::limits;
use crate::schema::{self, Schema};
use crate::sqlite::{self, Access, LEDGER_FILE, POLICY_FILE};
use crate::{Policy, Result, StoreError, StorePaths};

/// The maximum wait for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_millis(5);

/// A store opened for quick reads, without threads.
pub struct QuickReader {
    policy: Connection,
    dir: SafeDir,
    /// `None` without the master key: then no row verifies.
    row_key: Option<RowKey>,
}

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
        if !dir.contains(POLICY_FILE)? {
            let path = dir.path().join(sqlite::SINGLE_FILE);
            let is_older = dir.contains(sqlite::SINGLE_FILE)?;
            return if is_older {
                Err(StoreError::OlderSchema { path })
            } else {
                Ok(None)
            };
        }
        let policy = open(&dir, POLICY_FILE, &schema::POLICY)?;
        Ok(Some(Self {
            policy,
            dir,
            row_key: row_key(paths),
        }))
    }

    /// Reads profiles, keys and bindings.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn policy(&self) -> Result<Policy> {
        let transaction = self.policy.unchecked_transaction()?;
        Policy::read(&transaction, self.row_key.as_ref())
    }

    /// Reads all saved limits.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn limits(&self) -> Result<Vec<LimitObservation>> {
        limits::read_all(&self.ledger()?)
    }

    /// Saves limits, unless another process is writing.
    ///
    /// # Errors
    /// If they cannot be written at once. Dropping them is safe: the next response reports them again.
    pub fn save_limits(&self, observations: &[LimitObservation]) -> Result<()> {
        let ledger = self.ledger()?;
        // A limit that is lost in a power failure is reported again within a minute.
        ledger.pragma_update(None, "synchronous", "NORMAL")?;
        let transaction = ledger.unchecked_transaction()?;
        limits::write_all(&transaction, observations)?;
        Ok(transaction.commit()?)
    }

    fn ledger(&self) -> Result<Connection> {
        open(&self.dir, LEDGER_FILE, &schema::LEDGER)
    }
}

/// Derives the key that verifies rows, if there is a master key.
fn row_key(paths: &StorePaths) -> Option<RowKey> {
    let keys = SafeDir::open(&paths.keys, CreateDir::Never).ok()?;
    Some(RowKey::derive(&MasterKey::read(&keys).ok()?))
}

fn open(dir: &SafeDir, file: &str, schema: &Schema) -> Result<Connection> {
    sqlite::check_files(dir, file)?;
    let path = dir.path().join(file);
    let connection = sqlite::connect_with_timeout(&path, Access::Write, BUSY_TIMEOUT)?;
    if schema.needs_migration(&connection, &path)? {
        return Err(StoreError::OlderSchema { path });
    }
    // Creating and deleting the write-ahead log each time would cost more than everything else. A long one is
    // checkpointed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    sqlite::checkpoint_at_commit(&connection)?;
    Ok(connection)
}
