//! Migration: a store of an older keyreeve is migrated without losing data.

use std::fs;
use std::path::Path;

use keyreeve_core::binding::Binding;
use keyreeve_core::health::{Health, HealthScope, ManualAction, apply_action};
use keyreeve_core::select::Reason;
use keyreeve_core::virtual_key::{Strategy, VirtualKey};
use keyreeve_store::{Intent, QuickReader, Store, StoreError};
use rusqlite::Connection;

use crate::fixture::{
    TestHome, add_key, at, exposed, intent, key, key_secret, outcome, profile, record_intent,
    secret,
};

/// The schema of the first public release.
const SCHEMA_4: [&str; 4] = [
    include_str!("../../migrations/0001_first.sql"),
    include_str!("../../migrations/0002_sources.sql"),
    include_str!("../../migrations/0003_standings.sql"),
    include_str!("../../migrations/0004_bindings.sql"),
];

/// Adds a key with only what schema 4 can store.
fn plain_key(store: &Store) -> VirtualKey {
    let tool = VirtualKey {
        strategy: Strategy::Ordered,
        allow_billing: Vec::new(),
        cache_ttl: None,
        ..key(2, "tool", &[&profile(1, "work")])
    };
    add_key(store, &tool, 1);
    tool
}

/// Fills a store with data that schema 4 can store.
fn fill(store: &Store) {
    let work = profile(1, "work");
    store.add_profile(&work, Some(&secret("secret"))).unwrap();
    store.use_profile(work.id).unwrap();
    plain_key(store);
    let binding = Binding {
        directory: "/w".to_owned(),
        profile: Some(work.id),
        expect: Some("metered".parse().unwrap()),
    };
    store.bind(&binding).unwrap();
    let pause = |state| apply_action(state, ManualAction::Pause { until: at(90) }, at(5));
    store
        .update_health(&HealthScope::Credential(work.id), pause)
        .unwrap();
    for number in [1, 2] {
        let first = Intent {
            number: 1,
            reason: Reason::First,
            ..intent(number)
        };
        record_intent(store, first).unwrap();
    }
    let mut ended = outcome(1);
    ended.cache_edit = None;
    store.record_outcome(ended);
}

/// Replaces the database by one of schema 4 with the same rows.
fn downgrade(database: &Path) {
    let older = database.with_extension("older");
    let connection = Connection::open(&older).unwrap();
    let schema = SCHEMA_4.concat();
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = OFF; {schema} PRAGMA user_version = 4; PRAGMA application_id = 0x6b727631;"
        ))
        .unwrap();
    connection
        .execute("ATTACH ?1 AS newer", [database.to_str().unwrap()])
        .unwrap();
    let tables: Vec<(String, String)> = connection
        .prepare(
            "SELECT tables.name, group_concat(columns.name)
             FROM main.sqlite_schema AS tables JOIN pragma_table_info(tables.name, 'main') AS columns
             WHERE tables.type = 'table' GROUP BY tables.name",
        )
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for (table, columns) in tables {
        let copy = format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table};"
        );
        connection.execute_batch(&copy).unwrap();
    }
    connection.execute_batch("DETACH newer;").unwrap();
    drop(connection);
    fs::set_permissions(&older, fs::metadata(database).unwrap().permissions()).unwrap();
    fs::rename(&older, database).unwrap();
}

#[test]
fn schema_4_store_keeps_its_data() {
    let home = TestHome::new();
    let store = home.open();
    fill(&store);
    drop(store);
    let store = home.open();
    let (before, attempts) = (
        store.lease_snapshot().unwrap(),
        store.ledger_entries(10).unwrap(),
    );
    drop(store);
    downgrade(&home.database());
    let reader = QuickReader::open(&home.paths);
    assert!(matches!(reader, Err(StoreError::OlderSchema { .. })));

    let store = home.open();
    let after = store.lease_snapshot().unwrap();
    let (policy, old_policy) = (&after.policy, &before.policy);
    assert_eq!(policy.profiles(), old_policy.profiles());
    assert_eq!(policy.keys(), old_policy.keys());
    assert_eq!(policy.bindings(), old_policy.bindings());
    assert_eq!(policy.default_profile(), old_policy.default_profile());
    assert!(policy.key(key_secret(1).0).is_some());
    let work = &policy.profiles()[0];
    assert_eq!(exposed(&store.unseal(work).unwrap()), "secret");
    let credential = HealthScope::Credential(work.id);
    let health = after.health.get(&credential);
    assert_eq!(health, before.health.get(&credential));
    assert_ne!(health, Health::Ready);
    assert_eq!(store.ledger_entries(10).unwrap(), attempts);
    assert_eq!(store.limits().unwrap(), []);
    assert!(QuickReader::open(&home.paths).unwrap().is_some());
}
