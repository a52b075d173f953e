//! How our types lie in columns: the one place that converts, both ways.
//!
//! Invariant: what cannot be understood is an error of the row, never a default.

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;
use uuid::Uuid;

use crate::words::Word;

/// A value in a column that keyreeve never wrote.
#[derive(Debug, thiserror::Error)]
#[error("column {column} holds what keyreeve never wrote")]
pub(crate) struct Unreadable {
    column: &'static str,
}

/// A moment as microseconds since 1970.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A count as SQLite can hold it: 63 bits, far beyond any count or amount there is.
pub(crate) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn count(row: &Row<'_>, column: &'static str) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| unreadable(column, Type::Integer))
}

pub(crate) fn instant(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?).map_err(|_| unreadable(column, Type::Integer))
}

pub(crate) fn maybe_instant(
    row: &Row<'_>,
    column: &'static str,
) -> rusqlite::Result<Option<Timestamp>> {
    let micros: Option<i64> = row.get(column)?;
    micros
        .map(|at| Timestamp::from_microsecond(at).map_err(|_| unreadable(column, Type::Integer)))
        .transpose()
}

pub(crate) fn uuid(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(column)?))
}

pub(crate) fn word<T: Word>(row: &Row<'_>, column: &'static str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    T::of(&text).ok_or_else(|| unreadable(column, Type::Text))
}

pub(crate) fn maybe_word<T: Word>(
    row: &Row<'_>,
    column: &'static str,
) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| T::of(&text).ok_or_else(|| unreadable(column, Type::Text)))
        .transpose()
}

pub(crate) fn parsed<T>(
    row: &Row<'_>,
    column: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| unreadable(column, Type::Text))
}

pub(crate) fn unreadable(column: &'static str, found: Type) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, found, Box::new(Unreadable { column }))
}
