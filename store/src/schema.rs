//! The database's schema: numbered migrations, each in one transaction.
//!
//! Invariants: a database with a newer number is left as it is; one without our mark is not ours.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::{Error, Result};

/// Marks a database as keyreeve's: "krv1".
const APPLICATION: i64 = 0x6b72_7631;

/// Migration n brings a database from number n to n + 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_sources.sql"),
    include_str!("../migrations/0003_standings.sql"),
    include_str!("../migrations/0004_bindings.sql"),
    include_str!("../migrations/0005_keys.sql"),
    include_str!("../migrations/0006_attempts.sql"),
    include_str!("../migrations/0007_cache_ttl.sql"),
    include_str!("../migrations/0008_limits.sql"),
    include_str!("../migrations/0009_billing.sql"),
];

/// Brings a database up to date; 0 is a database just being made.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = number(&transaction)?;
    let done = usize::try_from(found).map_err(|_| not_ours(path))?;
    for (migration, number) in MIGRATIONS.iter().zip(1_i64..).skip(done) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.commit()?;
    Ok(())
}

/// Says whether a database needs [`migrate`]; refuses one that is newer or not ours.
pub(crate) fn is_behind(connection: &Connection, path: &Path) -> Result<bool> {
    let mark: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let (found, known) = (number(connection)?, known());
    if mark != APPLICATION || found < 1 {
        return Err(not_ours(path));
    }
    if found > known {
        return Err(Error::NewerSchema {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(found < known)
}

fn number(connection: &Connection) -> Result<i64> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn not_ours(path: &Path) -> Error {
    Error::Corrupt {
        path: path.to_owned(),
        what: "it is no database of keyreeve's".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped_at(number: usize) -> (Connection, Result<bool>) {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new("x")).unwrap();
        connection
            .pragma_update(None, "user_version", i64::try_from(number).unwrap())
            .unwrap();
        let behind = is_behind(&connection, Path::new("x"));
        (connection, behind)
    }

    #[test]
    fn the_number_decides() {
        assert!(matches!(stopped_at(MIGRATIONS.len()).1, Ok(false)));
        assert!(matches!(
            stopped_at(MIGRATIONS.len() + 1).1,
            Err(Error::NewerSchema { .. })
        ));
        assert!(matches!(stopped_at(0).1, Err(Error::Corrupt { .. })));
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let (mut connection, _) = stopped_at(MIGRATIONS.len());
        migrate(&mut connection, Path::new("x")).unwrap();
        assert!(matches!(is_behind(&connection, Path::new("x")), Ok(false)));
    }

    #[test]
    fn profiles_of_the_first_schema_keep_what_they_had() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(&format!(
                "PRAGMA foreign_keys = ON; {} PRAGMA user_version = 1; PRAGMA application_id = {APPLICATION};
                 INSERT INTO profiles VALUES (zeroblob(16), 'ci', 'environment', 'CI_KEY', 'https://api.anthropic.com',
                     'api-key', 'unknown', 'metered', NULL, NULL, 0, 5, NULL, 0);
                 INSERT INTO meta VALUES (1, 'key-file', x'00', 1, zeroblob(16));
                 INSERT INTO sealed VALUES (zeroblob(16), 1, x'00');",
                MIGRATIONS[0]
            ))
            .unwrap();
        migrate(&mut connection, Path::new("x")).unwrap();
        let row: (String, String, String, Option<i64>) = connection
            .query_row(
                "SELECT source, detail, handing, expires_at FROM profiles JOIN meta ON default_profile = id
                 JOIN sealed ON profile = id",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .unwrap();
        let kept = ("environment".to_owned(), "CI_KEY".to_owned());
        assert_eq!(row, (kept.0, kept.1, "leased".to_owned(), None));
        for (source, taken) in [("'claude-login'", true), ("'anything'", false)] {
            let changed = connection.execute(&format!("UPDATE profiles SET source = {source}"), []);
            assert_eq!(changed.is_ok(), taken, "{source}");
        }
    }

    #[test]
    fn what_was_kept_before_there_were_strategies_and_attempts_is_ordered_and_first() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(&format!(
                "{} PRAGMA user_version = 4; PRAGMA application_id = {APPLICATION};
                 INSERT INTO keys (id, name, models, created_at, simulated) VALUES (zeroblob(16), 'old', '[]', 1, 0);
                 INSERT INTO ledger (attempt, request, started_at, operation, key, profile, stream, request_hash,
                                     request_bytes, reserved, simulated)
                 VALUES (zeroblob(16), x'00', 1, 'messages', zeroblob(16), x'00', 0, x'00', 0, 0, 0);",
                MIGRATIONS[..4].concat()
            ))
            .unwrap();
        migrate(&mut connection, Path::new("x")).unwrap();
        let kept: (String, String, u32, String) = connection
            .query_row(
                "SELECT strategy, may_spend, number, reason FROM keys JOIN ledger ON key = id",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .unwrap();
        let expected = ("ordered".to_owned(), "[]".to_owned(), 1, "first".to_owned());
        assert_eq!(kept, expected);
    }

    #[test]
    fn a_key_goes_on_to_pay_whom_its_first_profile_bills() {
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
                "{} PRAGMA user_version = 8; PRAGMA application_id = {APPLICATION}; {}{}
                 INSERT INTO keys (id, name, models, created_at, simulated)
                 VALUES (zeroblob(16), 'both', '[]', 1, 0), (x'{}', 'none', '[]', 1, 0);
                 INSERT INTO key_profiles VALUES (zeroblob(16), 0, x'{}'), (zeroblob(16), 1, x'{}');",
                MIGRATIONS[..8].concat(),
                profile(1, "metered"),
                profile(2, "gateway"),
                "01".repeat(16),
                "02".repeat(16),
                "01".repeat(16),
            ))
            .unwrap();
        migrate(&mut connection, Path::new("x")).unwrap();
        let mut statement = connection
            .prepare("SELECT billing FROM keys ORDER BY name")
            .unwrap();
        let kept: Vec<Option<String>> = statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        assert_eq!(kept, [Some("gateway".to_owned()), None]);
    }

    #[test]
    fn the_ledger_has_two_indexes_at_most() {
        let (connection, _) = stopped_at(MIGRATIONS.len());
        let indexes: i64 = connection
            .query_row(
                "SELECT count(*) FROM pragma_index_list('ledger') WHERE origin = 'c'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert!(indexes <= 2);
    }
}
