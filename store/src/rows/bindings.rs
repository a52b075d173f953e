//! Rows of bindings: the columns of a profile and of an expected payer.

use keyreeve_core::binding::{Binding, Expected};
use keyreeve_core::profile::{Name, ProfileId};
use rusqlite::{Connection, Row};

use crate::Result;
use crate::sql_types::{from_str, optional, parsed, uuid};

/// Reads all bindings, sorted by directory.
pub(crate) fn read_all(connection: &Connection) -> Result<Vec<Binding>> {
    let mut statement = connection.prepare(
        "SELECT directory, profile, expect, profiles.name AS expected_name
         FROM bindings LEFT JOIN profiles ON profiles.id = expect_profile ORDER BY directory",
    )?;
    let bindings = statement.query_map([], read_row)?;
    Ok(bindings.collect::<rusqlite::Result<_>>()?)
}

pub(crate) fn expect_columns(expect: Option<&Expected>) -> (Option<&'static str>, Option<&Name>) {
    match expect {
        None => (None, None),
        Some(Expected::Plan) => (Some("plan"), None),
        Some(Expected::Metered) => (Some("metered"), None),
        Some(Expected::Cloud) => (Some("cloud"), None),
        Some(Expected::Gateway) => (Some("gateway"), None),
        Some(Expected::Profile(name)) => (Some("profile"), Some(name)),
    }
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Binding> {
    let expect: Option<String> = row.get("expect")?;
    Ok(Binding {
        directory: row.get("directory")?,
        profile: optional(row, "profile", uuid)?.map(ProfileId),
        expect: match expect.as_deref() {
            None => None,
            Some("profile") => Some(Expected::Profile(from_str(row, "expected_name")?)),
            Some("plan") => Some(Expected::Plan),
            Some("metered") => Some(Expected::Metered),
            Some("cloud") => Some(Expected::Cloud),
            Some(_) => Some(parsed(row, "expect", |word| {
                (word == "gateway").then_some(Expected::Gateway)
            })?),
        },
    })
}
