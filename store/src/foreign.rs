//! Reads one text out of another program's database, without changing anything about it.
//!
//! Invariants: the file is opened as one that never changes, so that SQLite writes nothing and makes no file beside it;
//! what is not in the file yet is not guessed at; only a plain table is read, so that nothing of the file's is run.

use std::path::Path;

use keyreeve_os::files::{FileError, look_at_foreign};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use zeroize::Zeroizing;

/// Where the text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell<'a> {
    /// The table.
    pub table: &'a str,
    /// The column that names the row.
    pub key: &'a str,
    /// The row.
    pub row: &'a str,
    /// The column with the text.
    pub value: &'a str,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// The file is not one to read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its program is running, or was killed: what it wrote last is not in the file yet.
    #[error("its program has not finished writing to it")]
    Unfinished,
    /// The text is longer than asked for.
    #[error("the text in it is longer than {limit} bytes")]
    TooLong {
        /// The longest that was asked for, in bytes.
        limit: usize,
    },
    /// No database, or a damaged one.
    #[error("it cannot be read as a database")]
    Unreadable,
}

/// Reads the text in a cell; none where there is no such table or row.
///
/// # Errors
/// See [`ForeignError`]; the file is left as it is in any case.
pub fn read_foreign_text(
    path: &Path,
    cell: Cell<'_>,
    limit: usize,
) -> Result<Option<Zeroizing<String>>, ForeignError> {
    look_at_foreign(path)?;
    if has_log(path)? {
        return Err(ForeignError::Unfinished);
    }
    let connection = open(path).map_err(|_| ForeignError::Unreadable)?;
    let length = i64::try_from(limit).unwrap_or(i64::MAX);
    match read(&connection, cell, length) {
        Ok(Text::There(text)) => Ok(Some(text)),
        Ok(Text::TooLong) => Err(ForeignError::TooLong { limit }),
        Ok(Text::Absent) => Ok(None),
        Err(_) => Err(ForeignError::Unreadable),
    }
}

/// Whether there is a log beside the file with something in it.
fn has_log(path: &Path) -> Result<bool, FileError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    match keyreeve_os::files::read_foreign(Path::new(&log), 0) {
        Ok(_) | Err(FileError::Missing { .. }) => Ok(false),
        Err(FileError::TooLong { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(immutable(path), flags)?;
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA query_only = ON;
         PRAGMA temp_store = MEMORY;",
    )?;
    Ok(connection)
}

/// The path as a URI that says the file never changes.
fn immutable(path: &Path) -> String {
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

/// What a cell holds.
enum Text {
    There(Zeroizing<String>),
    TooLong,
    Absent,
}

fn read(connection: &Connection, cell: Cell<'_>, length: i64) -> rusqlite::Result<Text> {
    let is_table: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 AND type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%')",
        [cell.table],
        |row| row.get(0),
    )?;
    if !is_table {
        return Ok(Text::Absent);
    }
    let [table, key, value] = [cell.table, cell.key, cell.value].map(quoted);
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
        Some(Some(text)) => Text::There(Zeroizing::new(text)),
        Some(None) => Text::TooLong,
        None => Text::Absent,
    })
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
