//! Detects commits of any process to a database without asking SQLite: reads the header of the WAL index, which every
//! commit changes.
//!
//! Invariant: its descriptor is never closed, because closing it would release the locks that SQLite holds on the same
//! file in this process.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::unix::fs::FileExt as _;

use keyreeve_os::files::SafeDir;

use crate::Result;
use crate::sqlite::wal_files;

/// Length of one copy of the header (<https://www.sqlite.org/walformat.html#the_wal_index_header>).
const COPY_BYTES: usize = 48;

/// The open `-shm` file of a database that a connection of this process has open.
pub(crate) struct WalIndex(ManuallyDrop<File>);

/// One state of the database; another state has another header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct WalHeader([u8; COPY_BYTES]);

/// The progress of checkpoints: which log is copied back into the database, and how many pages of it were. Commits do
/// not change it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckpointProgress {
    /// The salts of the log, which are new each time that it is started anew.
    salts: [u8; 8],
    copied_pages: [u8; 4],
}

/// Offset of the salts in the header.
const SALTS: usize = 32;

impl WalIndex {
    /// Opens the index of a database after a connection of this process has read from it.
    pub(crate) fn open(dir: &SafeDir, database: &str) -> Result<Self> {
        let [_, index] = wal_files(database);
        Ok(Self(ManuallyDrop::new(dir.open_strict(&index)?)))
    }

    /// Reads the header, or returns `None` while a commit is changing it.
    pub(crate) fn header(&self) -> Option<WalHeader> {
        let mut copies = [[0; COPY_BYTES]; 2];
        self.0.read_exact_at(copies.as_flattened_mut(), 0).ok()?;
        // A writer changes the second copy first, so two equal ones are complete.
        let [first, second] = copies;
        (first == second).then_some(WalHeader(first))
    }

    /// Reads the progress of checkpoints, or returns `None` while a commit is changing the header.
    pub(crate) fn progress(&self) -> Option<CheckpointProgress> {
        let WalHeader(header) = self.header()?;
        let salts = *header.get(SALTS..)?.first_chunk()?;
        let mut copied_pages = [0; 4];
        // After both copies of the header.
        self.0
            .read_exact_at(&mut copied_pages, 2 * COPY_BYTES as u64)
            .ok()?;
        Some(CheckpointProgress {
            salts,
            copied_pages,
        })
    }
}
