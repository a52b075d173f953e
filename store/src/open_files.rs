//! The files that a serving process has open, compared with those in the store's directory.
//!
//! A store that was moved, removed or replaced under a running gateway must not serve on: revocations would go to
//! another file, and entries would be lost.

use std::path::{Path, PathBuf};

use keyreeve_os::files::{FileVersion, SafeDir};

use crate::Result;
use crate::sqlite::{LEDGER_FILE, POLICY_FILE, wal_files};
use crate::wal_index::{CheckpointProgress, WalIndex};

/// The files, as they were when they were opened or last checked.
pub(crate) struct OpenFiles {
    databases: Vec<OpenDatabase>,
    journal: (PathBuf, FileVersion),
}

struct OpenDatabase {
    path: PathBuf,
    /// The write-ahead log and its index, which SQLite deletes only when the last connection is closed.
    log_files: Vec<(PathBuf, FileVersion)>,
    index: WalIndex,
    /// The last state in which every change of the file was SQLite's own.
    last: DatabaseState,
    /// `true` if the file had changed at the last check without a checkpoint, which may have been under way.
    is_suspect: bool,
}

/// The version of a database file and the progress of its checkpoints. In WAL mode only a checkpoint changes the file,
/// and its end is visible in the log's index.
#[derive(Clone, Copy, PartialEq, Eq)]
struct DatabaseState {
    version: FileVersion,
    progress: Option<CheckpointProgress>,
}

impl OpenFiles {
    /// Notes the files after all of them were opened.
    pub(crate) fn new(dir: &SafeDir, journal: &Path) -> Result<Self> {
        let databases = [POLICY_FILE, LEDGER_FILE].map(|file| OpenDatabase::new(dir, file));
        Ok(Self {
            databases: databases.into_iter().collect::<Result<_>>()?,
            journal: (journal.to_owned(), FileVersion::of(journal)?),
        })
    }

    /// Returns the first file that is no longer the open one.
    pub(crate) fn replaced(&mut self) -> Option<PathBuf> {
        let (path, opened) = &self.journal;
        let is_same = FileVersion::of(path).is_ok_and(|now| now.is_same_file(opened));
        if !is_same {
            return Some(path.clone());
        }
        self.databases.iter_mut().find_map(|database| {
            let is_replaced = database.is_replaced();
            is_replaced.then(|| database.path.clone())
        })
    }
}

impl OpenDatabase {
    fn new(dir: &SafeDir, file: &str) -> Result<Self> {
        let path = dir.path().join(file);
        let index = WalIndex::open(dir, file)?;
        let last = DatabaseState {
            progress: index.progress(),
            version: FileVersion::of(&path)?,
        };
        let log_files = wal_files(file).map(|name| {
            let path = dir.path().join(name);
            FileVersion::of(&path).map(|version| (path, version))
        });
        Ok(Self {
            path,
            log_files: log_files
                .into_iter()
                .collect::<std::result::Result<_, _>>()?,
            index,
            last,
            is_suspect: false,
        })
    }

    /// Returns `true` if the path names another file, or something other than SQLite has written to it.
    fn is_replaced(&mut self) -> bool {
        let is_log_replaced = self
            .log_files
            .iter()
            .any(|(path, opened)| !FileVersion::of(path).is_ok_and(|now| now.is_same_file(opened)));
        if is_log_replaced {
            return true;
        }
        let Ok(version) = FileVersion::of(&self.path) else {
            return true;
        };
        if !version.is_same_file(&self.last.version) {
            return true;
        }
        let now = DatabaseState {
            progress: self.index.progress(),
            version,
        };
        if now.version == self.last.version || now.progress != self.last.progress {
            self.last = now;
            self.is_suspect = false;
            return false;
        }
        // The second check in a row that finds a change without a finished checkpoint.
        std::mem::replace(&mut self.is_suspect, true)
    }
}
