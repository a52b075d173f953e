//! Another program's database is read and left exactly as it was.

use std::fs;
use std::path::Path;

use keyreeve_store::{Cell, ForeignError, read_foreign_text};

const CELL: Cell<'_> = Cell {
    table: "auth_profile_store",
    key: "store_key",
    row: "primary",
    value: "store_json",
};

/// A database in WAL mode, as its program leaves it when it ends.
fn put(path: &Path, statements: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch(&format!("PRAGMA journal_mode = WAL; {statements}"))
        .unwrap();
    connection.close().unwrap();
}

const TABLE: &str = "CREATE TABLE auth_profile_store (store_key TEXT NOT NULL PRIMARY KEY, store_json TEXT NOT NULL, updated_at INTEGER NOT NULL);
    INSERT INTO auth_profile_store VALUES ('primary', '{\"version\":1}', 1);";

#[test]
fn a_text_is_read_and_nothing_beside_the_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("open claw%20?.sqlite");
    put(&path, TABLE);
    let before = fs::read(&path).unwrap();
    let text = read_foreign_text(&path, CELL, 100).unwrap();
    assert_eq!(text.as_deref().map(String::as_str), Some("{\"version\":1}"));
    let other = Cell {
        row: "other",
        ..CELL
    };
    assert!(read_foreign_text(&path, other, 100).unwrap().is_none());
    let other = Cell {
        table: "other",
        ..CELL
    };
    assert!(read_foreign_text(&path, other, 100).unwrap().is_none());
    let short = read_foreign_text(&path, CELL, 12);
    assert!(matches!(short, Err(ForeignError::TooLong { limit: 12 })));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_is_still_being_written_is_not_guessed_at() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    put(&path, TABLE);
    let running = rusqlite::Connection::open(&path).unwrap();
    running
        .execute_batch("UPDATE auth_profile_store SET updated_at = 2")
        .unwrap();
    assert!(matches!(
        read_foreign_text(&path, CELL, 100),
        Err(ForeignError::Unfinished)
    ));
    running.close().unwrap();
    assert!(read_foreign_text(&path, CELL, 100).unwrap().is_some());
}

#[test]
fn nothing_of_a_hostile_file_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    put(
        &path,
        "CREATE VIEW auth_profile_store AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n)
         SELECT 'primary' AS store_key, x AS store_json FROM n;",
    );
    assert!(read_foreign_text(&path, CELL, 100).unwrap().is_none());
    fs::write(&path, b"no database at all").unwrap();
    assert!(matches!(
        read_foreign_text(&path, CELL, 100),
        Err(ForeignError::Unreadable)
    ));
}
