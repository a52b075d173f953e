//! The files of an open store and their sizes.

use keyreeve_os::files::FileError;

use crate::sqlite::{LEDGER_FILE, POLICY_FILE, wal_files};
use crate::{Result, Store, journal};

/// A file of the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreFile {
    /// Its name in the directory of the databases.
    pub name: String,
    /// The kind of file.
    pub kind: StoreFileKind,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The kind of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreFileKind {
    /// A database.
    Database,
    /// The write-ahead log of a database: what is not in the database itself yet.
    Log,
    /// The journal of a process that serves, or of one that died, which the next one replays.
    Journal,
}

impl Store {
    /// Returns the databases, their logs and the journals, as they are now.
    ///
    /// # Errors
    /// If a file fails the strict checks.
    pub fn files(&self) -> Result<Vec<StoreFile>> {
        let mut names = Vec::new();
        for database in [POLICY_FILE, LEDGER_FILE] {
            let [log, _] = wal_files(database);
            names.push((database.to_owned(), StoreFileKind::Database));
            names.push((log, StoreFileKind::Log));
        }
        let journals = journal::list(self.dir())?.into_iter();
        names.extend(journals.map(|name| (name, StoreFileKind::Journal)));
        let mut files = Vec::new();
        for (name, kind) in names {
            match self.dir().check(&name) {
                Ok(bytes) => files.push(StoreFile { name, kind, bytes }),
                // A log and a journal can be removed at any time.
                Err(FileError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(files)
    }
}
