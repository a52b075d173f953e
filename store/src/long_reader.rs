//! A program that reads the ledger's database for long: its log stays bounded, and the journal takes the entries.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use keyreeve_os::deadline::Deadline;
use rusqlite::Connection;

use crate::journal::tests::example::{ID, intent, outcome};
use crate::ledger_connection::MAX_WAL_PAGES;
use crate::sqlite::{CHECKPOINT_PAGES, LEDGER_FILE, wal_files};
use crate::{Durability, Store, StoreError, StorePaths, fold, live};

/// Size of a page in the log: its header and its content.
const LOGGED_PAGE: u64 = 4096 + 24;

/// Pages of one fold: the limit is checked before it.
const FOLD_PAGES: u64 = 1024;

/// Entries to write at most: more than fit into the log and the journal.
const MANY: u32 = 32_768;

fn serve(home: &tempfile::TempDir) -> Store {
    let paths = StorePaths {
        data: home.path().join("data"),
        keys: home.path().join("config"),
    };
    let store = Store::open(&paths, Durability::Local).unwrap();
    store.start_journal(ID).unwrap();
    store
}

/// Writes entries until one is refused. Returns the number of the refused one, and the error.
fn write_until_refused(store: &Store, first: u32) -> (u32, StoreError) {
    for number in first..MANY {
        match store.record_intent(intent(number)) {
            Ok(open) => {
                let journal = store.ledger.journal().unwrap();
                let crate::ledger::OpenPlace::Journal(slot) = open.0 else {
                    unreachable!("the process serves");
                };
                journal.close_entry(slot, outcome(number));
            }
            Err(error) => return (number, error),
        }
    }
    unreachable!("nothing was refused");
}

fn log_size(store: &Store) -> u64 {
    let [log, _] = wal_files(LEDGER_FILE);
    std::fs::metadata(store.dir().path().join(log)).map_or(0, |log| log.len())
}

/// F-29: under a long reader the log stays bounded, entries wait in the journal, and the refusal names the reader.
#[test]
fn long_reader_bounds_the_log_until_it_ends() {
    let home = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap();
    let store = serve(&home);
    let reader = Connection::open(store.dir().path().join(LEDGER_FILE)).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM attempts;")
        .unwrap();

    let (mut refused, mut error) = write_until_refused(&store, 0);
    // The first refusal may come before the thread has tried to fold.
    let limit = Deadline::after(Duration::from_secs(10));
    while matches!(error, StoreError::JournalFull) && limit.sleep(Duration::from_millis(10)) {
        (refused, error) = write_until_refused(&store, refused);
    }
    assert!(
        matches!(&error, StoreError::LogFull { path } if path.ends_with(LEDGER_FILE)),
        "{error:?}"
    );
    let bound = (u64::from(MAX_WAL_PAGES.unsigned_abs()) + FOLD_PAGES) * LOGGED_PAGE;
    assert!(log_size(&store) <= bound, "{} bytes", log_size(&store));
    assert!(log_size(&store) > u64::from(MAX_WAL_PAGES.unsigned_abs()) * LOGGED_PAGE);

    drop(reader);
    let limit = Deadline::after(Duration::from_secs(10));
    let accepted = loop {
        match store.record_intent(intent(MANY)) {
            Ok(open) => break open,
            Err(error) => assert!(limit.sleep(Duration::from_millis(10)), "{error:?}"),
        }
    };
    store.flush().unwrap();
    let live = live::read(store.dir()).unwrap();
    let folded: i64 = live
        .connection
        .query_row("SELECT count(DISTINCT attempt) FROM attempts", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(folded >= i64::from(refused), "{folded} of {refused}");
    assert_eq!(live.entries.len(), 1, "only the one that is still open");
    assert_eq!(fold::progress(&live.connection, ID).unwrap(), folded);
    drop((live, accepted));
    shrinks(&store);
}

/// Checks that the file of the log shrinks with the commit that starts it anew.
fn shrinks(store: &Store) {
    // Less than the length at which the log was full.
    let small = u64::from(CHECKPOINT_PAGES.unsigned_abs() + 8) * LOGGED_PAGE;
    let limit = Deadline::after(Duration::from_secs(10));
    loop {
        store
            .ledger
            .execute(|connection| {
                connection.write(crate::ledger_connection::SyncMode::Later, |transaction| {
                    transaction.execute("UPDATE meta SET one = one", [])
                })
            })
            .unwrap();
        let size = log_size(store);
        if size <= small {
            return;
        }
        assert!(limit.sleep(Duration::from_millis(20)), "{size} bytes");
    }
}
