//! A store whose files were replaced refuses; one that SQLite changes does not.

use std::time::Duration;

use keyreeve_store::StoreError;

use crate::fixture::{TestHome, add_key, add_profile, intent, key, outcome, record, record_intent};

fn is_noticed(condition: impl Fn() -> bool) -> bool {
    (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        condition()
    })
}

/// F-22: a removed database is noticed by readers and by writers of the ledger.
#[test]
fn removed_database_is_refused() {
    let home = TestHome::new();
    let store = home.serve();
    assert!(store.lease_snapshot().is_ok());
    std::fs::remove_file(home.database()).unwrap();
    assert!(is_noticed(|| matches!(
        store.lease_snapshot(),
        Err(StoreError::Replaced { .. })
    )));
    assert!(matches!(
        record_intent(&store, intent(1)),
        Err(StoreError::Replaced { .. })
    ));
}

/// F-22: the log of a database is missed, too: another process would write to another one.
#[test]
fn removed_log_is_refused() {
    for file in [
        "policy.db-shm",
        "policy.db-wal",
        "ledger.db-wal",
        "ledger.db-shm",
    ] {
        let home = TestHome::new();
        let store = home.serve();
        add_profile(&store, 1, "work");
        record(&store, intent(1), outcome(1));
        std::fs::remove_file(home.paths.data.join(file)).unwrap();
        assert!(
            is_noticed(|| matches!(store.lease_snapshot(), Err(StoreError::Replaced { .. }))),
            "{file}"
        );
    }
}

/// F-22: commits and checkpoints of other processes are no replacement.
#[test]
fn checkpoints_of_other_processes_are_no_replacement() {
    let home = TestHome::new();
    let (store, other) = (home.serve(), home.open());
    add_profile(&other, 1, "work");
    for round in 0..40_u8 {
        let number = u128::from(round) + 1;
        add_key(&other, &key(number, &format!("k{round}"), &[]), round);
        for part in 0..25 {
            let number = number * 25 + part;
            record(&store, intent(number), outcome(number));
        }
        for database in [home.database(), home.ledger()] {
            let connection = rusqlite::Connection::open(database).unwrap();
            connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .unwrap();
        }
        std::thread::sleep(Duration::from_millis(100));
        assert!(store.lease_snapshot().is_ok(), "round {round}");
    }
    store.flush().unwrap();
    assert_eq!(store.ledger_entries(2000).unwrap().len(), 1000);
}
