//! Errors of the store, one variant for each thing a caller can do about it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyreeve_os::files::FileError;
use keyreeve_os::lock::LockError;

/// An error of the store. [`StoreError::fix_command`] returns the command that fixes it, if there is one.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process kept the database locked until the busy timeout, or the ledger's write queue is full: retry
    /// later.
    #[error("the store is busy: another process has locked it, or its write queue is full")]
    Busy,
    /// The store was closed, or its writer thread has died: nothing more can be written.
    #[error("the store is closed")]
    Closed,
    /// Another gateway holds the serve lock of this store.
    #[error("the store is in use: {holder}")]
    InUse {
        /// The text in the lock file: the holder's process id and address.
        holder: String,
    },
    /// No space is left on the disk.
    #[error("the disk is full")]
    DiskFull(#[source] UnderlyingError),
    /// The ledger's journal has no free slot: its entries cannot be written to the ledger's database.
    #[error(
        "the ledger's journal is full: its entries could not be written to ledger.db; check the disk"
    )]
    JournalFull,
    /// The write-ahead log of the ledger's database cannot be reset, because a program has been reading it for long.
    #[error("the log of {} is full: a program has been reading the database for long; end it", path.display())]
    LogFull {
        /// The database.
        path: PathBuf,
    },
    /// The last entries of the ledger could not be written to its database. It is tried again until it succeeds.
    #[error("entries cannot be written to ledger.db")]
    LedgerNotWritable(#[source] UnderlyingError),
    /// A file of the store was moved, removed or replaced while this process had it open: restart it.
    #[error("{} was moved, removed or replaced while keyreeve was running: restart keyreeve", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// The system could not write a file to the disk. What it wrote is unknown, so this process acknowledges nothing
    /// more.
    #[error("the store could not be written to the disk: check the disk, then restart keyreeve")]
    SyncFailed(#[source] UnderlyingError),
    /// The database or its directory is read-only for this user: make it writable, or use another user or directory.
    #[error("cannot write {}: you need write permission for the file and its directory", path.display())]
    NotWritable {
        /// The database.
        path: PathBuf,
    },
    /// The database is damaged, or is not a keyreeve database: restore a backup.
    #[error("{} is damaged: {what}", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// The first problem found.
        what: String,
    },
    /// A newer keyreeve wrote the database: use that version. The database is unchanged.
    #[error("{} has schema version {found}, newer than version {known} that this keyreeve supports: update keyreeve", path.display())]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// The schema version of the database.
        found: i64,
        /// The newest schema version that this build supports.
        known: i64,
    },
    /// The single database of an older version is back, although it was split: it was copied there, and may contain
    /// what the others do not.
    #[error("{} is the database of an older keyreeve, which was split into policy.db and ledger.db: move it away", path.display())]
    OldDatabase {
        /// The database.
        path: PathBuf,
    },
    /// A restore was killed: the store may be a mixture of the old one and the backup. Restore it again.
    #[error("a restore into {} was interrupted; the store it replaces is in replaced-* there", path.display())]
    RestoreInterrupted {
        /// The directory of the databases.
        path: PathBuf,
    },
    /// An older keyreeve wrote the database, and a [`QuickReader`](crate::QuickReader) does not run migrations.
    #[error("{} was written by an older keyreeve and has not been migrated yet", path.display())]
    OlderSchema {
        /// The database.
        path: PathBuf,
    },
    /// The linked SQLite has a bug that can lose data.
    #[error("SQLite {found} is too old: keyreeve needs 3.51.3 or later")]
    SqliteTooOld {
        /// The version of the linked SQLite.
        found: &'static str,
    },
    /// The database and the master key are configured to be in one directory, where both would be stolen together.
    #[error("the database and the master key must be in different directories; both are in {}", path.display())]
    SameDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The master key file is missing, and the secrets it encrypts cannot be decrypted: put it back.
    #[error("the master key {} is missing: without it the encrypted secrets cannot be read", path.display())]
    MasterKeyMissing {
        /// The expected path of the file.
        path: PathBuf,
    },
    /// The master key file is truncated or was overwritten: put the right one back.
    #[error("the master key {} is damaged", path.display())]
    MasterKeyDamaged {
        /// The path of the file.
        path: PathBuf,
    },
    /// The master key is valid, but belongs to another store: put the right one back.
    #[error("the master key {} belongs to another store", path.display())]
    MasterKeyWrong {
        /// The path of the file.
        path: PathBuf,
    },
    /// A sealed (encrypted) record was changed by something other than keyreeve.
    #[error("the encrypted secret of profile {record} is damaged or was tampered with")]
    Tampered {
        /// The record's id.
        record: String,
    },
    /// A row of policy does not verify: something other than keyreeve wrote it, so it is not used.
    #[error(
        "{what} `{name}` was changed by something other than keyreeve: it does not verify with the master key, so it is not used"
    )]
    NotVerified {
        /// `profile` or `key`.
        what: &'static str,
        /// Its name in the row.
        name: String,
    },
    /// No record has this id, or it was removed.
    #[error("there is no such {what}")]
    NotFound {
        /// The kind of record.
        what: &'static str,
    },
    /// Another record has this name or id already.
    #[error("the name {name} is taken")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A file exists where a backup would be restored to.
    #[error("{} exists already: a store is replaced only with --replace, which moves it aside", path.display())]
    NotEmpty {
        /// The existing file.
        path: PathBuf,
    },
    /// The passphrase is wrong, or the first chunk of the backup is damaged: decryption cannot distinguish the two.
    #[error("wrong passphrase for this backup")]
    WrongPassphrase,
    /// The file is not a backup, or was truncated or changed.
    #[error("{} is not a valid backup: {what}", path.display())]
    BadBackup {
        /// The file.
        path: PathBuf,
        /// The problem found.
        what: &'static str,
    },
    /// A file failed a safety check, or the system returned an error for it.
    #[error("cannot use the store's files")]
    File(#[from] FileError),
    /// The system's random number generator failed.
    #[error("cannot get random bytes from the system")]
    NoRandomness(#[source] UnderlyingError),
    /// Any other error of the database.
    #[error("database error")]
    Database(#[source] UnderlyingError),
}

/// The error behind a [`StoreError`], for the log.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct UnderlyingError(pub(crate) Arc<dyn std::error::Error + Send + Sync>);

impl UnderlyingError {
    pub(crate) fn new(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// Returns the error of the store that this is, if it is one.
    fn store_error(&self) -> Option<&StoreError> {
        self.0.downcast_ref()
    }
}

impl StoreError {
    /// Returns the command that fixes the error, ready to paste, if there is one.
    pub fn fix_command(&self) -> Option<String> {
        match self {
            Self::File(error) => error.fix_command(),
            Self::Corrupt { .. }
            | Self::MasterKeyMissing { .. }
            | Self::MasterKeyDamaged { .. }
            | Self::RestoreInterrupted { .. }
            | Self::NotEmpty { .. } => Some("keyreeve store restore FILE --replace".to_owned()),
            Self::NotVerified { what, name } => Some(match *what {
                "profile" => format!("keyreeve profile remove {name}"),
                _ => format!("keyreeve key revoke {name}"),
            }),
            Self::OlderSchema { .. } => Some("keyreeve store info".to_owned()),
            Self::Busy
            | Self::Closed
            | Self::InUse { .. }
            | Self::DiskFull(_)
            | Self::JournalFull
            | Self::LogFull { .. }
            | Self::LedgerNotWritable(_)
            | Self::Replaced { .. }
            | Self::SyncFailed(_)
            | Self::NotWritable { .. }
            | Self::NewerSchema { .. }
            | Self::OldDatabase { .. }
            | Self::SqliteTooOld { .. }
            | Self::SameDirectory { .. }
            | Self::MasterKeyWrong { .. }
            | Self::Tampered { .. }
            | Self::NotFound { .. }
            | Self::NameTaken { .. }
            | Self::WrongPassphrase
            | Self::BadBackup { .. }
            | Self::NoRandomness(_)
            | Self::Database(_) => None,
        }
    }

    /// Returns the cause in words for a client of the gateway, which must not see paths, if it is one that the owner can
    /// end.
    pub fn client_reason(&self) -> Option<&'static str> {
        match self {
            Self::DiskFull(_) => Some("the disk is full"),
            Self::JournalFull => {
                Some("its journal is full, because entries cannot be written to ledger.db")
            }
            Self::LogFull { .. } => Some("a program has been reading ledger.db for too long"),
            Self::LedgerNotWritable(cause) => {
                let known = cause.store_error().and_then(Self::client_reason);
                Some(known.unwrap_or("entries cannot be written to ledger.db"))
            }
            Self::Replaced { .. } => Some(
                "its store was moved, removed or replaced. Restart keyreeve on the present one",
            ),
            Self::SyncFailed(_) => {
                Some("the disk could not be written. Check the disk, then restart keyreeve")
            }
            Self::Busy => Some("another process has locked the store"),
            Self::NotWritable { .. } => Some("its store is read-only"),
            Self::Corrupt { .. } => Some("its store is damaged"),
            Self::NotVerified { .. } => Some("something other than keyreeve changed it"),
            Self::Closed
            | Self::InUse { .. }
            | Self::NewerSchema { .. }
            | Self::OldDatabase { .. }
            | Self::RestoreInterrupted { .. }
            | Self::OlderSchema { .. }
            | Self::SqliteTooOld { .. }
            | Self::SameDirectory { .. }
            | Self::MasterKeyMissing { .. }
            | Self::MasterKeyDamaged { .. }
            | Self::MasterKeyWrong { .. }
            | Self::Tampered { .. }
            | Self::NotFound { .. }
            | Self::NameTaken { .. }
            | Self::NotEmpty { .. }
            | Self::WrongPassphrase
            | Self::BadBackup { .. }
            | Self::File(_)
            | Self::NoRandomness(_)
            | Self::Database(_) => None,
        }
    }

    /// Returns [`StoreError::NotFound`] if a statement changed no row.
    pub(crate) fn check_found(what: &'static str, changed: usize) -> Result<(), Self> {
        if changed == 0 {
            Err(Self::NotFound { what })
        } else {
            Ok(())
        }
    }

    /// Returns the error for a database that is missing while the rest of the store exists.
    pub(crate) fn missing(database: &Path) -> Self {
        Self::Corrupt {
            path: database.to_owned(),
            what: "it is missing, while other files of the store exist".to_owned(),
        }
    }

    /// Names the database of an error that SQLite reported without it.
    pub(crate) fn with_path(self, database: &Path) -> Self {
        match self {
            Self::NotWritable { path } if path.is_relative() => Self::NotWritable {
                path: database.to_owned(),
            },
            Self::Replaced { path } if path.is_relative() => Self::Replaced {
                path: database.to_owned(),
            },
            Self::Corrupt { path, what } if path.is_relative() => Self::Corrupt {
                path: database.to_owned(),
                what,
            },
            other => other,
        }
    }
}

impl From<LockError> for StoreError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { holder } => Self::InUse { holder },
            LockError::File(error) => Self::File(error),
        }
    }
}
