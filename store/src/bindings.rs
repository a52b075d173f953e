//! Bindings: the profile and the expected payer of a directory's programs.
//!
//! Invariants: a directory has at most one binding; a removed profile stays bound, so that no other account pays in its
//! place; a renamed profile is shown with its new name.

use keyreeve_core::binding::Binding;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use crate::rows::bindings::expect_columns;
use crate::{Result, Store, StoreError};

impl Store {
    /// Binds a directory, replacing its previous binding.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if a profile of the binding does not exist.
    pub fn bind(&self, binding: &Binding) -> Result<()> {
        self.change(|transaction| {
            if let Some(id) = binding.profile {
                existing_profile(transaction, "id = ?1", id.0.into_bytes())?;
            }
            let (expect, expected_profile) = expect_columns(binding.expect.as_ref());
            let expect_profile = expected_profile
                .map(|name| existing_profile(transaction, "name = ?1", name.as_str()))
                .transpose()?;
            transaction.execute(
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

    /// Removes a directory's binding.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if this directory itself has no binding.
    pub fn unbind(&self, directory: &str) -> Result<()> {
        self.change(|transaction| {
            let deleted =
                transaction.execute("DELETE FROM bindings WHERE directory = ?1", [directory])?;
            StoreError::check_found("binding", deleted)
        })
    }
}

/// Returns the id of a profile that is not removed.
fn existing_profile(
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
        .ok_or(StoreError::NotFound { what: "profile" })
}
