//! Schemas of the databases: numbered migrations, all in one transaction.
//!
//! Invariants: a database with a newer schema version is never changed; one without its application id is not ours.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::{Result, StoreError};

/// The schema of one database file.
pub(crate) struct Schema {
    /// SQLite's application id of the file.
    application_id: i64,
    /// Migration n takes a database from schema version n to n + 1.
    migrations: &'static [&'static str],
}

/// The schema of `policy.db`; its application id is "krvp".
pub(crate) const POLICY: Schema = Schema {
    application_id: 0x6b72_7670,
    migrations: &[
        include_str!("../migrations/policy/0001_first.sql"),
        include_str!("../migrations/policy/0002_row_macs.sql"),
    ],
};

/// The schema of `ledger.db`; its application id is "krvl".
pub(crate) const LEDGER: Schema = Schema {
    application_id: 0x6b72_766c,
    migrations: &[
        include_str!("../migrations/ledger/0001_first.sql"),
        include_str!("../migrations/ledger/0002_retention_seen.sql"),
    ],
};

/// The last schema of the single database that older versions used; its application id is "krv1".
pub(crate) const SINGLE: Schema = Schema {
    application_id: 0x6b72_7631,
    migrations: &[
        include_str!("../migrations/single/0001_first.sql"),
        include_str!("../migrations/single/0002_sources.sql"),
        include_str!("../migrations/single/0003_standings.sql"),
        include_str!("../migrations/single/0004_bindings.sql"),
        include_str!("../migrations/single/0005_keys.sql"),
        include_str!("../migrations/single/0006_attempts.sql"),
        include_str!("../migrations/single/0007_cache_ttl.sql"),
        include_str!("../migrations/single/0008_limits.sql"),
        include_str!("../migrations/single/0009_billing.sql"),
    ],
};

impl Schema {
    /// Runs the missing migrations. A new database has schema version 0.
    pub(crate) fn migrate(&self, connection: &mut Connection, path: &Path) -> Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = schema_version(&transaction)?;
        let done = usize::try_from(found).map_err(|_| not_keyreeve(path))?;
        for (migration, number) in self.migrations.iter().zip(1_i64..).skip(done) {
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", number)?;
        }
        transaction.pragma_update(None, "application_id", self.application_id)?;
        transaction.commit()?;
        Ok(())
    }

    /// Returns `true` if a database needs [`Schema::migrate`]. Rejects one that is newer or not ours.
    pub(crate) fn needs_migration(&self, connection: &Connection, path: &Path) -> Result<bool> {
        let (found, known) = (self.version(connection, path)?, self.latest());
        if found > known {
            return Err(StoreError::NewerSchema {
                path: path.to_owned(),
                found,
                known,
            });
        }
        Ok(found < known)
    }

    /// Returns the schema version of a database. Rejects one that is not ours.
    pub(crate) fn version(&self, connection: &Connection, path: &Path) -> Result<i64> {
        let application_id: i64 =
            connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let found = schema_version(connection)?;
        if application_id == self.application_id && found >= 1 {
            Ok(found)
        } else {
            Err(not_keyreeve(path))
        }
    }

    /// Marks a database as one of this kind with another schema version than the last.
    pub(crate) fn mark(&self, connection: &Connection, version: i64) -> Result<()> {
        connection.pragma_update(None, "application_id", self.application_id)?;
        Ok(connection.pragma_update(None, "user_version", version)?)
    }

    /// Returns the newest schema version.
    pub(crate) fn latest(&self) -> i64 {
        i64::try_from(self.migrations.len()).unwrap_or(i64::MAX)
    }
}

