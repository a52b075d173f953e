//! The ledger: one entry per attempt, opened once, closed once, never lost; with and without a journal.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::CostBasis;
use keyreeve_core::virtual_key::KeyId;
use keyreeve_store::{
    Durability, Ending, Grouping, Intent, Outcome, Store, StoreError, UsageQuery,
};

use crate::fixture::{
    TestHome, add_key, add_profile, at, attempt_id, intent, key, outcome, profile, record,
    record_intent, start_journal,
};

/// The ways to open a store: for a command, and for a process that serves.
const WAYS: [fn(&TestHome) -> Store; 2] = [TestHome::open, TestHome::serve];

fn eventually(condition: impl Fn() -> bool) -> bool {
    (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        condition()
    })
}

fn endings(store: &Store) -> Vec<Option<Ending>> {
    let rows = store.ledger_entries(10).unwrap();
    rows.iter()
        .map(|row| row.outcome.as_ref().map(|ended| ended.ending))
        .collect()
}

fn unknown(store: &Store, second: i64) -> u64 {
    store.close_open_intents(at(second)).unwrap().unknown
}

#[test]
fn entry_is_read_back_as_recorded() {
    for open in WAYS {
        let home = TestHome::new();
        let store = open(&home);
        add_profile(&store, 1, "work");
        add_key(&store, &key(1, "tool", &[]), 1);
        let first = record_intent(&store, intent(1)).unwrap();
        let _second = record_intent(&store, intent(2)).unwrap();
        store.record_outcome(first, outcome(1));
        if std::ptr::fn_addr_eq(open, WAYS[1]) {
            // With a journal an entry is visible at once, to every process.
            check_entries(&store);
            check_entries(&home.open());
        }
        store.flush().unwrap();
        check_entries(&store);
        check_entries(&home.open());
    }
}

/// Checks the two entries of a store: one is open.
fn check_entries(store: &Store) {
    let rows = store.ledger_entries(10).unwrap();
    assert_eq!(
        store.last_used().unwrap(),
        [(intent(2).profile, intent(2).started_at)]
    );
    let [open, closed] = rows.try_into().unwrap();
    assert_eq!(
        (&open.intent, &open.outcome),
        (&intent(2), &None),
        "newest first"
    );
    assert_eq!(closed.intent, intent(1));
    assert_eq!(closed.key_name.as_deref(), Some("tool"));
    assert_eq!(closed.profile_name.as_deref(), Some("work"));
    assert_eq!(closed.outcome, Some(outcome(1).into()));
    assert_eq!(store.ledger_entry(attempt_id(1)).unwrap(), Some(closed));
    assert_eq!(store.ledger_entry(attempt_id(2)).unwrap(), Some(open));
}

#[test]
fn removed_profile_keeps_its_name_in_the_ledger() {
    let home = TestHome::new();
    let store = home.open();
    add_profile(&store, 1, "first");
    let _open = record_intent(&store, intent(1)).unwrap();
    store
        .rename_profile(profile(1, "first").id, &"last".parse().unwrap())
        .unwrap();
    store.remove_profile(profile(1, "last").id).unwrap();
    assert_eq!(
        store.ledger_entries(1).unwrap()[0].profile_name.as_deref(),
        Some("last")
    );
}

/// CO-01: open entries of other live processes are not closed by recovery.
#[test]
fn entries_of_live_processes_stay_open() {
    for open in WAYS {
        let home = TestHome::new();
        let (first, second) = (open(&home), open(&home));
        let first_entry = record_intent(&first, intent(1)).unwrap();
        let _second_entry = record_intent(&second, intent(2)).unwrap();
        let third = home.open();
        assert_eq!(unknown(&third, 9), 0);
        assert_eq!(unknown(&second, 9), 0, "its own");
        first.record_outcome(first_entry, outcome(1));
        drop(first);
        assert_eq!(unknown(&third, 9), 0);
        assert_eq!(endings(&third), [None, Some(Ending::Done)]);
        drop(second);
        assert_eq!(unknown(&third, 9), 1);
        assert_eq!(endings(&third), [Some(Ending::Unknown), Some(Ending::Done)]);
    }
}

