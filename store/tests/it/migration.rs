//! A store that an older keyreeve left is brought up to date, and has all that was in it.

use std::fs;
use std::path::Path;

use keyreeve_core::binding::Binding;
use keyreeve_core::select::Reason;
use keyreeve_core::standing::{Act, Scope, Standing, act};
use keyreeve_core::virtual_key::{Strategy, VirtualKey};
use keyreeve_store::{Error, Glance, Intent, Store};
use rusqlite::Connection;

use crate::bed::{Bed, at, begin, intent, key, key_secret, outcome, profile, secret, shown};

/// The schema of the first release that others may have stores of.
const SCHEMA_4: [&str; 4] = [
    include_str!("../../migrations/0001_first.sql"),
    include_str!("../../migrations/0002_sources.sql"),
    include_str!("../../migrations/0003_standings.sql"),
    include_str!("../../migrations/0004_bindings.sql"),
];

/// What a store of that schema could hold of a key.
fn plain_key(store: &Store) -> VirtualKey {
    let tool = VirtualKey {
        strategy: Strategy::Ordered,
        may_spend: Vec::new(),
        cache_ttl: None,
        ..key(2, "tool", &[&profile(1, "work")])
    };
    let (public, hash) = key_secret(1);
    store.add_key(&tool, public, hash).unwrap();
    tool
}

/// Fills a store with what schema 4 had room for.
fn fill(store: &Store) {
    let work = profile(1, "work");
    store.add_profile(&work, Some(&secret("kept"))).unwrap();
    store.use_profile(work.id).unwrap();
    plain_key(store);
    let binding = Binding {
        directory: "/w".to_owned(),
        profile: Some(work.id),
        expect: Some("metered".parse().unwrap()),
    };
    store.bind(&binding).unwrap();
    let rested = |state| act(state, Act::Rest { until: at(90) }, at(5));
    store
        .update_standing(&Scope::Credential(work.id), rested)
        .unwrap();
    for number in [1, 2] {
        let first = Intent {
            number: 1,
            reason: Reason::First,
            ..intent(number)
        };
        begin(store, first).unwrap();
    }
    let mut ended = outcome(1);
    ended.cache_edit = None;
    store.finish(ended);
}

/// Puts a database of schema 4 with the same rows in the place of this one.
fn take_back(database: &Path) {
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
fn a_store_of_schema_4_keeps_all_that_it_holds() {
    let bed = Bed::new();
    let store = bed.open();
    fill(&store);
    drop(store);
    let store = bed.open();
    let (before, attempts) = (store.known().unwrap(), store.attempts(10).unwrap());
    drop(store);
    take_back(&bed.database());
    let glance = Glance::at(&bed.places);
    assert!(matches!(glance, Err(Error::OlderSchema { .. })));

    let store = bed.open();
    let after = store.known().unwrap();
    let (policy, had) = (&after.policy, &before.policy);
    assert_eq!(policy.profiles(), had.profiles());
    assert_eq!(policy.keys(), had.keys());
    assert_eq!(policy.bindings(), had.bindings());
    assert_eq!(policy.default_profile(), had.default_profile());
    assert!(policy.key(key_secret(1).0).is_some());
    let work = &policy.profiles()[0];
    assert_eq!(shown(&store.unseal(work).unwrap()), "kept");
    let credential = Scope::Credential(work.id);
    let standing = after.standings.of(&credential);
    assert_eq!(standing, before.standings.of(&credential));
    assert_ne!(standing, Standing::Ready);
    assert_eq!(store.attempts(10).unwrap(), attempts);
    assert_eq!(store.limits().unwrap(), []);
    assert!(Glance::at(&bed.places).unwrap().is_some());
}
