//! A glance at the store, for what is run many times a minute and must not wait: one connection, and nothing else.
//!
//! Invariants: nothing is made and nothing migrated; no secret can be opened, since the master key is not read; no thread
//! is started; nobody is waited for longer than [`PATIENCE`].

use std::time::Duration;

use keyreeve_core::limits::Seen;
use keyreeve_os::files::{FileError, Make, SafeDir};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::sqlite::{self, Access};
use crate::{Error, Places, Policy, Result, limits, schema};

/// How long another process is waited for.
const PATIENCE: Duration = Duration::from_millis(5);

/// A store that is looked at in passing.
pub struct Glance(Connection);

impl Glance {
    /// Looks at the store; none where there is none.
    ///
    /// # Errors
    /// A weak file or directory, a damaged database, one of another release, or one that is busy.
    pub fn at(places: &Places) -> Result<Option<Self>> {
        let dir = match SafeDir::open(&places.data, Make::Never) {
            Ok(dir) => dir,
            Err(FileError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if !dir.contains(sqlite::FILE)? {
            return Ok(None);
        }
        sqlite::check_files(&dir, sqlite::FILE)?;
        let path = dir.path().join(sqlite::FILE);
        let connection = sqlite::connect_for(&path, Access::Write, PATIENCE)?;
        if schema::is_behind(&connection, &path)? {
            return Err(Error::OlderSchema { path });
        }
        // Making and removing the log at each glance would cost more than all else; a long one is copied back here, too.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "wal_autocheckpoint", sqlite::LOG_PAGES)?;
        // A window that is lost in a power cut is told again within a minute.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(Some(Self(connection)))
    }

    /// Reads profiles, keys and bindings.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn policy(&self) -> Result<Policy> {
        let transaction = self.0.unchecked_transaction()?;
        Policy::read(&transaction)
    }

    /// Reads every limit that is remembered.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn limits(&self) -> Result<Vec<Seen>> {
        limits::read_all(&self.0)
    }

    /// Remembers limits, unless another process writes just now.
    ///
    /// # Errors
    /// When they cannot be written at once: they are told again.
    pub fn keep_limits(&mut self, seen: &[Seen]) -> Result<()> {
        limits::keep(&mut self.0, seen)
    }
}
