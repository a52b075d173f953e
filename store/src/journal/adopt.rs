//! Adopts the journal of a process that has ended, to replay it.
//!
//! Invariant: a journal is adopted by one process at a time, and never while its own process lives.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use keyreeve_os::files::{FileError, SafeDir};

use super::read::{JournalContents, read_file};
use crate::Result;

/// The journal of a process that has ended, locked as long as this value lives.
pub(crate) struct AdoptedJournal {
    dir: SafeDir,
    path: PathBuf,
    name: String,
    file: File,
}

/// Locks a journal. Returns `None` while its process lives, and if another process has adopted or removed it.
///
/// # Errors
/// If it fails the strict checks or cannot be locked.
pub(crate) fn try_adopt(dir: &SafeDir, name: &str) -> Result<Option<AdoptedJournal>> {
    let path = dir.path().join(name);
    let file = match dir.open_strict(name) {
        Ok(file) => file,
        Err(FileError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => {
            return Err(FileError::system("lock", &path)(error).into());
        }
    }
    let metadata = file.metadata();
    let links = metadata
        .map_err(FileError::system("inspect", &path))?
        .nlink();
    if links == 0 {
        // Removed between opening and locking it.
        return Ok(None);
    }
    Ok(Some(AdoptedJournal {
        dir: dir.try_clone()?,
        path,
        name: name.to_owned(),
        file,
    }))
}

impl AdoptedJournal {
    /// Reads the entries.
    ///
    /// # Errors
    /// If the file cannot be read, or its header is damaged.
    pub(crate) fn contents(&self) -> Result<JournalContents> {
        // Its process has ended, so that nothing is being written.
        read_file(&self.file, &self.path, 0)
    }

    /// Removes the file after its entries were committed to the ledger's database.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub(crate) fn remove(self) -> Result<()> {
        Ok(self.dir.remove(&self.name)?)
    }
}
