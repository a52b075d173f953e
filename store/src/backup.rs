//! Backup: one file with the master key and both databases, encrypted (sealed) with a passphrase.
//!
//! Invariants: the master key is never on a disk unencrypted, except in its own file; both databases are copied as of
//! one moment.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use keyreeve_core::secret::Secret;
use keyreeve_os::deadline::Deadline;
use keyreeve_os::files::{FileError, NewFile, SafeDir};
use rusqlite::Connection;
use rusqlite::backup::Backup;
use zeroize::Zeroizing;

use crate::database_files::setup_lock;
use crate::entries::AttemptId;
use crate::live::LiveEntries;
use crate::rows::attempts;
use crate::rows::rollups::Batch;
use crate::sealed_stream::{CHUNK_BYTES, SealedWriter};
use crate::sqlite::{self, Access, LEDGER_FILE, POLICY_FILE};
use crate::{Result, Store};

/// Maximum time to wait until other processes have folded the entries that were closed before the backup.
const FOLD_TIMEOUT: Duration = Duration::from_secs(2);
/// Time between two looks.
const FOLD_POLL_INTERVAL: Duration = Duration::from_millis(20);

impl Store {
    /// Writes the master key and the databases to a new file, encrypted with the passphrase. Other processes can write
    /// to the store meanwhile. Requests that are running are in the backup as open entries.
    ///
    /// # Errors
    /// If the file exists already, or the disk is full.
    pub fn backup(&self, path: &Path, passphrase: &Secret) -> Result<()> {
        self.flush()?;
        let out = NewFile::create_anywhere(path)?;
        let _setup = setup_lock(self.dir())?;
        self.wait_for_folds()?;
        let (policy, ledger) = self.one_moment()?;
        let policy = DatabaseCopy::create(self.dir(), POLICY_FILE, &policy)?;
        let entries = ledger.entries;
        let ledger = DatabaseCopy::create(self.dir(), LEDGER_FILE, &ledger.connection)?;
        ledger.change(|connection| {
            let mut sums = Batch::default();
            for (intent, outcome) in &entries {
                attempts::insert(connection, intent, outcome.as_ref())?;
                if let Some(outcome) = outcome {
                    sums.add(intent, outcome);
                }
            }
            Ok(sums.write(connection)?)
        })?;
        let mut writer = SealedWriter::start(out, passphrase)?;
        writer.write(self.master_key()?.expose())?;
        policy.copy_into(&mut writer)?;
        ledger.copy_into(&mut writer)?;
        writer.finish()
    }

    /// Waits until what was closed before this call is in the database, so that it is summed up, too.
    fn wait_for_folds(&self) -> Result<()> {
        let closed = self.closed_in_journals()?;
        let deadline = Deadline::after(FOLD_TIMEOUT);
        while !closed.is_disjoint(&self.closed_in_journals()?) {
            if !deadline.sleep(FOLD_POLL_INTERVAL) {
                break;
            }
        }
        Ok(())
    }

    fn closed_in_journals(&self) -> Result<HashSet<AttemptId>> {
        let entries = self.live_entries()?.entries.into_iter();
        let closed = entries.filter(|(_, outcome)| outcome.is_some());
        Ok(closed.map(|(intent, _)| intent.attempt).collect())
    }

    /// Starts reading both databases, while policy cannot be changed.
    fn one_moment(&self) -> Result<(Connection, LiveEntries)> {
        self.policy_writer.write(|_| {
            let policy = sqlite::open_checked(self.dir(), POLICY_FILE, Access::Read)?;
            policy.execute_batch("BEGIN; SELECT 1 FROM meta;")?;
            Ok((policy, self.live_entries()?))
        })
    }
}

/// A consistent copy of a database, deleted when dropped.
struct DatabaseCopy<'a> {
    dir: &'a SafeDir,
    name: String,
}

impl<'a> DatabaseCopy<'a> {
    /// Copies a database as a connection in a read transaction sees it.
    fn create(dir: &'a SafeDir, database: &str, from: &Connection) -> Result<Self> {
        let name = format!("{database}.backup");
        dir.remove(&name)?;
        dir.create_new(&name, b"")?;
        let copy = Self { dir, name };
        let mut to = sqlite::connect(&dir.path().join(&copy.name), Access::Write)?;
        Backup::new(from, &mut to)?.step(-1)?;
        Ok(copy)
    }

    fn change(&self, work: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        let connection = sqlite::connect(&self.dir.path().join(&self.name), Access::Write)?;
        work(&connection)?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(())
    }

    fn copy_into(&self, writer: &mut SealedWriter) -> Result<()> {
        let length = self.dir.check(&self.name)?;
        writer.write(&length.to_be_bytes())?;
        let mut file = self.dir.open_strict(&self.name)?;
        let mut buffer = Zeroizing::new(vec![0; CHUNK_BYTES]);
        loop {
            let read = file
                .read(&mut buffer)
                .map_err(FileError::system("read", &self.dir.path().join(&self.name)))?;
            if read == 0 {
                return Ok(());
            }
            writer.write(&buffer[..read])?;
        }
    }
}

impl Drop for DatabaseCopy<'_> {
    fn drop(&mut self) {
        // A file that cannot be deleted is 0600 like the database itself, and the next backup removes it.
        let [log, index] = sqlite::wal_files(&self.name);
        for name in [&self.name, &log, &index] {
            self.dir.remove(name).ok();
        }
    }
}
