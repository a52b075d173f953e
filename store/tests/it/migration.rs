//! Migration: the single database of an older keyreeve, of any schema, is split without losing data.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use keyreeve_core::health::{Health, HealthScope};
use keyreeve_core::select::Reason;
use keyreeve_core::virtual_key::Strategy;
use keyreeve_store::{Ending, Grouping, QuickReader, StoreError, UsageQuery};
use rusqlite::Connection;

use crate::fixture::{TestHome, at, exposed, key_secret, profile, secret};

/// The schemas of the single database, from the first public release on.
const SCHEMAS: [&str; 9] = [
    include_str!("../../migrations/single/0001_first.sql"),
    include_str!("../../migrations/single/0002_sources.sql"),
    include_str!("../../migrations/single/0003_standings.sql"),
    include_str!("../../migrations/single/0004_bindings.sql"),
    include_str!("../../migrations/single/0005_keys.sql"),
    include_str!("../../migrations/single/0006_attempts.sql"),
    include_str!("../../migrations/single/0007_cache_ttl.sql"),
    include_str!("../../migrations/single/0008_limits.sql"),
    include_str!("../../migrations/single/0009_billing.sql"),
];

/// Rows that every schema from the fourth on can store.
const ROWS: &str = "
    INSERT INTO profiles (id, name, source, base_url, auth, provenance, billing, hint, handing, simulated, created_at)
    VALUES (:id, 'work', 'sealed', 'https://api.anthropic.com', 'api-key', 'console', 'metered', 'sk-…', 'direct', 0, 1);
    INSERT INTO keys (id, name, models, created_at, simulated) VALUES (:id, 'tool', '[\"claude-*\"]', 5, 0);
    INSERT INTO key_profiles VALUES (:id, 0, :id);
    INSERT INTO key_secrets (public_id, key, hash) VALUES (:public, :id, :hash);
    INSERT INTO bindings (directory, profile, expect) VALUES ('/w', :id, 'metered');
    INSERT INTO standings (kind, subject, class, state, since, schedule, until, time)
    VALUES ('credential', lower(hex(:id)), '', 'resting', 5, 'person', 90, 'person');
    INSERT INTO ledger (attempt, request, started_at, operation, key, profile, stream, request_hash, request_bytes,
                        reserved, simulated, ending, ended_at, status, verdict, input, cost, basis, answer_bytes)
    VALUES (x'00000000000000000000000000000001', :id, 1790000000000000, 'messages', :id, :id, 0, zeroblob(32), 3,
            1000, 0, 'done', 1790000001000000, 200, 'ok', 7, 70, 'known', 20),
           (x'00000000000000000000000000000002', :id, 1790000000000000, 'messages', :id, :id, 0, zeroblob(32), 3,
            500, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, 0);";

/// Creates a store of an older version with this schema. Its secret is sealed by a new store with the same master key.
pub(crate) fn old_store(schema: usize) -> TestHome {
    let home = TestHome::new();
    let store = home.open();
    let work = profile(1, "work");
    store.add_profile(&work, Some(&secret("secret"))).unwrap();
    store.use_profile(work.id).unwrap();
    drop(store);
    let single = home.single();
    fs::remove_file(&single).unwrap();
    let connection = Connection::open(&single).unwrap();
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; {} PRAGMA user_version = {schema}; PRAGMA application_id = 0x6b727631;",
            SCHEMAS[..schema].concat()
        ))
        .unwrap();
    let (public, hash) = key_secret(1);
    let hex = |bytes: &[u8]| format!("x'{}'", hex::encode(bytes));
    let rows = ROWS
        .replace(":id", &hex(work.id.0.as_bytes()))
        .replace(":public", &hex(&public.0))
        .replace(":hash", &hex(&hash.0));
    let new = home.database().to_str().unwrap().to_owned();
    connection.execute_batch(&rows).unwrap();
    // Older versions wrote the check value of an unsigned store.
    crate::fixture::make_unsigned(&home);
    connection.execute("ATTACH ?1 AS new", [new]).unwrap();
    connection
        .execute_batch(
            "INSERT INTO sealed SELECT * FROM new.sealed;
             INSERT INTO meta (one, master_key_home, master_key_check, generation, default_profile)
             SELECT one, master_key_home, master_key_check, generation, default_profile FROM new.meta;
             DETACH new;",
        )
        .unwrap();
    drop(connection);
    fs::set_permissions(&single, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(home.database()).unwrap();
    fs::remove_file(home.ledger()).unwrap();
    home
}

