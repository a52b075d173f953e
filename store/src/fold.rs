//! Moves entries from journals to `ledger.db`: closed ones of this process's journal while it serves, and everything
//! from the journal of a process that died.
//!
//! Invariant: entries, their sums and the journal's progress are committed in one transaction, so that no entry is
//! written twice or lost, whenever the process is killed.

use jiff::Timestamp;
use keyreeve_os::files::SafeDir;
use rusqlite::{Connection, OptionalExtension as _};

use crate::Result;
use crate::journal::{self, Journal, JournalContents};
use crate::ledger_connection::{LedgerConnection, SyncMode};
use crate::rows::attempts::{self, unknown_outcome};
use crate::rows::rollups::Batch;
use crate::sql_types::sql_integer;

/// Maximum number of entries in one transaction.
const MAX_BATCH: usize = 2048;

/// The extent of a fold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Folded {
    /// No entry was closed.
    Nothing,
    /// As many as fit into one transaction; more may be waiting.
    Part,
    /// All closed entries.
    All,
}

/// The recovery of the journals of dead processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recovered {
    /// Number of open entries closed as unknown, at their reserved cost.
    pub unknown: u64,
    /// Number of damaged slots, whose entries are lost.
    pub damaged: u64,
}

/// Writes closed entries of a journal to the database, and frees their slots.
pub(crate) fn fold(
    connection: &mut LedgerConnection,
    journal: &Journal,
    sync: SyncMode,
) -> Result<Folded> {
    let batch = journal.take_closed(MAX_BATCH);
    let Some(watermark) = batch.watermark() else {
        return Ok(Folded::Nothing);
    };
    let is_part = batch.entries().len() == MAX_BATCH;
    connection.write(sync, |transaction| {
        let mut sums = Batch::default();
        for (intent, outcome) in batch.entries() {
            attempts::insert(transaction, intent, Some(outcome))?;
            sums.add(intent, outcome);
        }
        sums.write(transaction)?;
        write_progress(transaction, journal.id(), watermark)
    })?;
    journal.folded(batch);
    Ok(if is_part { Folded::Part } else { Folded::All })
}

/// Syncs earlier commits with one that changes nothing.
pub(crate) fn sync(connection: &mut LedgerConnection, journal: &Journal) -> Result<()> {
    connection.write(SyncMode::EachCommit, |transaction| {
        transaction.execute(
            "UPDATE journals SET folded = folded WHERE id = ?1",
            [journal.id()],
        )?;
        Ok(())
    })
}

/// Deletes an empty journal and its progress.
pub(crate) fn forget(connection: &mut LedgerConnection, journal: &Journal) -> Result<()> {
    journal.remove()?;
    delete_progress(connection, journal.id())
}

/// Recovers the journals of dead processes, and the open entries of dead processes without a journal if `close_rows`.
pub(crate) fn recover(
    connection: &mut LedgerConnection,
    dir: &SafeDir,
    at: Timestamp,
) -> Result<Recovered> {
    let mut recovered = Recovered::default();
    for name in journal::list(dir)? {
        let Some(dead) = journal::try_adopt(dir, &name)? else {
            continue;
        };
        let contents = dead.contents()?;
        let damaged = u64::from(contents.damaged);
        let unknown = connection.write(SyncMode::EachCommit, |transaction| {
            replay(transaction, &contents, at)
        })?;
        if let Some(unknown) = unknown {
            recovered.unknown += unknown;
            recovered.damaged += damaged;
        }
        dead.remove()?;
        delete_progress(connection, contents.id)?;
    }
    Ok(recovered)
}

/// Closes open entries of processes without a journal, none of which is alive, as unknown.
pub(crate) fn close_rows(connection: &mut LedgerConnection, at: Timestamp) -> Result<u64> {
    connection.write(SyncMode::EachCommit, |transaction| {
        let open = attempts::read_open(transaction)?;
        let mut sums = Batch::default();
        for (id, intent) in &open {
            let outcome = unknown_outcome(intent, at);
            attempts::close(transaction, *id, &outcome)?;
            sums.add(intent, &outcome);
        }
        sums.write(transaction)?;
        Ok(open.len() as u64)
    })
}

/// Writes everything that is not in the database yet. Returns the number of open entries, or `None` if an earlier
/// replay was committed already.
fn replay(
    connection: &Connection,
    contents: &JournalContents,
    at: Timestamp,
) -> rusqlite::Result<Option<u64>> {
    let progress: Option<(i64, bool)> = connection
        .query_row(
            "SELECT folded, replayed FROM journals WHERE id = ?1",
            [contents.id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let (folded, is_replayed) = progress.unwrap_or_default();
    if is_replayed {
        return Ok(None);
    }
    let mut sums = Batch::default();
    for (sequence, intent, outcome) in &contents.closed {
        if sql_integer(*sequence) > folded {
            attempts::insert(connection, intent, Some(outcome))?;
            sums.add(intent, outcome);
        }
    }
    for intent in &contents.open {
        // An entry whose outcome is damaged looks open, too, although it was folded.
        if attempts::find(connection, intent.attempt, intent.started_at)?.is_some() {
            continue;
        }
        let outcome = unknown_outcome(intent, at);
        attempts::insert(connection, intent, Some(&outcome))?;
        sums.add(intent, &outcome);
    }
    sums.write(connection)?;
    connection.execute(
        "INSERT INTO journals (id, folded, replayed, damaged) VALUES (?1, 0, 1, ?2)
         ON CONFLICT DO UPDATE SET replayed = 1, damaged = excluded.damaged",
        (contents.id, contents.damaged),
    )?;
    Ok(Some(contents.open.len() as u64))
}

/// Returns the number of the last close that is in the database, of each journal.
pub(crate) fn progress(connection: &Connection, id: [u8; 16]) -> rusqlite::Result<i64> {
    let folded = connection
        .prepare_cached("SELECT CASE replayed WHEN 1 THEN 9223372036854775807 ELSE folded END FROM journals WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(folded.unwrap_or_default())
}

fn write_progress(connection: &Connection, id: [u8; 16], folded: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO journals (id, folded) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET folded = excluded.folded",
        )?
        .execute((id, sql_integer(folded)))?;
    Ok(())
}

fn delete_progress(connection: &mut LedgerConnection, id: [u8; 16]) -> Result<()> {
    connection.write(SyncMode::Later, |transaction| {
        transaction.execute("DELETE FROM journals WHERE id = ?1", [id])?;
        Ok(())
    })
}
