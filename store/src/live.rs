//! Reads what every process has recorded so far: the database, and the journals that are folded into it.
//!
//! Invariant: each entry is seen once. The journals are read first; an entry that was folded since then is found in the
//! database by the journal's progress or, if it was open, by its id.

use keyreeve_os::files::SafeDir;
use rusqlite::Connection;

use crate::database_files::open_database;
use crate::rows::attempts::{self, Attempt};
use crate::sql_types::sql_integer;
use crate::sqlite::{Access, LEDGER_FILE};
use crate::{Result, fold, journal, schema};

/// One state of the ledger.
pub(crate) struct LiveEntries {
    /// A connection in a read transaction, which shows one state of the database.
    pub(crate) connection: Connection,
    /// The entries that are not in the database.
    pub(crate) entries: Vec<Attempt>,
}

/// Reads the journals of a store and starts reading its database.
pub(crate) fn read(dir: &SafeDir) -> Result<LiveEntries> {
    let journals = journal::list(dir)?
        .iter()
        .filter_map(|name| journal::read(dir, name).transpose())
        .collect::<Result<Vec<_>>>()?;
    let connection = open_database(dir, LEDGER_FILE, &schema::LEDGER, Access::Read)?;
    // The snapshot is taken by the first query.
    connection.execute_batch("BEGIN")?;
    let mut entries = Vec::new();
    for journal in journals {
        let folded = fold::progress(&connection, journal.id)?;
        for (sequence, intent, outcome) in journal.closed {
            if sql_integer(sequence) > folded {
                entries.push((intent, Some(outcome)));
            }
        }
        for intent in journal.open {
            if attempts::find(&connection, intent.attempt, intent.started_at)?.is_none() {
                entries.push((intent, None));
            }
        }
    }
    Ok(LiveEntries {
        connection,
        entries,
    })
}
