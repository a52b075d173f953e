//! Another program's database is read without changing it.

use std::fs;
use std::path::Path;

use keyreeve_store::{ForeignCell, ForeignError, read_foreign_text};

const CELL: ForeignCell<'_> = ForeignCell {
    table: "auth_profile_store",
    key: "store_key",
    row: "primary",
    value: "store_json",
};

/// Creates a database in WAL mode, as a program that exited normally leaves it.
fn create_database(path: &Path, statements: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch(&format!("PRAGMA journal_mode = WAL; {statements}"))
        .unwrap();
    connection.close().unwrap();
}

const TABLE: &str = "CREATE TABLE auth_profile_store (store_key TEXT NOT NULL PRIMARY KEY, store_json TEXT NOT NULL, updated_at INTEGER NOT NULL);
    INSERT INTO auth_profile_store VALUES ('primary', '{\"version\":1}', 1);";

#[test]
fn text_is_read_and_no_file_is_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("open claw%20?.sqlite");
    create_database(&path, TABLE);
    let before = fs::read(&path).unwrap();
    let text = read_foreign_text(&path, CELL, 100).unwrap();
    assert_eq!(text.as_deref().map(String::as_str), Some("{\"version\":1}"));
    let other = ForeignCell {
        row: "other",
        ..CELL
    };
    assert!(read_foreign_text(&path, other, 100).unwrap().is_none());
    let other = ForeignCell {
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
fn database_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    create_database(&path, TABLE);
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
fn hostile_view_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    create_database(
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
