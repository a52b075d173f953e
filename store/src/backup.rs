//! Backup and restore: one file with the master key and the database, encrypted (sealed) with a passphrase.
//!
//! Invariants: the master key is never on a disk unencrypted, except in its own file; a restore is atomic and never
//! overwrites a store.

use std::io::Read as _;
use std::path::Path;

use keyreeve_core::secret::Secret;
use keyreeve_os::files::{FileError, NewFile, SafeDir};
use zeroize::Zeroizing;

use crate::master_key::MasterKey;
use crate::open::{self, StorePaths, UNFINISHED};
use crate::sealed_stream::{CHUNK_BYTES, SealedReader, SealedWriter};
use crate::sqlite::{self, Access};
use crate::{Result, Store, StoreError, schema};

/// The file name of the temporary copy of the database that a backup reads, in the database's directory.
const COPY_FILE: &str = "keyreeve.db.backup";

/// Length of the master key in bytes.
const KEY_BYTES: usize = 32;

impl Store {
    /// Writes the master key and the database to a new file, encrypted with the passphrase. Other processes can write
    /// to the store meanwhile.
    ///
    /// # Errors
    /// If the file exists already, or the disk is full.
    pub fn backup(&self, path: &Path, passphrase: &Secret) -> Result<()> {
        self.flush()?;
        let out = NewFile::create_anywhere(path)?;
        let _setup = open::setup_lock(self.dir())?;
        let copy = DatabaseCopy::create(self)?;
        let mut writer = SealedWriter::start(out, passphrase)?;
        writer.write(self.master_key().expose())?;
        copy.copy_into(&mut writer)?;
        writer.finish()
    }
}

/// Restores a backup into directories without a store. The restored store has the state at the time of the backup.
///
/// # Errors
/// [`StoreError::NotEmpty`]; [`StoreError::WrongPassphrase`]; [`StoreError::BadBackup`]; [`StoreError::NewerSchema`].
/// Nothing is restored in these cases.
pub fn restore(from: &Path, passphrase: &Secret, paths: &StorePaths) -> Result<()> {
    let (dir, keys) = open::open_dirs(paths)?;
    let _setup = open::setup_lock(&dir)?;
    if dir.contains(sqlite::FILE)? {
        return Err(StoreError::NotEmpty {
            path: dir.path().join(sqlite::FILE),
        });
    }
    open::reject_orphaned_wal(&dir)?;
    open::remove_unfinished(&dir)?;
    let result = decrypt_backup(from, passphrase, &dir).and_then(|master_key| {
        check_database(&dir, &keys, &master_key)?;
        // The key is written first: a database without its key cannot be opened, but a key alone does no harm.
        master_key.write(&keys)?;
        Ok(dir.rename_new(UNFINISHED, sqlite::FILE)?)
    });
    if result.is_err() {
        // The first error is the one to report; the next restore removes the leftovers, too.
        open::remove_unfinished(&dir).ok();
    }
    result
}

/// A compact, consistent copy of the database (`VACUUM INTO`), deleted when dropped.
struct DatabaseCopy<'a> {
    dir: &'a SafeDir,
}

impl<'a> DatabaseCopy<'a> {
    fn create(store: &'a Store) -> Result<Self> {
        let dir = store.dir();
        dir.remove(COPY_FILE)?;
        dir.create_new(COPY_FILE, b"")?;
        let copy = Self { dir };
        let path = dir.path().join(COPY_FILE);
        let path = path.to_str().ok_or_else(|| FileError::InvalidName {
            name: path.display().to_string(),
        })?;
        store
            .connect(Access::Write)?
            .execute("VACUUM INTO ?1", [path])?;
        Ok(copy)
    }

    fn copy_into(&self, writer: &mut SealedWriter) -> Result<()> {
        let length = self.dir.check(COPY_FILE)?;
        writer.write(&length.to_be_bytes())?;
        let mut file = self.dir.open_strict(COPY_FILE)?;
        let mut buffer = Zeroizing::new(vec![0; CHUNK_BYTES]);
        loop {
            let read = file
                .read(&mut buffer)
                .map_err(FileError::system("read", &self.dir.path().join(COPY_FILE)))?;
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
        self.dir.remove(COPY_FILE).ok();
    }
}

/// Writes the database of the backup to [`UNFINISHED`] and returns the master key.
fn decrypt_backup(from: &Path, passphrase: &Secret, dir: &SafeDir) -> Result<MasterKey> {
    let mut reader = SealedReader::start(from, passphrase)?;
    let first = reader.next()?.unwrap_or_default();
    let (key, rest) = first
        .split_at_checked(KEY_BYTES)
        .ok_or_else(|| reader.bad_backup("it is truncated"))?;
    let master_key =
        MasterKey::from_bytes(key).ok_or_else(|| reader.bad_backup("it is truncated"))?;
    let (length, rest) = rest
        .split_first_chunk()
        .ok_or_else(|| reader.bad_backup("it is truncated"))?;
    let mut file = dir.start(UNFINISHED)?;
    file.write_all(rest)?;
    let mut written = rest.len();
    while let Some(chunk) = reader.next()? {
        file.write_all(&chunk)?;
        written += chunk.len();
    }
    if u64::try_from(written) != Ok(u64::from_be_bytes(*length)) {
        return Err(reader.bad_backup("the length of the database does not match"));
    }
    file.finish()?;
    Ok(master_key)
}

/// Checks that a database is undamaged, written by keyreeve and encrypted with this master key.
fn check_database(dir: &SafeDir, keys: &SafeDir, master_key: &MasterKey) -> Result<()> {
    let path = dir.path().join(UNFINISHED);
    let connection = sqlite::connect(&path, Access::Read)?;
    sqlite::check_integrity(&connection, &path)?;
    schema::needs_migration(&connection, &path)?;
    open::check_master_key(&connection, master_key, keys)
}