fn schema_version(connection: &Connection) -> Result<i64> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn not_keyreeve(path: &Path) -> StoreError {
    StoreError::Corrupt {
        path: path.to_owned(),
        what: "it is not a keyreeve database".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APPLICATION_ID: i64 = SINGLE.application_id;

    fn with_version(number: usize) -> (Connection, Result<bool>) {
        let mut connection = Connection::open_in_memory().unwrap();
        SINGLE.migrate(&mut connection, Path::new("x")).unwrap();
        connection
            .pragma_update(None, "user_version", i64::try_from(number).unwrap())
            .unwrap();
        let needs_migration = SINGLE.needs_migration(&connection, Path::new("x"));
        (connection, needs_migration)
    }

    #[test]
    fn schema_version_decides() {
        assert!(matches!(with_version(SINGLE.migrations.len()).1, Ok(false)));
        assert!(matches!(
            with_version(SINGLE.migrations.len() + 1).1,
            Err(StoreError::NewerSchema { .. })
        ));
        assert!(matches!(with_version(0).1, Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let (mut connection, _) = with_version(SINGLE.migrations.len());
        SINGLE.migrate(&mut connection, Path::new("x")).unwrap();
        assert!(matches!(
            SINGLE.needs_migration(&connection, Path::new("x")),
            Ok(false)
        ));
    }

    #[test]
    fn profiles_of_schema_1_are_migrated() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(&format!(
                "PRAGMA foreign_keys = ON; {} PRAGMA user_version = 1; PRAGMA application_id = {APPLICATION_ID};
                 INSERT INTO profiles VALUES (zeroblob(16), 'ci', 'environment', 'CI_KEY', 'https://api.anthropic.com',
                     'api-key', 'unknown', 'metered', NULL, NULL, 0, 5, NULL, 0);
                 INSERT INTO meta VALUES (1, 'key-file', x'00', 1, zeroblob(16));
                 INSERT INTO sealed VALUES (zeroblob(16), 1, x'00');",
                SINGLE.migrations[0]
            ))
            .unwrap();
        SINGLE.migrate(&mut connection, Path::new("x")).unwrap();
        let row: (String, String, String, Option<i64>) = connection
            .query_row(
                "SELECT source, detail, handing, expires_at FROM profiles JOIN meta ON default_profile = id
                 JOIN sealed ON profile = id",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .unwrap();
        let migrated = ("environment".to_owned(), "CI_KEY".to_owned());
        assert_eq!(row, (migrated.0, migrated.1, "leased".to_owned(), None));
        for (source, allowed) in [("'claude-login'", true), ("'anything'", false)] {
            let result = connection.execute(&format!("UPDATE profiles SET source = {source}"), []);
            assert_eq!(result.is_ok(), allowed, "{source}");
        }
    }

    #[test]
    fn old_keys_become_ordered_and_old_entries_first() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(&format!(
                "{} PRAGMA user_version = 4; PRAGMA application_id = {APPLICATION_ID};
                 INSERT INTO keys (id, name, models, created_at, simulated) VALUES (zeroblob(16), 'old', '[]', 1, 0);
                 INSERT INTO ledger (attempt, request, started_at, operation, key, profile, stream, request_hash,
                                     request_bytes, reserved, simulated)
                 VALUES (zeroblob(16), x'00', 1, 'messages', zeroblob(16), x'00', 0, x'00', 0, 0, 0);",
                SINGLE.migrations[..4].concat()
            ))
            .unwrap();
        SINGLE.migrate(&mut connection, Path::new("x")).unwrap();
        let migrated: (String, String, u32, String) = connection
            .query_row(
                "SELECT strategy, may_spend, number, reason FROM keys JOIN ledger ON key = id",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .unwrap();
        let expected = ("ordered".to_owned(), "[]".to_owned(), 1, "first".to_owned());
        assert_eq!(migrated, expected);
    }

    #[test]
    fn migrated_key_keeps_billing_of_its_first_profile() {
        let mut connection = Connection::open_in_memory().unwrap();
        let profile = |number: u8, billing: &str| {
            format!(
                "INSERT INTO profiles (id, name, base_url, auth, provenance, billing, simulated, created_at)
                 VALUES (x'{}', 'p{number}', 'u', 'a', 'p', '{billing}', 0, 1);",
                format!("{number:02x}").repeat(16)
            )
        };
        connection
            .execute_batch(&format!(
                "{} PRAGMA user_version = 8; PRAGMA application_id = {APPLICATION_ID}; {}{}
                 INSERT INTO keys (id, name, models, created_at, simulated)
                 VALUES (zeroblob(16), 'both', '[]', 1, 0), (x'{}', 'none', '[]', 1, 0);
                 INSERT INTO key_profiles VALUES (zeroblob(16), 0, x'{}'), (zeroblob(16), 1, x'{}');",
                SINGLE.migrations[..8].concat(),
                profile(1, "metered"),
                profile(2, "gateway"),
                "01".repeat(16),
                "02".repeat(16),
                "01".repeat(16),
            ))
            .unwrap();
        SINGLE.migrate(&mut connection, Path::new("x")).unwrap();
        let mut statement = connection
            .prepare("SELECT billing FROM keys ORDER BY name")
            .unwrap();
        let migrated: Vec<Option<String>> = statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        assert_eq!(migrated, [Some("gateway".to_owned()), None]);
    }

    #[test]
    fn attempts_have_at_most_one_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        LEDGER.migrate(&mut connection, Path::new("x")).unwrap();
        let indexes: i64 = connection
            .query_row(
                "SELECT count(*) FROM pragma_index_list('attempts')",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert!(indexes <= 1);
    }
}
