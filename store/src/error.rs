//! What can go wrong with the store, named for what the caller does next.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyreeve_os::files::FileError;
use keyreeve_os::lock::LockError;

/// What can go wrong. [`Error::hint`] gives the command that mends it, where one does.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process kept the database locked for five seconds, or the ledger's queue is full: try again later.
    #[error("the store is busy")]
    Busy,
    /// The store was closed, or its writer has died: nothing more can be recorded.
    #[error("the store is closed")]
    Closed,
    /// Another process serves from this store.
    #[error("the store is in use: {holder}")]
    Held {
        /// The note the holder left.
        holder: String,
    },
    /// The disk has no room for what was to be recorded.
    #[error("the disk is full")]
    Full(#[source] Cause),
    /// The system lets nobody of this user write there: make it writable, or use another user or directory.
    #[error("{} cannot be written: it and its directory must be writable for you", path.display())]
    NotWritable {
        /// The database.
        path: PathBuf,
    },
    /// The database is damaged, or no database of keyreeve's: restore a backup.
    #[error("{} is damaged: {what}", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// A newer keyreeve wrote the database: use that one. It was left as it is.
    #[error("{} has schema {found}, newer than the {known} this keyreeve knows", path.display())]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema's number.
        found: i64,
        /// The newest number this build knows.
        known: i64,
    },
    /// An older keyreeve wrote the database, and this way of looking at it brings nothing up to date.
    #[error("{} was written by an older keyreeve and has not been brought up to date yet", path.display())]
    OlderSchema {
        /// The database.
        path: PathBuf,
    },
    /// The SQLite linked in has a defect that can lose data.
    #[error("SQLite {found} is older than the 3.51.3 that keyreeve needs")]
    SqliteTooOld {
        /// Its version.
        found: &'static str,
    },
    /// Database and master key would lie in the same directory, and be stolen together.
    #[error("database and master key must not lie in the same directory, {}", path.display())]
    SamePlace {
        /// The directory.
        path: PathBuf,
    },
    /// The master key's file is gone, and what it sealed cannot be opened: put it back.
    #[error("the master key {} is missing; without it the sealed secrets cannot be opened", path.display())]
    MasterKeyMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The master key's file is cut or was overwritten: put the right one back.
    #[error("the master key {} is damaged", path.display())]
    MasterKeyDamaged {
        /// Where it is.
        path: PathBuf,
    },
    /// The master key is a good one, but of another store: put the right one back.
    #[error("the master key {} is not the one this store was sealed with", path.display())]
    MasterKeyWrong {
        /// Where it is.
        path: PathBuf,
    },
    /// A sealed record was changed by something else than keyreeve.
    #[error("the sealed secret of profile {record} was tampered with or is damaged")]
    Tampered {
        /// The record's id.
        record: String,
    },
    /// There is none by that id (any more).
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// Another one has the name or the id already.
    #[error("the name {name} is taken")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Something is where a backup was to be restored to.
    #[error("{} is there already; a backup is restored into an empty place only", path.display())]
    NotEmpty {
        /// What is there.
        path: PathBuf,
    },
    /// The passphrase does not open the backup, or its beginning is damaged: the two cannot be told apart.
    #[error("the passphrase does not open the backup")]
    WrongPassphrase,
    /// The file is no backup, or it is cut or changed.
    #[error("{} is no backup or is damaged: {what}", path.display())]
    BadBackup {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: &'static str,
    },
    /// A file was refused, or the system refused it.
    #[error("the store's files cannot be used")]
    Files(#[from] FileError),
    /// The system has no randomness to give.
    #[error("the system gives no randomness")]
    NoRandomness(#[source] Cause),
    /// The database said no for another reason.
    #[error("the database failed")]
    Database(#[source] Cause),
}

/// What lay below an [`Error`], for the log.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct Cause(Arc<dyn std::error::Error + Send + Sync>);

impl Cause {
    pub(crate) fn new(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }
}

impl Error {
    /// Gives the command that mends it, ready to paste, where one does.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Files(error) => error.hint(),
            Self::Corrupt { .. }
            | Self::MasterKeyMissing { .. }
            | Self::MasterKeyDamaged { .. } => Some("keyreeve store restore FILE".to_owned()),
            Self::OlderSchema { .. } => Some("keyreeve store info".to_owned()),
            Self::Busy
            | Self::Closed
            | Self::Held { .. }
            | Self::Full(_)
            | Self::NotWritable { .. }
            | Self::NewerSchema { .. }
            | Self::SqliteTooOld { .. }
            | Self::SamePlace { .. }
            | Self::MasterKeyWrong { .. }
            | Self::Tampered { .. }
            | Self::NotFound { .. }
            | Self::NameTaken { .. }
            | Self::NotEmpty { .. }
            | Self::WrongPassphrase
            | Self::BadBackup { .. }
            | Self::NoRandomness(_)
            | Self::Database(_) => None,
        }
    }
}

impl Error {
    /// Names the whole path of a database that cannot be written.
    pub(crate) fn at(self, database: &Path) -> Self {
        match self {
            Self::NotWritable { .. } => Self::NotWritable {
                path: database.to_owned(),
            },
            other => other,
        }
    }

    /// Says what a refusal of the database means. Shared, because a batch that fails is told to each that waits.
    pub(crate) fn of_sql(error: &Arc<rusqlite::Error>) -> Self {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase,
            ReadOnly,
        };
        let cause = Cause(Arc::<rusqlite::Error>::clone(error));
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy,
            Some(DiskFull) => Self::Full(cause),
            // Its log lies beside it, and could not be made.
            Some(ReadOnly | CannotOpen) => Self::NotWritable {
                path: crate::sqlite::FILE.into(),
            },
            Some(DatabaseCorrupt | NotADatabase) => Self::Corrupt {
                path: crate::sqlite::FILE.into(),
                what: error.to_string(),
            },
            _ if is_unreadable(error) => Self::Corrupt {
                path: crate::sqlite::FILE.into(),
                what: error.to_string(),
            },
            _ => Self::Database(cause),
        }
    }
}

/// Says whether a value was found that keyreeve never wrote there.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::of_sql(&Arc::new(error))
    }
}

impl From<LockError> for Error {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { holder } => Self::Held { holder },
            LockError::File(error) => Self::Files(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn a_database_that_cannot_be_written_is_named() {
        for code in [ffi::SQLITE_READONLY_DIRECTORY, ffi::SQLITE_CANTOPEN] {
            let failure = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let told = Error::from(failure).at(Path::new("there/keyreeve.db"));
            assert!(
                matches!(&told, Error::NotWritable { path } if path.ends_with("there/keyreeve.db")),
                "{told:?}"
            );
        }
    }
}
