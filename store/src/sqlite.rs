//! SQLite connections with the same settings for reading and writing, the thread that checkpoints the WAL, and the
//! conversion of SQLite errors.
//!
//! Invariants: a file is checked before SQLite opens it; SQLite never creates one; the writer never waits for a
//! checkpoint.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use keyreeve_os::files::{FileError, SafeDir};
use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags, ffi};

use crate::error::UnderlyingError;
use crate::{Result, StoreError};

/// The file name of the database of profiles, keys, bindings and health.
pub(crate) const POLICY_FILE: &str = "policy.db";

/// The file name of the database of attempts and limits.
pub(crate) const LEDGER_FILE: &str = "ledger.db";

/// The file name of the single database that older versions used. It is left empty, so that they refuse the store.
pub(crate) const SINGLE_FILE: &str = "keyreeve.db";

/// The path in an error whose database is not known; [`StoreError::with_path`] replaces it.
const UNKNOWN_FILE: &str = "the store";

/// SQLite's busy timeout: the maximum wait for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The size of the write-ahead log, in pages, from which it is checkpointed: 4 MiB.
pub(crate) const CHECKPOINT_PAGES: i32 = 1000;

/// The size that the file of the write-ahead log shrinks to, in bytes: that of [`CHECKPOINT_PAGES`].
const LOG_FILE_BYTES: i32 = CHECKPOINT_PAGES * 4096;

/// Minimum time between two checkpoints.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(50);

/// The access mode of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Rejects files that are not private to this user, or that cannot be a database.
pub(crate) fn check_files(dir: &SafeDir, file: &str) -> Result<()> {
    if dir.check(file)? == 0 {
        let path = dir.path().join(file);
        return Err(StoreError::Corrupt {
            path,
            what: "the file is empty".to_owned(),
        });
    }
    for wal_file in wal_files(file) {
        match dir.check(&wal_file) {
            Ok(_) | Err(FileError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Checks a whole database for damage.
pub(crate) fn check_integrity(connection: &Connection, path: &Path) -> Result<()> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt {
        path: path.to_owned(),
        what: found,
    })
}

/// Returns the names of the files that SQLite keeps next to a database: the write-ahead log and its index.
pub(crate) fn wal_files(file: &str) -> [String; 2] {
    [format!("{file}-wal"), format!("{file}-shm")]
}

/// Opens a connection to a database in the store's directory after checking its files.
pub(crate) fn open_checked(dir: &SafeDir, file: &str, access: Access) -> Result<Connection> {
    check_files(dir, file)?;
    connect(&dir.path().join(file), access)
}

/// Opens a connection to a database that exists.
pub(crate) fn connect(path: &Path, access: Access) -> Result<Connection> {
    connect_with_timeout(path, access, BUSY_TIMEOUT)
}

/// Opens a connection like [`connect`], with its own busy timeout.
pub(crate) fn connect_with_timeout(
    path: &Path,
    access: Access,
    busy_timeout: Duration,
) -> Result<Connection> {
    open_connection(path, access, busy_timeout)
        .map_err(|error| StoreError::from(error).with_path(path))
}

fn open_connection(
    path: &Path,
    access: Access,
    busy_timeout: Duration,
) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.execute_batch(
        "PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA secure_delete = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA wal_autocheckpoint = 0;",
    )?;
    // When the log starts anew after a long reader, its file shrinks to this size.
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_FILE_BYTES, |_| Ok(()))?;
    match access {
        Access::Read => connection.pragma_update(None, "query_only", true)?,
        Access::Write => {
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        }
    }
    Ok(connection)
}

/// Lets a connection checkpoint the write-ahead log itself, with the commit that makes it long.
pub(crate) fn checkpoint_at_commit(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
}

