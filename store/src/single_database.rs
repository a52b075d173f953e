//! The single database `keyreeve.db` of older versions: splits it into `policy.db` and `ledger.db`, and leaves an empty
//! one with a newer schema version, which older versions refuse.
//!
//! Invariants: after a kill at any step, the next call starts again or goes on; the data is deleted only when both new
//! databases have their names; from the first step on, an older version refuses the database.

use std::path::Path;

use keyreeve_os::files::{FileError, SafeDir};
use keyreeve_os::lock::Lock;
use keyreeve_os::process::pid;
use rusqlite::{Connection, TransactionBehavior};

use crate::database_files::{build, remove_unfinished, unfinished};
use crate::rows::rollups;
use crate::schema;
use crate::sqlite::{self, Access, LEDGER_FILE, POLICY_FILE, SINGLE_FILE};
use crate::{Result, StoreError, ledger_lock};

/// The schema version of the empty database: one more than that of the last version with data.
const MARKER_VERSION: i64 = 10;

/// File name of the lock held by the gateway that serves from the store.
pub(crate) const SERVE_LOCK: &str = "serve.lock";

/// Size of a database without tables: one page.
const EMPTY_BYTES: u64 = 4096;

/// Returns `true` if the database is empty: there is nothing to migrate or to delete.
pub(crate) fn is_marker(dir: &SafeDir) -> Result<bool> {
    match dir.check(SINGLE_FILE) {
        Ok(size) => Ok(size == EMPTY_BYTES),
        Err(FileError::Missing { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Creates the empty database, unless it exists.
pub(crate) fn create_marker(dir: &SafeDir) -> Result<()> {
    if dir.contains(SINGLE_FILE)? {
        return Ok(());
    }
    let path = remove_unfinished(dir, SINGLE_FILE)?;
    dir.create_new(&unfinished(SINGLE_FILE), b"")?;
    let connection = sqlite::connect(&path, Access::Write)?;
    schema::SINGLE.mark(&connection, MARKER_VERSION)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(dir.rename_new(&unfinished(SINGLE_FILE), SINGLE_FILE)?)
}

/// Gives complete databases their names. `ledger.db` gets its name first and `policy.db` last, so that this can be
/// repeated after a crash.
pub(crate) fn name_databases(dir: &SafeDir) -> Result<()> {
    if dir.contains(&unfinished(LEDGER_FILE))? {
        dir.rename_new(&unfinished(LEDGER_FILE), LEDGER_FILE)?;
    }
    create_marker(dir)?;
    Ok(dir.rename_new(&unfinished(POLICY_FILE), POLICY_FILE)?)
}

/// Finishes a migration that was interrupted after the new databases got their names.
pub(crate) fn finish(dir: &SafeDir) -> Result<()> {
    if !dir.contains(SINGLE_FILE)? {
        return create_marker(dir);
    }
    let path = dir.path().join(SINGLE_FILE);
    let connection = sqlite::open_checked(dir, SINGLE_FILE, Access::Write)?;
    if schema::SINGLE.version(&connection, &path)? < MARKER_VERSION {
        return Err(StoreError::OldDatabase { path });
    }
    empty(&connection)
}

/// Splits the database.
///
/// # Errors
/// [`StoreError::InUse`] if an older version still serves from it.
pub(crate) fn migrate(dir: &SafeDir) -> Result<()> {
    let path = dir.path().join(SINGLE_FILE);
    let mut connection = sqlite::open_checked(dir, SINGLE_FILE, Access::Write)?;
    let version = schema::SINGLE.version(&connection, &path)?;
    if version > MARKER_VERSION {
        return Err(StoreError::NewerSchema {
            path,
            found: version,
            known: MARKER_VERSION,
        });
    }
    let note = format!("process {}, which migrates it", pid());
    let _serve = Lock::acquire(dir, SERVE_LOCK, &note)?;
    let _ledger = ledger_lock::try_exclusive(dir)?.ok_or_else(|| StoreError::InUse {
        holder: "an older keyreeve that is sending requests".to_owned(),
    })?;
    if version < MARKER_VERSION {
        schema::SINGLE.migrate(&mut connection, &path)?;
        schema::SINGLE.mark(&connection, MARKER_VERSION)?;
    } else if is_empty(&connection)? {
        return Err(StoreError::missing(&dir.path().join(POLICY_FILE)));
    }
    let policy = include_str!("../migrations/single/policy.sql");
    let ledger = include_str!("../migrations/single/ledger.sql");
    build(dir, POLICY_FILE, &schema::POLICY, |connection| {
        copy(connection, &path, |transaction| {
            Ok(transaction.execute_batch(policy)?)
        })
    })?;
    build(dir, LEDGER_FILE, &schema::LEDGER, |connection| {
        copy(connection, &path, |transaction| {
            transaction.execute_batch(ledger)?;
            rollups::rebuild(transaction)
        })
    })?;
    // One left by a migration that was interrupted here: policy.db, which is named last, is missing.
    dir.remove(LEDGER_FILE)?;
    name_databases(dir)?;
    empty(&connection)
}

/// Fills a database by `fill`, which finds the rows of the single one at this path as `old`.
fn copy(
    connection: &mut Connection,
    single: &Path,
    fill: impl FnOnce(&Connection) -> Result<()>,
) -> Result<()> {
    let single = single.to_str().ok_or_else(|| FileError::InvalidName {
        name: single.display().to_string(),
    })?;
    connection.execute("ATTACH ?1 AS old", [single])?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    fill(&transaction)?;
    transaction.commit()?;
    Ok(connection.execute_batch("DETACH old")?)
}

fn is_empty(connection: &Connection) -> Result<bool> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0)
}

/// Deletes all data; `secure_delete` overwrites it.
fn empty(connection: &Connection) -> Result<()> {
    let mut statement = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )?;
    let tables: Vec<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    drop(statement);
    connection.pragma_update(None, "foreign_keys", false)?;
    for table in tables {
        connection.execute_batch(&format!("DROP TABLE \"{table}\""))?;
    }
    connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(())
}
