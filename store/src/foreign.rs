//! Reads one text value from another program's SQLite database, without changing it.
//!
//! Invariants: the file is opened as immutable, so that SQLite writes nothing and creates no file next to it; data that
//! is still in a write-ahead log is never ignored; only a plain table is read, so that no SQL of the file runs.

use std::path::Path;

use keyreeve_os::files::{FileError, check_foreign};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use zeroize::Zeroizing;

/// The position of a text value in the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForeignCell<'a> {
    /// The table's name.
    pub table: &'a str,
    /// The column that identifies the row.
    pub key: &'a str,
    /// The row's value in that column.
    pub row: &'a str,
    /// The column with the text value.
    pub value: &'a str,
}

/// An error while reading another program's database.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// The file failed a safety check, or could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its program is running, or was killed: its last writes are still in the write-ahead log.
    #[error("its program is still running or crashed: close it, then try again")]
    Unfinished,
    /// The text is longer than the limit.
    #[error("its text is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The file is not a database, or is damaged.
    #[error("it is not a readable SQLite database")]
    Unreadable,
}

/// Reads the text of a cell, or returns `None` if there is no such table or row.
///
/// # Errors
/// See [`ForeignError`]. The file is never changed.
pub fn read_foreign_text(
    path: &Path,
    cell: ForeignCell<'_>,
    limit: usize,
) -> Result<Option<Zeroizing<String>>, ForeignError> {
    check_foreign(path)?;
    if has_wal(path)? {
        return Err(ForeignError::Unfinished);
    }
    let connection = open(path).map_err(|_| ForeignError::Unreadable)?;
    let length = i64::try_from(limit).unwrap_or(i64::MAX);
    match read(&connection, cell, length) {
        Ok(CellValue::Text(text)) => Ok(Some(text)),
        Ok(CellValue::TooLong) => Err(ForeignError::TooLong { limit }),
        Ok(CellValue::Absent) => Ok(None),
        Err(_) => Err(ForeignError::Unreadable),
    }
}

/// Returns `true` if the database has a non-empty write-ahead log.
fn has_wal(path: &Path) -> Result<bool, FileError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    match keyreeve_os::files::read_foreign(Path::new(&log), 0) {
        Ok(_) | Err(FileError::Missing { .. }) => Ok(false),
        Err(FileError::TooLarge { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(immutable_uri(path), flags)?;
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA query_only = ON;
         PRAGMA temp_store = MEMORY;",
    )?;
    Ok(connection)
}

/// Returns the path as an SQLite URI with `immutable=1`.
fn immutable_uri(path: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;

    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            // Writing to a string never fails.
            other => write!(uri, "%{other:02X}").unwrap_or_default(),
        }
    }
    uri.push_str("?mode=ro&immutable=1");
    uri
}

/// The content of a cell.
enum CellValue {
    Text(Zeroizing<String>),
    TooLong,
    Absent,
}

fn read(
    connection: &Connection,
    cell: ForeignCell<'_>,
    length: i64,
) -> rusqlite::Result<CellValue> {
    let is_table: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 AND type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%')",
        [cell.table],
        |row| row.get(0),
    )?;
    if !is_table {
        return Ok(CellValue::Absent);
    }
    let [table, key, value] = [cell.table, cell.key, cell.value].map(quote_identifier);
    let found: Option<Option<String>> = connection
        .query_row(
            &format!(
                "SELECT CASE WHEN length(CAST({value} AS BLOB)) <= ?2 THEN {value} END FROM {table} WHERE {key} = ?1"
            ),
            (cell.row, length),
            |row| row.get(0),
        )
        .optional()?;
    Ok(match found {
        Some(Some(text)) => CellValue::Text(Zeroizing::new(text)),
        Some(None) => CellValue::TooLong,
        None => CellValue::Absent,
    })
}

fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