/// A thread that checkpoints the write-ahead log when it has grown: copies it back into the database.
pub(crate) struct Checkpointer {
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread, and stores the length of the log after each commit in `wal_pages`. It ends when the writer's connection is closed or its hook is removed ([`remove_wal_hook`]).
    pub(crate) fn start(
        path: &Path,
        writer: &mut Connection,
        wal_pages: &Arc<AtomicI32>,
    ) -> Result<Self> {
        let (request, requests) = sync_channel(1);
        let connection = connect(path, Access::Write)?;
        writer.wal_hook(Some(wal_hook(request, Arc::clone(wal_pages))))?;
        let thread = std::thread::Builder::new()
            .name("keyreeve-checkpoint".to_owned())
            .spawn(move || checkpoint_loop(&connection, &requests))
            .map_err(FileError::system("start a thread for", path))?;
        Ok(Self {
            thread: Some(thread),
        })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic of the thread changes nothing here.
            thread.join().ok();
        }
    }
}

/// Removes the hook of this connection, which ends its checkpointer.
pub(crate) fn remove_wal_hook(writer: &mut Connection) {
    // Fails only if the connection is closed, and its hook with it.
    writer
        .wal_hook(None::<fn(&mut Wal, i32) -> rusqlite::Result<()>>)
        .ok();
}

fn wal_hook(
    request: SyncSender<()>,
    wal_pages: Arc<AtomicI32>,
) -> impl FnMut(&mut Wal, i32) -> rusqlite::Result<()> + Send + 'static {
    move |_, pages| {
        wal_pages.store(pages, Ordering::Relaxed);
        if pages >= CHECKPOINT_PAGES {
            // If the channel is full, a checkpoint is requested already.
            request.try_send(()).ok();
        }
        Ok(())
    }
}

fn checkpoint_loop(connection: &Connection, requests: &Receiver<()>) {
    while requests.recv().is_ok() {
        // Passive: copies the pages that no reader needs, without waiting. The next checkpoint copies the rest. An
        // error here is an error for the writer, too, which reports it.
        connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .ok();
        std::thread::sleep(CHECKPOINT_INTERVAL);
    }
}

impl StoreError {
    /// Converts an SQLite error. It is shared, because a batch that fails is reported to every caller waiting for it.
    pub(crate) fn from_sqlite(error: &Arc<rusqlite::Error>) -> Self {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase,
            ReadOnly,
        };
        let cause = UnderlyingError(Arc::<rusqlite::Error>::clone(error));
        if is_failed_sync(error) {
            return Self::SyncFailed(cause);
        }
        if is_index_too_small(error) {
            return Self::DiskFull(cause);
        }
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy,
            Some(DiskFull) => Self::DiskFull(cause),
            // The write-ahead log is next to the database and could not be created.
            Some(ReadOnly | CannotOpen) => Self::NotWritable {
                path: UNKNOWN_FILE.into(),
            },
            Some(DatabaseCorrupt | NotADatabase) => Self::Corrupt {
                path: UNKNOWN_FILE.into(),
                what: error.to_string(),
            },
            _ if is_invalid_value(error) => Self::Corrupt {
                path: UNKNOWN_FILE.into(),
                what: error.to_string(),
            },
            _ => Self::Database(cause),
        }
    }
}

/// Returns `true` if the system could not write a file or its directory to the disk.
fn is_failed_sync(error: &rusqlite::Error) -> bool {
    matches!(
        extended_code(error),
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
    )
}

/// Returns `true` if there was no space for the index of the write-ahead log, for which SQLite has a code of its own.
fn is_index_too_small(error: &rusqlite::Error) -> bool {
    extended_code(error) == Some(ffi::SQLITE_IOERR_SHMSIZE)
}

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

/// Returns `true` if a column holds a value that keyreeve never writes there.
fn is_invalid_value(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::from_sqlite(&Arc::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwritable_database_is_named() {
        for code in [ffi::SQLITE_READONLY_DIRECTORY, ffi::SQLITE_CANTOPEN] {
            let failure = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = StoreError::from(failure).with_path(Path::new("there/keyreeve.db"));
            assert!(
                matches!(&error, StoreError::NotWritable { path } if path.ends_with("there/keyreeve.db")),
                "{error:?}"
            );
        }
    }
}