#[test]
fn recovery_closes_entries_of_dead_processes_as_unknown() {
    for open in WAYS {
        let home = TestHome::new();
        let store = open(&home);
        let _open = record_intent(&store, intent(1)).unwrap();
        record(&store, intent(2), outcome(2));
        drop(store);

        let store = home.open();
        assert_eq!(unknown(&store, 50), 1);
        assert_eq!(unknown(&store, 51), 0);
        let rows = store.ledger_entries(10).unwrap();
        let ended = rows[1].outcome.as_ref().unwrap();
        assert_eq!((ended.ending, ended.ended_at), (Ending::Unknown, at(50)));
        assert_eq!((ended.cost, ended.basis), (NanoDollars::new(1000), None));
        assert_eq!(rows[0].outcome.as_ref().unwrap().ending, Ending::Done);
    }
}

#[test]
fn outcome_reaches_the_database_without_waiting_for_it() {
    for open in WAYS {
        let home = TestHome::new();
        let store = open(&home);
        record(&store, intent(1), outcome(1));
        let rows = || -> i64 {
            let connection = rusqlite::Connection::open(home.ledger()).unwrap();
            let sql = "SELECT count(*) FROM attempts WHERE ending IS NOT NULL";
            connection.query_row(sql, [], |row| row.get(0)).unwrap()
        };
        assert!(eventually(|| rows() == 1));
    }
}

#[test]
fn attempts_of_one_microsecond_are_all_stored() {
    let home = TestHome::new();
    let store = home.serve();
    for number in 1..=200 {
        let same_start = Intent {
            started_at: at(0),
            ..intent(number)
        };
        record(&store, same_start, outcome(number));
    }
    store.flush().unwrap();
    assert_eq!(store.ledger_entries(1000).unwrap().len(), 200);
}

#[test]
fn clean_end_deletes_the_journal() {
    let home = TestHome::new();
    let store = home.serve();
    let journals = || {
        let names = std::fs::read_dir(&home.paths.data).unwrap();
        names
            .filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_str().unwrap().starts_with("journal-")
            })
            .count()
    };
    record(&store, intent(1), outcome(1));
    assert_eq!(journals(), 1);
    drop(store);
    assert_eq!(journals(), 0);
    let store = home.open();
    assert_eq!(store.ledger_entries(10).unwrap().len(), 1);
    let connection = rusqlite::Connection::open(home.ledger()).unwrap();
    let sql = "SELECT count(*) FROM journals";
    let rows: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
}

#[test]
fn strict_intents_are_synced_before_they_are_acknowledged() {
    let home = TestHome::new();
    let store = Store::open(&home.paths, Durability::Strict).unwrap();
    assert!(!store.acknowledges_after_sync(), "without a journal");
    start_journal(&store);
    assert!(store.acknowledges_after_sync());
    let (sender, receiver) = channel();
    for number in 1..=50 {
        let _open = record_intent(&store, intent(number)).unwrap();
        let sender = sender.clone();
        store.sync_intents(move |synced| sender.send(synced.is_ok()).unwrap());
    }
    for _ in 0..50 {
        assert!(receiver.recv().unwrap());
    }
}

#[test]
fn counts_above_63_bits_are_capped() {
    for open in WAYS {
        let home = TestHome::new();
        let store = open(&home);
        let cost = NanoDollars::new(u64::MAX);
        let huge = Outcome {
            cost,
            response_bytes: u64::MAX,
            basis: CostBasis::AtMost,
            ..outcome(1)
        };
        record(&store, intent(1), huge);
        store.flush().unwrap();
        let ended = store.ledger_entries(1).unwrap().remove(0).outcome.unwrap();
        assert_eq!(ended.cost, NanoDollars::new(u64::MAX / 2));
        assert_eq!(ended.basis, Some(CostBasis::AtMost));
    }
}

