//! A file lock that lasts as long as its process, with a note that names the holder.
//!
//! Invariant: the lock is the kernel's (`flock`), not the file: a file left behind by a killed process does not block.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};

use crate::files::{FileError, SafeDir};

/// Maximum number of bytes of the holder's note that are read.
const MAX_NOTE_BYTES: u64 = 256;

/// An acquired lock. It is released when dropped or when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// A lock that could not be acquired.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("locked by {holder}")]
    Held {
        /// The holder's note: printable ASCII, at most 256 characters.
        holder: String,
    },
    /// The lock file could not be opened, locked or written.
    #[error("cannot use the lock file")]
    File(#[from] FileError),
}

impl Lock {
    /// Acquires the exclusive lock without waiting, and writes `note` (a process id, an address) into its file.
    ///
    /// # Errors
    /// [`LockError::Held`] with the holder's note; [`LockError::File`] if the file fails the strict checks.
    pub fn acquire(dir: &SafeDir, name: &str, note: &str) -> Result<Self, LockError> {
        let mut file = open_locked(dir, name, File::try_lock)?;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(note.as_bytes()))
            .map_err(FileError::system("write", &dir.path().join(name)))?;
        Ok(Self { _file: file })
    }

    /// Acquires the shared lock without waiting: other processes may share it, but none can lock it exclusively
    /// meanwhile.
    ///
    /// # Errors
    /// [`LockError::Held`] with the note of its last exclusive holder; [`LockError::File`] if the file fails the strict
    /// checks.
    pub fn acquire_shared(dir: &SafeDir, name: &str) -> Result<Self, LockError> {
        let file = open_locked(dir, name, File::try_lock_shared)?;
        Ok(Self { _file: file })
    }
}

/// Opens the file and locks it.
fn open_locked(
    dir: &SafeDir,
    name: &str,
    lock: impl FnOnce(&File) -> Result<(), TryLockError>,
) -> Result<File, LockError> {
    let file = dir.open_or_create(name)?;
    match lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LockError::Held {
            holder: read_note(&file),
        }),
        Err(TryLockError::Error(source)) => {
            Err(FileError::system("lock", &dir.path().join(name))(source).into())
        }
    }
}

/// Reads the holder's note, sanitized for a terminal. The note is only displayed, so an unreadable one is replaced by a
/// placeholder.
fn read_note(file: &File) -> String {
    let mut bytes = Vec::new();
    let read = file.take(MAX_NOTE_BYTES).read_to_end(&mut bytes);
    let text: String = bytes
        .iter()
        .map(|&b| char::from(b))
        .filter(|c| *c == ' ' || c.is_ascii_graphic())
        .collect();
    if read.is_err() || text.is_empty() {
        "an unnamed process".to_owned()
    } else {
        text
    }
}
