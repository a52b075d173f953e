//! Conversion between keyreeve's types and SQL columns, in both directions.
//!
//! Invariant: a value that cannot be parsed is an error of its row, never replaced by a default.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{Type, ValueRef};
use uuid::Uuid;

use crate::sql_enum::SqlEnum;

/// A column holds a value that keyreeve never writes.
#[derive(Debug, thiserror::Error)]
#[error("column {column} holds an invalid value")]
pub(crate) struct ColumnError {
    column: &'static str,
}

/// Converts a timestamp to microseconds since 1970.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// Converts a count to an SQL integer, capped at 63 bits: far above any real count or amount.
pub(crate) fn sql_integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn count(row: &Row<'_>, column: &'static str) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| column_error(column, Type::Integer))
}

pub(crate) fn timestamp(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?).map_err(|_| column_error(column, Type::Integer))
}

pub(crate) fn uuid(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(column)?))
}

pub(crate) fn sql_enum<T: SqlEnum>(row: &Row<'_>, column: &'static str) -> rusqlite::Result<T> {
    parsed(row, column, T::from_word)
}

pub(crate) fn parsed<T>(
    row: &Row<'_>,
    column: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| column_error(column, Type::Text))
}

pub(crate) fn from_str<T: FromStr>(row: &Row<'_>, column: &'static str) -> rusqlite::Result<T> {
    parsed(row, column, |text| text.parse().ok())
}

/// Parses a column in which an empty text stands for `None`.
pub(crate) fn from_non_empty<T: FromStr>(
    row: &Row<'_>,
    column: &'static str,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)? {
        ValueRef::Text(b"") => Ok(None),
        _ => from_str(row, column).map(Some),
    }
}

/// Reads a column with `read`, or returns `None` if it is NULL.
pub(crate) fn optional<T>(
    row: &Row<'_>,
    column: &'static str,
    read: impl FnOnce(&Row<'_>, &'static str) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => read(row, column).map(Some),
    }
}

pub(crate) fn column_error(column: &'static str, found: Type) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, found, Box::new(ColumnError { column }))
}