#[test]
fn wal_is_checkpointed_during_writes() {
    let home = TestHome::new();
    let store = home.serve();
    for round in 0..30_u128 {
        for number in 0..500 {
            let number = round * 500 + number;
            record(&store, intent(number), outcome(number));
        }
        store.flush().unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    let size = || std::fs::metadata(home.ledger()).unwrap().len();
    assert!(eventually(|| size() > 1 << 20), "the database did not grow");
    let newest = store.ledger_entries(1).unwrap().remove(0);
    assert_eq!(newest.intent.attempt, attempt_id(30 * 500 - 1));
}

/// ST-03 (the store's part): while entries cannot be written, new ones are refused by name, closed ones are kept, and
/// both pass when the cause does.
#[test]
fn entries_that_cannot_be_written_are_retried() {
    let home = TestHome::new();
    let store = home.serve();
    let open = record_intent(&store, intent(1)).unwrap();
    home.run_ledger_sql(
        "CREATE TRIGGER no_rows BEFORE INSERT ON attempts BEGIN SELECT RAISE(ABORT, 'full'); END;",
    );
    store.record_outcome(open, outcome(1));
    assert!(matches!(store.flush(), Err(StoreError::Database(_))));
    assert!(eventually(|| matches!(
        record_intent(&store, intent(2)),
        Err(StoreError::LedgerNotWritable(_))
    )));
    assert_eq!(
        endings(&home.open()).last(),
        Some(&Some(Ending::Done)),
        "visible"
    );
    home.run_ledger_sql("DROP TRIGGER no_rows;");
    assert!(eventually(|| record_intent(&store, intent(3)).is_ok()));
    store.flush().unwrap();
    let rows: i64 = rusqlite::Connection::open(home.ledger())
        .unwrap()
        .query_row("SELECT count(*) FROM attempts", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1);
}

#[test]
fn last_handle_may_be_dropped_in_a_callback() {
    let home = TestHome::new();
    let store = Arc::new(Store::open(&home.paths, Durability::Strict).unwrap());
    start_journal(&store);
    let (sender, receiver) = channel();
    let last = Arc::clone(&store);
    record(&store, intent(1), outcome(1));
    store.sync_intents(move |synced| {
        drop(last);
        sender.send(synced.is_ok()).unwrap();
    });
    drop(store);
    assert!(receiver.recv().unwrap());
    assert!(eventually(
        || home.open().ledger_entries(10).unwrap().len() == 1
    ));
}

#[test]
fn closing_the_store_removes_the_wal() {
    for round in 0..20 {
        let home = TestHome::new();
        let store = WAYS[round % 2](&home);
        record(&store, intent(1), outcome(1));
        drop(store);
        for log in ["policy.db-wal", "ledger.db-wal"] {
            assert!(!home.paths.data.join(log).exists(), "round {round}: {log}");
        }
    }
}

#[test]
fn requests_of_the_owner_have_their_own_key_name() {
    let home = TestHome::new();
    let store = home.open();
    let own = Intent {
        key: KeyId::OWN,
        ..intent(1)
    };
    let _open = record_intent(&store, own.clone()).unwrap();
    let row = store.ledger_entry(own.attempt).unwrap().unwrap();
    assert_eq!(row.key_name.as_deref(), Some("(keyreeve)"));
    assert_eq!(store.ledger_entries(1).unwrap(), [row]);
    let by_key = UsageQuery {
        since: None,
        until: None,
        by: Grouping::Key,
    };
    let rows = store.usage(&by_key).unwrap();
    assert_eq!(rows[0].group.as_deref(), Some("(keyreeve)"));
    assert_eq!(store.ledger_entry(intent(2).attempt).unwrap(), None);
}
