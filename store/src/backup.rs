//! Backup and restore: one file with the master key and both databases, encrypted (sealed) with a passphrase.
//!
//! Invariants: the master key is never on a disk unencrypted, except in its own file; both databases are copied as of
//! one moment; a restore is atomic and never overwrites a store.

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

use crate::database_files::{reject_orphaned_wal, remove_unfinished, setup_lock, unfinished};
use crate::entries::AttemptId;
use crate::live::LiveEntries;
use crate::master_key::MasterKey;
use crate::open::{self, StorePaths};
use crate::rows::attempts;
use crate::schema::{self, Schema};
use crate::sealed_stream::{CHUNK_BYTES, SealedReader, SealedWriter};
use crate::sqlite::{self, Access, LEDGER_FILE, POLICY_FILE, SINGLE_FILE};
use crate::{Result, Store, StoreError, single_database};

/// Length of the master key in bytes.
const KEY_BYTES: usize = 32;

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
            for (intent, outcome) in &entries {
                attempts::insert(connection, intent, outcome.as_ref())?;
            }
            Ok(())
        })?;
        let mut writer = SealedWriter::start(out, passphrase)?;
        writer.write(self.master_key().expose())?;
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

/// Restores a backup into directories without a store. The restored store has the state at the time of the backup.
///
/// # Errors
/// [`StoreError::NotEmpty`]; [`StoreError::WrongPassphrase`]; [`StoreError::BadBackup`]; [`StoreError::NewerSchema`].
/// Nothing is restored in these cases.
pub fn restore(from: &Path, passphrase: &Secret, paths: &StorePaths) -> Result<()> {
    let (dir, keys) = open::open_dirs(paths)?;
    let _setup = setup_lock(&dir)?;
    for database in [POLICY_FILE, LEDGER_FILE, SINGLE_FILE] {
        if dir.contains(database)? {
            return Err(StoreError::NotEmpty {
                path: dir.path().join(database),
            });
        }
        reject_orphaned_wal(&dir, database)?;
        remove_unfinished(&dir, database)?;
    }
    let result = decrypt_backup(from, passphrase, &dir).and_then(|backup| {
        backup.check(&dir, &keys)?;
        // The key is written first: a database without its key cannot be opened, but a key alone does no harm.
        backup.master_key.write(&keys)?;
        backup.finish(&dir)
    });
    if result.is_err() {
        for database in [POLICY_FILE, LEDGER_FILE, SINGLE_FILE] {
            // The first error is the one to report; the next restore removes the leftovers, too.
            remove_unfinished(&dir, database).ok();
        }
    }
    result
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

/// A decrypted backup, whose databases are under their temporary names.
struct DecryptedBackup {
    master_key: MasterKey,
    form: BackupForm,
}

/// The databases of a backup.
#[derive(Clone, Copy)]
enum BackupForm {
    /// `policy.db` and `ledger.db`.
    Split,
    /// The single database of older versions.
    Single,
}

impl BackupForm {
    fn databases(self) -> &'static [(&'static str, &'static Schema)] {
        match self {
            Self::Split => &[
                (POLICY_FILE, &schema::POLICY),
                (LEDGER_FILE, &schema::LEDGER),
            ],
            Self::Single => &[(SINGLE_FILE, &schema::SINGLE)],
        }
    }
}

impl DecryptedBackup {
    /// Checks that the databases are undamaged, written by keyreeve and encrypted with this master key.
    fn check(&self, dir: &SafeDir, keys: &SafeDir) -> Result<()> {
        for (database, schema) in self.form.databases() {
            let path = dir.path().join(unfinished(database));
            let connection = sqlite::connect(&path, Access::Read)?;
            sqlite::check_integrity(&connection, &path)?;
            schema.needs_migration(&connection, &path)?;
            match *database {
                LEDGER_FILE => {}
                _ => open::check_master_key(&connection, &self.master_key, keys)?,
            }
        }
        Ok(())
    }

    /// Gives the databases their names, and migrates an old one.
    fn finish(&self, dir: &SafeDir) -> Result<()> {
        match self.form {
            BackupForm::Split => single_database::name_databases(dir),
            BackupForm::Single => {
                dir.rename_new(&unfinished(SINGLE_FILE), SINGLE_FILE)?;
                single_database::migrate(dir)
            }
        }
    }
}

/// Writes the databases of the backup to their temporary names.
fn decrypt_backup(from: &Path, passphrase: &Secret, dir: &SafeDir) -> Result<DecryptedBackup> {
    let mut plaintext = Plaintext {
        reader: SealedReader::start(from, passphrase)?,
        pending: Zeroizing::default(),
    };
    let key: Zeroizing<Vec<u8>> = plaintext.take(KEY_BYTES)?;
    let master_key = MasterKey::from_bytes(&key)
        .ok_or_else(|| plaintext.reader.bad_backup("it is truncated"))?;
    // Until its successor is known, the first database has the name of a single one.
    plaintext.write_database(dir, SINGLE_FILE)?;
    if plaintext.is_at_end()? {
        return Ok(DecryptedBackup {
            master_key,
            form: BackupForm::Single,
        });
    }
    dir.rename_new(&unfinished(SINGLE_FILE), &unfinished(POLICY_FILE))?;
    plaintext.write_database(dir, LEDGER_FILE)?;
    if !plaintext.is_at_end()? {
        let reason = "the length of the database does not match";
        return Err(plaintext.reader.bad_backup(reason));
    }
    Ok(DecryptedBackup {
        master_key,
        form: BackupForm::Split,
    })
}

/// The decrypted content of a backup.
struct Plaintext {
    reader: SealedReader,
    pending: Zeroizing<Vec<u8>>,
}

impl Plaintext {
    /// Reads the next chunk if nothing is pending, and returns `true` if there is none.
    fn is_at_end(&mut self) -> Result<bool> {
        while self.pending.is_empty() {
            match self.reader.next()? {
                Some(chunk) => self.pending = chunk,
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Reads at most `length` bytes, and at least one.
    fn take_some(&mut self, length: usize) -> Result<Zeroizing<Vec<u8>>> {
        if self.is_at_end()? {
            return Err(self.reader.bad_backup("it is truncated"));
        }
        let length = length.min(self.pending.len());
        let rest = Zeroizing::new(self.pending.split_off(length));
        Ok(std::mem::replace(&mut self.pending, rest))
    }

    /// Reads exactly `length` bytes.
    fn take(&mut self, length: usize) -> Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        while bytes.len() < length {
            let some = self.take_some(length - bytes.len())?;
            bytes.extend_from_slice(&some);
        }
        Ok(bytes)
    }

    /// Writes a database, which follows its length, to its temporary name.
    fn write_database(&mut self, dir: &SafeDir, database: &str) -> Result<()> {
        let length = self.take(size_of::<u64>())?;
        let length = length
            .first_chunk()
            .map_or(0, |length| u64::from_be_bytes(*length));
        let mut remaining = usize::try_from(length).unwrap_or(usize::MAX);
        let mut file = dir.start(&unfinished(database))?;
        while remaining > 0 {
            let bytes = self.take_some(remaining)?;
            file.write_all(&bytes)?;
            remaining -= bytes.len();
        }
        Ok(file.finish()?)
    }
}
