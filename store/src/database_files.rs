//! The files of the databases while they are created, migrated or opened.
//!
//! Invariant: a database is built under a temporary name and complete when it gets its own.

use std::path::PathBuf;
use std::time::Duration;

use keyreeve_os::files::SafeDir;
use keyreeve_os::lock::{Lock, LockError};
use rusqlite::Connection;

use crate::schema::Schema;
use crate::sqlite::{self, Access};
use crate::{Result, StoreError};

/// File name of the lock held while the databases are created, migrated, backed up or restored.
const SETUP_LOCK: &str = "setup.lock";

/// Start of the names of files that a restore has moved aside.
pub(crate) const REPLACED_PREFIX: &str = "replaced-";

/// File name of the mark of a restore that is running or was interrupted.
pub(crate) const PENDING_RESTORE: &str = "restore.pending";

/// Acquires the setup lock. Waits up to five seconds for a process that is creating, migrating or restoring the store.
pub(crate) fn setup_lock(dir: &SafeDir) -> Result<Lock> {
    for _ in 0..500 {
        match Lock::acquire(
            dir,
            SETUP_LOCK,
            &format!("process {}", keyreeve_os::process::pid()),
        ) {
            Err(LockError::Held { .. }) => std::thread::sleep(Duration::from_millis(10)),
            result => return Ok(result?),
        }
    }
    Err(StoreError::Busy)
}

/// Rejects a write-ahead log without its database: SQLite would apply it to a new database.
pub(crate) fn reject_orphaned_wal(dir: &SafeDir, database: &str) -> Result<()> {
    let [log, _] = sqlite::wal_files(database);
    if dir.contains(&log)? && !dir.contains(database)? {
        let path = dir.path().join(log);
        return Err(StoreError::Corrupt {
            path,
            what: "the database of this write-ahead log is missing".to_owned(),
        });
    }
    Ok(())
}

/// Returns the temporary name of a database that is being created or restored.
pub(crate) fn unfinished(database: &str) -> String {
    format!("{database}.new")
}

/// Builds a database under its temporary name, filled by `fill`.
pub(crate) fn build(
    dir: &SafeDir,
    database: &str,
    schema: &Schema,
    fill: impl FnOnce(&mut Connection) -> Result<()>,
) -> Result<()> {
    let path = remove_unfinished(dir, database)?;
    dir.create_new(&unfinished(database), b"")?;
    let mut connection = sqlite::connect(&path, Access::Write)?;
    schema.migrate(&mut connection, &path)?;
    fill(&mut connection)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// Deletes the files of an unfinished database after a crash, and returns the path to create the next one at.
pub(crate) fn remove_unfinished(dir: &SafeDir, database: &str) -> Result<PathBuf> {
    let name = unfinished(database);
    let [log, index] = sqlite::wal_files(&name);
    for name in [&name, &log, &index, &format!("{name}-journal")] {
        dir.remove(name)?;
    }
    Ok(dir.path().join(name))
}

/// Opens a database of the store after checking its files, and migrates it if a newer schema is known.
pub(crate) fn open_database(
    dir: &SafeDir,
    database: &str,
    schema: &Schema,
    access: Access,
) -> Result<Connection> {
    let path = dir.path().join(database);
    let connection = sqlite::open_checked(dir, database, access)?;
    if schema.needs_migration(&connection, &path)? {
        let _setup = setup_lock(dir)?;
        schema.migrate(&mut sqlite::connect(&path, Access::Write)?, &path)?;
    }
    Ok(connection)
}
