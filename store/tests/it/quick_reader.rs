//! The quick reader reads a store, creates nothing, and does not wait for locks.

use std::fs;

use keyreeve_core::limits::{Limit, LimitObservation, LimitOwner};
use keyreeve_store::{QuickReader, StoreError};
use rusqlite::Connection;

use crate::fixture::{TestHome, add_profile, at};

fn window(second: i64) -> Vec<LimitObservation> {
    vec![LimitObservation {
        owner: LimitOwner::ClaudeCode { config_dir: None },
        class: None,
        limit: Limit {
            kind: "plan five_hour".parse().unwrap(),
            usage: None,
            state: None,
            resets_at: Some(at(3600)),
            observed_at: at(second),
        },
    }]
}

#[test]
fn missing_store_is_not_created() {
    let home = TestHome::new();
    assert!(QuickReader::open(&home.paths).unwrap().is_none());
    fs::create_dir(&home.paths.data).unwrap();
    let _error_or_none = QuickReader::open(&home.paths);
    assert_eq!(fs::read_dir(&home.paths.data).unwrap().count(), 0);
    assert!(!home.paths.keys.exists());
}

#[test]
fn reader_and_store_see_each_others_data() {
    let home = TestHome::new();
    let store = home.open();
    add_profile(&store, 1, "work");
    let reader = QuickReader::open(&home.paths).unwrap().unwrap();
    assert_eq!(
        reader.policy().unwrap().profiles(),
        store.policy().unwrap().profiles()
    );
    reader.save_limits(&window(1)).unwrap();
    assert_eq!(store.limits().unwrap(), window(1));
    drop(store);
    reader.save_limits(&window(2)).unwrap();
    drop(reader);
    assert_eq!(
        QuickReader::open(&home.paths)
            .unwrap()
            .unwrap()
            .limits()
            .unwrap(),
        window(2)
    );
    assert_eq!(home.open().limits().unwrap(), window(2));
}

#[test]
fn master_key_is_not_needed() {
    let home = TestHome::new();
    drop(home.open());
    fs::remove_file(home.master_key()).unwrap();
    let reader = QuickReader::open(&home.paths).unwrap().unwrap();
    reader.policy().unwrap();
    reader.save_limits(&window(1)).unwrap();
}

#[test]
fn locked_store_can_be_read_but_not_written() {
    let home = TestHome::new();
    drop(home.open());
    let other = Connection::open(home.ledger()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let reader = QuickReader::open(&home.paths).unwrap().unwrap();
    reader.policy().unwrap();
    assert!(matches!(
        reader.save_limits(&window(1)),
        Err(StoreError::Busy)
    ));
    other.execute_batch("COMMIT").unwrap();
    reader.save_limits(&window(1)).unwrap();
}

#[test]
fn other_schema_version_or_damaged_file_is_refused() {
    let home = TestHome::new();
    drop(home.open());
    home.run_sql("PRAGMA user_version = 999");
    let refused = QuickReader::open(&home.paths).err().unwrap();
    assert!(refused.to_string().contains("newer"), "{refused}");
    let home = TestHome::new();
    drop(home.open());
    fs::write(home.database(), "junk").unwrap();
    assert!(matches!(
        QuickReader::open(&home.paths),
        Err(StoreError::Corrupt { .. })
    ));
}
