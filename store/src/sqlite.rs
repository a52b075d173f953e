//! Connections to the database, alike but for what they may do; and the thread that keeps its log short.
//!
//! Invariants: a file is checked before SQLite opens it; SQLite never makes one; the writer never stops for a
//! checkpoint.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use keyreeve_os::files::{FileError, SafeDir};
use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};

use crate::{Error, Result};

/// The database's name in its directory.
pub(crate) const FILE: &str = "keyreeve.db";

/// How long SQLite waits for another process.
const PATIENCE: Duration = Duration::from_secs(5);

/// From how many pages on the log is copied back into the database: 4 MiB.
pub(crate) const LOG_PAGES: i32 = 1000;

/// How long the checkpointer rests between two checkpoints.
const REST: Duration = Duration::from_millis(50);

/// What a connection may do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Refuses files that are not strictly ours, or that cannot be a database.
pub(crate) fn check_files(dir: &SafeDir, file: &str) -> Result<()> {
    if dir.check(file)? == 0 {
        let path = dir.path().join(file);
        return Err(Error::Corrupt {
            path,
            what: "it is empty".to_owned(),
        });
    }
    for beside in log_files(file) {
        match dir.check(&beside) {
            Ok(_) | Err(FileError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The files SQLite keeps beside a database.
pub(crate) fn log_files(file: &str) -> [String; 2] {
    [format!("{file}-wal"), format!("{file}-shm")]
}

/// Opens a connection to a database that exists.
pub(crate) fn connect(path: &Path, access: Access) -> Result<Connection> {
    connect_for(path, access, PATIENCE)
}

/// The same with another patience.
pub(crate) fn connect_for(path: &Path, access: Access, patience: Duration) -> Result<Connection> {
    set_up(path, access, patience).map_err(|error| Error::from(error).at(path))
}

fn set_up(path: &Path, access: Access, patience: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    connection.execute_batch(
        "PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA secure_delete = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA wal_autocheckpoint = 0;",
    )?;
    match access {
        Access::Read => connection.pragma_update(None, "query_only", true)?,
        Access::Write => {
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        }
    }
    Ok(connection)
}

/// Copies the log back into the database whenever it has grown, from a thread of its own.
pub(crate) struct Checkpointer {
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts it; it ends when the writer's connection is no longer watched ([`unwatch`]) or closed.
    pub(crate) fn start(path: &Path, writer: &mut Connection) -> Result<Self> {
        let (nudge, nudged) = sync_channel(1);
        let connection = connect(path, Access::Write)?;
        writer.wal_hook(Some(hook(nudge)))?;
        let thread = std::thread::Builder::new()
            .name("keyreeve-checkpoint".to_owned())
            .spawn(move || run(&connection, &nudged))
            .map_err(|source| {
                let path = path.to_owned();
                Error::Files(FileError::System {
                    doing: "start a thread for",
                    path,
                    source,
                })
            })?;
        Ok(Self {
            thread: Some(thread),
        })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing to say any more.
            thread.join().ok();
        }
    }
}

/// Lets the checkpointer of this connection end.
pub(crate) fn unwatch(writer: &mut Connection) {
    // It fails only on a connection that is closed, whose hook is gone, too.
    writer
        .wal_hook(None::<fn(&mut Wal, i32) -> rusqlite::Result<()>>)
        .ok();
}

fn hook(
    nudge: SyncSender<()>,
) -> impl FnMut(&mut Wal, i32) -> rusqlite::Result<()> + Send + 'static {
    move |_, pages| {
        if pages >= LOG_PAGES {
            // Full: it has been nudged already.
            nudge.try_send(()).ok();
        }
        Ok(())
    }
}

fn run(connection: &Connection, nudged: &Receiver<()>) {
    while nudged.recv().is_ok() {
        // Passive: copies what nobody needs, waits for nobody. What is left over goes the next time, and what
        // troubles it troubles the writer, too, who reports it.
        connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .ok();
        std::thread::sleep(REST);
    }
}
