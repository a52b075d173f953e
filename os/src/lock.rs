//! A lock held for as long as a process lives, with a note for whoever finds it held.
//!
//! Invariant: the lock is the kernel's (`flock`), not the file: what a killed process leaves behind blocks nobody.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};

use crate::files::{FileError, SafeDir};

/// How much of a holder's note is read back.
const NOTE_LIMIT: u64 = 256;

/// A held lock; dropping it, or dying, lets go.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("held by {holder}")]
    Held {
        /// The note the holder left: printable ASCII, at most 256 characters.
        holder: String,
    },
    /// The lock file could not be opened, locked or written.
    #[error("the lock file cannot be used")]
    File(#[source] FileError),
}

impl Lock {
    /// Takes the lock, without waiting, and leaves `note` (a process id, an address) in its file.
    ///
    /// # Errors
    /// [`LockError::Held`] with the holder's note; [`LockError::File`] when the file is not strictly ours.
    pub fn acquire(dir: &SafeDir, name: &str, note: &str) -> Result<Self, LockError> {
        let mut file = locked(dir, name, File::try_lock)?;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(note.as_bytes()))
            .map_err(|source| failed(dir, name, ("write", source)))?;
        Ok(Self { _file: file })
    }

    /// Takes a share in the lock, without waiting: others may have one too, but nobody has it alone meanwhile.
    ///
    /// # Errors
    /// [`LockError::Held`] with the note of whoever had it alone last; [`LockError::File`] when the file is not strictly
    /// ours.
    pub fn share(dir: &SafeDir, name: &str) -> Result<Self, LockError> {
        let file = locked(dir, name, File::try_lock_shared)?;
        Ok(Self { _file: file })
    }
}

/// Opens the file and locks it.
fn locked(
    dir: &SafeDir,
    name: &str,
    lock: impl FnOnce(&File) -> Result<(), TryLockError>,
) -> Result<File, LockError> {
    let file = dir.open_or_create(name).map_err(LockError::File)?;
    match lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LockError::Held {
            holder: read_note(&file),
        }),
        Err(TryLockError::Error(source)) => Err(failed(dir, name, ("lock", source))),
    }
}

fn failed(dir: &SafeDir, name: &str, (doing, source): (&'static str, io::Error)) -> LockError {
    LockError::File(FileError::System {
        doing,
        path: dir.path().join(name),
        source,
    })
}

/// Reads the holder's note, made harmless for a terminal. It is only for people: trouble gives a poorer text.
fn read_note(file: &File) -> String {
    let mut bytes = Vec::new();
    let read = file.take(NOTE_LIMIT).read_to_end(&mut bytes);
    let text: String = bytes
        .iter()
        .map(|&b| char::from(b))
        .filter(|c| *c == ' ' || c.is_ascii_graphic())
        .collect();
    if read.is_err() || text.is_empty() {
        "a process that left no note".to_owned()
    } else {
        text
    }
}
