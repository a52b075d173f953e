//! Bindings: which profile a directory's programs are meant to use, and who is meant to pay there.
//!
//! Invariants: a directory has one binding at most; a profile that is removed stays bound, so that nobody else pays in
//! its place; one that is renamed is meant by its new name.

use keyreeve_core::binding::Binding;
use keyreeve_core::profile::{Name, ProfileId};
use keyreeve_core::resolve::Expected;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};
use uuid::Uuid;

use crate::columns::parsed;
use crate::{Error, Result, Store};

impl Store {
    /// Binds a directory; what it was bound to before is forgotten.
    ///
    /// # Errors
    /// [`Error::NotFound`] when a profile it names is not there.
    pub fn bind(&self, binding: &Binding) -> Result<()> {
        let binding = binding.clone();
        self.change(move |to| {
            if let Some(id) = binding.profile {
                living(to, "id = ?1", id.0.into_bytes())?;
            }
            let (expect, named) = columns_of(binding.expect.as_ref());
            let expect_profile = named
                .map(|name| living(to, "name = ?1", name.as_str()))
                .transpose()?;
            to.execute(
                "INSERT OR REPLACE INTO bindings (directory, profile, expect, expect_profile)
                 VALUES (:directory, :profile, :expect, :expect_profile)",
                named_params! {
                    ":directory": binding.directory,
                    ":profile": binding.profile.map(|id| id.0.into_bytes()),
                    ":expect": expect,
                    ":expect_profile": expect_profile,
                },
            )?;
            Ok(())
        })
    }

    /// Takes a directory's binding away.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this very directory is not bound.
    pub fn unbind(&self, directory: &str) -> Result<()> {
        let directory = directory.to_owned();
        self.change(move |to| {
            match to.execute("DELETE FROM bindings WHERE directory = ?1", [directory])? {
                0 => Err(Error::NotFound { what: "binding" }),
                _ => Ok(()),
            }
        })
    }
}

/// Reads all bindings, in order of their directories.
pub(crate) fn read_all(connection: &Connection) -> Result<Vec<Binding>> {
    let mut statement = connection.prepare(
        "SELECT directory, profile, expect, profiles.name AS meant
         FROM bindings LEFT JOIN profiles ON profiles.id = expect_profile ORDER BY directory",
    )?;
    let bindings = statement.query_map([], read_row)?;
    Ok(bindings.collect::<rusqlite::Result<_>>()?)
}

/// The id of a profile that is not removed.
fn living(
    connection: &Connection,
    condition: &'static str,
    value: impl rusqlite::ToSql,
) -> Result<[u8; 16]> {
    connection
        .query_row(
            &format!("SELECT id FROM profiles WHERE removed = 0 AND {condition}"),
            [value],
            |row| row.get(0),
        )
        .optional()?
        .ok_or(Error::NotFound { what: "profile" })
}

fn columns_of(expect: Option<&Expected>) -> (Option<&'static str>, Option<&Name>) {
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
    let profile: Option<[u8; 16]> = row.get("profile")?;
    let expect: Option<String> = row.get("expect")?;
    Ok(Binding {
        directory: row.get("directory")?,
        profile: profile.map(|id| ProfileId(Uuid::from_bytes(id))),
        expect: match expect.as_deref() {
            None => None,
            Some("profile") => Some(Expected::Profile(parsed(row, "meant", |name| {
                name.parse().ok()
            })?)),
            Some("plan") => Some(Expected::Plan),
            Some("metered") => Some(Expected::Metered),
            Some("cloud") => Some(Expected::Cloud),
            Some(_) => Some(parsed(row, "expect", |word| {
                (word == "gateway").then_some(Expected::Gateway)
            })?),
        },
    })
}