/// Checks that a store has everything that [`old_store`] wrote.
pub(crate) fn check_migrated(home: &TestHome, schema: usize) {
    let store = home.open();
    store.verify().unwrap();
    let snapshot = store.lease_snapshot().unwrap();
    let policy = &snapshot.policy;
    let work = &policy.profiles()[0];
    assert_eq!(work.name.as_str(), "work", "schema {schema}");
    assert_eq!(policy.default_profile(), Some(work.id));
    assert_eq!(exposed(&store.unseal(work).unwrap()), "secret");
    let key = policy.key(key_secret(1).0).unwrap().key;
    assert_eq!(
        (key.name.as_str(), key.strategy),
        ("tool", Strategy::Ordered)
    );
    assert_eq!(key.profiles, [work.id]);
    assert_eq!(policy.bindings()[0].directory, "/w");
    let health = snapshot.health.get(&HealthScope::Credential(work.id));
    assert!(matches!(health, Health::Cooldown(_)), "{health:?}");
    let entries = store.ledger_entries(10).unwrap();
    let [open, closed] = entries.try_into().unwrap();
    assert_eq!((open.intent.number, open.intent.reason), (1, Reason::First));
    assert_eq!(closed.intent.started_at, at(0));
    assert_eq!(closed.outcome.as_ref().unwrap().ending, Ending::Done);
    let by_key = UsageQuery {
        since: None,
        until: None,
        by: Grouping::Key,
    };
    let usage = store.usage(&by_key).unwrap();
    assert_eq!((usage[0].attempts, usage[0].cost.get()), (2, 570));
    assert_eq!(usage[0].tokens.input, 7);
    assert_eq!(store.last_used().unwrap(), [(work.id, at(0))]);
    assert_eq!(fs::metadata(home.single()).unwrap().len(), 4096, "emptied");
}

#[test]
fn database_of_each_schema_is_split() {
    for schema in 4..=SCHEMAS.len() {
        let home = old_store(schema);
        let reader = QuickReader::open(&home.paths);
        assert!(matches!(reader, Err(StoreError::OlderSchema { .. })));
        check_migrated(&home, schema);
        check_migrated(&home, schema);
        assert!(QuickReader::open(&home.paths).unwrap().is_some());
    }
}

/// P21: an older version refuses a store that was split, by name: its database has a newer schema version.
#[test]
fn older_version_finds_a_newer_empty_database() {
    for home in [TestHome::new(), old_store(9)] {
        drop(home.open());
        let connection = Connection::open(home.single()).unwrap();
        let number =
            |sql: &str| -> i64 { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
        assert_eq!(number("PRAGMA application_id"), 0x6b72_7631);
        assert_eq!(number("PRAGMA user_version"), 10);
        assert_eq!(number("SELECT count(*) FROM sqlite_schema"), 0);
    }
}

/// ST-09: a migration that was killed after any of its steps is finished by the next command.
#[test]
fn interrupted_migration_is_finished() {
    let marked = |home: &TestHome| {
        let connection = Connection::open(home.single()).unwrap();
        connection.pragma_update(None, "user_version", 10).unwrap();
    };
    let home = old_store(9);
    marked(&home);
    check_migrated(&home, 9);

    // ledger.db has its name, policy.db does not yet.
    let home = old_store(9);
    marked(&home);
    fs::write(home.ledger(), "an unfinished migration").unwrap();
    fs::write(home.paths.data.join("policy.db.new"), "half").unwrap();
    check_migrated(&home, 9);

    // Both have their names, and the old data is not deleted yet.
    let home = old_store(9);
    let old = fs::read(home.single()).unwrap();
    check_migrated(&home, 9);
    fs::write(home.single(), &old).unwrap();
    marked(&home);
    check_migrated(&home, 9);
}

#[test]
fn old_database_that_is_back_is_refused() {
    let home = old_store(9);
    let old = fs::read(home.single()).unwrap();
    check_migrated(&home, 9);
    fs::write(home.single(), &old).unwrap();
    let refused = home.try_open().err().unwrap();
    assert!(
        matches!(refused, StoreError::OldDatabase { .. }),
        "{refused}"
    );
    assert_eq!(fs::read(home.single()).unwrap(), old);
}

#[test]
fn missing_database_of_a_split_store_is_refused() {
    for missing in [TestHome::database, TestHome::ledger] {
        let home = TestHome::new();
        drop(home.open());
        fs::remove_file(missing(&home)).unwrap();
        let refused = home.try_open().and_then(|store| store.ledger_entries(1));
        assert!(refused.is_err());
        assert!(!missing(&home).exists(), "not created anew");
    }
}

#[test]
fn migration_waits_for_no_running_older_version() {
    let home = old_store(9);
    let lock = fs::File::create(home.paths.data.join("serve.lock")).unwrap();
    lock.set_permissions(fs::Permissions::from_mode(0o600))
        .unwrap();
    lock.lock().unwrap();
    assert!(matches!(home.try_open(), Err(StoreError::InUse { .. })));
    drop(lock);
    check_migrated(&home, 9);
}
