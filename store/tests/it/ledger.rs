//! The ledger: one entry per attempt, opened once, closed once, never lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::CostBasis;
use keyreeve_core::virtual_key::KeyId;
use keyreeve_store::{
    Durability, Ending, Grouping, Intent, Outcome, Store, StoreError, UsageQuery,
};

use crate::fixture::{
    TestHome, add_key, add_profile, at, id, intent, key, outcome, profile, record_intent,
};

#[test]
fn entry_is_read_back_as_recorded() {
    let home = TestHome::new();
    let store = home.open();
    add_profile(&store, 1, "work");
    add_key(&store, &key(1, "tool", &[]), 1);
    record_intent(&store, intent(1)).unwrap();
    record_intent(&store, intent(2)).unwrap();
    store.record_outcome(outcome(1));
    store.flush().unwrap();

    let rows = store.ledger_entries(10).unwrap();
    assert_eq!(
        store.last_used(10).unwrap(),
        [(intent(2).profile, intent(2).started_at)]
    );
    assert!(store.last_used(0).unwrap().is_empty());
    let [open, closed] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (&open.intent, &open.outcome),
        (&intent(2), &None),
        "newest first"
    );
    assert_eq!(closed.intent, intent(1));
    assert_eq!(closed.key_name.as_deref(), Some("tool"));
    assert_eq!(closed.profile_name.as_deref(), Some("work"));
    let (ended, expected) = (closed.outcome.as_ref().unwrap(), outcome(1));
    assert_eq!(
        (ended.ending, ended.ended_at),
        (expected.ending, expected.ended_at)
    );
    assert_eq!(
        (ended.status, ended.verdict.as_deref()),
        (expected.status, Some(expected.verdict))
    );
    assert_eq!(ended.upstream_request_id, expected.upstream_request_id);
    assert_eq!(ended.model_served, expected.model_served);
    assert_eq!(
        (ended.tokens, ended.web_searches),
        (expected.tokens, expected.web_searches)
    );
    assert_eq!(
        (ended.cost, ended.basis),
        (expected.cost, Some(expected.basis))
    );
    assert_eq!(ended.prices_as_of, Some(expected.prices_as_of));
    assert_eq!(ended.first_byte_micros, expected.first_byte_micros);
    assert_eq!(ended.duration_micros, Some(expected.duration_micros));
    assert_eq!(
        (ended.response_hash, ended.response_bytes),
        (expected.response_hash, expected.response_bytes)
    );
    assert_eq!(ended.cache_edit.as_deref(), Some("1h:3"));
}

#[test]
fn removed_profile_keeps_its_name_in_the_ledger() {
    let home = TestHome::new();
    let store = home.open();
    add_profile(&store, 1, "first");
    record_intent(&store, intent(1)).unwrap();
    store
        .rename_profile(profile(1, "first").id, &"last".parse().unwrap())
        .unwrap();
    store.remove_profile(profile(1, "last").id).unwrap();
    assert_eq!(
        store.ledger_entries(1).unwrap()[0].profile_name.as_deref(),
        Some("last")
    );
}

#[test]
fn writing_twice_changes_nothing() {
    let home = TestHome::new();
    let store = home.open();
    record_intent(&store, intent(1)).unwrap();
    store.record_outcome(outcome(1));
    store.flush().unwrap();
    let before = store.ledger_entries(10).unwrap();

    record_intent(&store, intent(1)).unwrap();
    store.record_outcome(Outcome {
        cost: NanoDollars::new(9),
        ending: Ending::Failed,
        ..outcome(1)
    });
    store.record_outcome(outcome(2)); // Of an attempt without an intent.
    store.flush().unwrap();
    assert_eq!(store.ledger_entries(10).unwrap(), before);
    assert_eq!(store.close_open_intents(at(9)).unwrap(), 0);
}

/// CO-01: open entries of other live processes are not closed by recovery.
#[test]
fn entries_of_live_processes_stay_open() {
    let home = TestHome::new();
    let (first, second) = (home.open(), home.open());
    record_intent(&first, intent(1)).unwrap();
    record_intent(&second, intent(2)).unwrap();
    let third = home.open();
    assert_eq!(third.close_open_intents(at(9)).unwrap(), 0);
    assert_eq!(second.close_open_intents(at(9)).unwrap(), 0, "its own");
    first.record_outcome(outcome(1));
    drop(first);
    assert_eq!(third.close_open_intents(at(9)).unwrap(), 0);
    let endings = |store: &Store| -> Vec<_> {
        let rows = store.ledger_entries(10).unwrap();
        rows.iter()
            .map(|row| row.outcome.as_ref().map(|ended| ended.ending))
            .collect()
    };
    assert_eq!(endings(&third), [None, Some(Ending::Done)]);
    drop(second);
    assert_eq!(third.close_open_intents(at(9)).unwrap(), 1);
    assert_eq!(endings(&third), [Some(Ending::Unknown), Some(Ending::Done)]);
}

#[test]
fn recovery_closes_entries_of_dead_processes_as_unknown() {
    let home = TestHome::new();
    let store = home.open();
    record_intent(&store, intent(1)).unwrap();
    record_intent(&store, intent(2)).unwrap();
    store.record_outcome(outcome(2));
    drop(store);

    let store = home.open();
    assert_eq!(store.close_open_intents(at(50)).unwrap(), 1);
    store.record_outcome(outcome(1));
    store.flush().unwrap();
    let rows = store.ledger_entries(10).unwrap();
    let ended = rows[1].outcome.as_ref().unwrap();
    assert_eq!((ended.ending, ended.ended_at), (Ending::Unknown, at(50)));
    assert_eq!((ended.cost, ended.basis), (NanoDollars::new(1000), None));
    assert_eq!(rows[0].outcome.as_ref().unwrap().ending, Ending::Done);
}

#[test]
fn outcome_is_flushed_without_waiting_for_it() {
    let home = TestHome::new();
    let store = home.open();
    record_intent(&store, intent(1)).unwrap();
    store.record_outcome(outcome(1));
    let written = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        store.ledger_entries(1).unwrap()[0].outcome.is_some()
    });
    assert!(written);
}

/// Intents queued while the thread is busy are committed as one batch: when the first is confirmed, all are committed.
#[test]
fn queued_intents_are_committed_as_one_batch() {
    const INTENTS: u128 = 200;
    for durability in [Durability::Process, Durability::Strict] {
        let home = TestHome::new();
        let store = Arc::new(Store::open(&home.paths, durability).unwrap());
        let barrier = block_writer(&store);
        let (sender, receiver) = channel();
        for number in 1..=INTENTS {
            let (sender, store_in_callback) = (sender.clone(), Arc::clone(&store));
            store.record_intent(intent(number), move |committed| {
                let seen = store_in_callback
                    .ledger_entries(1000)
                    .map(|rows| rows.len());
                sender.send((committed.is_ok(), seen.unwrap_or(0))).unwrap();
            });
        }
        barrier.wait();
        for _ in 0..INTENTS {
            assert_eq!(receiver.recv().unwrap(), (true, 201), "{durability:?}");
        }
    }
}

/// Blocks the writer thread in the callback of one intent until the barrier is passed.
fn block_writer(store: &Store) -> Arc<Barrier> {
    let barrier = Arc::new(Barrier::new(2));
    let in_callback = Arc::clone(&barrier);
    store.record_intent(intent(0), move |_| {
        in_callback.wait();
        in_callback.wait();
    });
    barrier.wait();
    barrier
}

/// While the writer is blocked, the queue fills to its maximum and no further; every accepted intent is confirmed.
#[test]
fn full_queue_is_busy() {
    let home = TestHome::new();
    let store = home.open();
    let barrier = block_writer(&store);
    let (busy, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for number in 0..5000 {
        let (busy, done) = (Arc::clone(&busy), Arc::clone(&done));
        store.record_intent(intent(number + 1), move |committed| {
            let count = if matches!(committed, Err(StoreError::Busy)) {
                busy
            } else {
                done
            };
            count.fetch_add(1, Ordering::Relaxed);
        });
    }
    assert_eq!(busy.load(Ordering::Relaxed), 5000 - 4096);
    barrier.wait();
    store.flush().unwrap();
    assert_eq!(done.load(Ordering::Relaxed), 4096);
    assert_eq!(store.ledger_entries(10_000).unwrap().len(), 4097);
}

#[test]
fn counts_above_63_bits_are_capped() {
    let home = TestHome::new();
    let store = home.open();
    record_intent(&store, intent(1)).unwrap();
    let cost = NanoDollars::new(u64::MAX);
    store.record_outcome(Outcome {
        cost,
        response_bytes: u64::MAX,
        basis: CostBasis::AtMost,
        ..outcome(1)
    });
    store.flush().unwrap();
    let ended = store.ledger_entries(1).unwrap().remove(0).outcome.unwrap();
    assert_eq!(ended.cost, NanoDollars::new(u64::MAX / 2));
    assert_eq!(ended.basis, Some(CostBasis::AtMost));
}

#[test]
fn wal_is_checkpointed_during_writes() {
    let home = TestHome::new();
    let store = home.open();
    for round in 0..30_u128 {
        let (sender, receiver) = channel();
        for number in 0..500 {
            let sender = sender.clone();
            store.record_intent(intent(round * 500 + number), move |done| {
                sender.send(done).unwrap();
            });
        }
        (0..500).for_each(|_| receiver.recv().unwrap().unwrap());
        std::thread::sleep(Duration::from_millis(5));
    }
    let copied = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        std::fs::metadata(home.database()).unwrap().len() > 1 << 20
    });
    assert!(copied, "the database itself did not grow");
    let newest = store.ledger_entries(1).unwrap().remove(0);
    assert_eq!(newest.intent.attempt.0, id(30 * 500 - 1));
}

/// ST-03 (the store's part): a failed write returns an error, and outcomes are retried until they can be written.
#[test]
fn outcome_that_cannot_be_written_is_retried() {
    let home = TestHome::new();
    let store = home.open();
    record_intent(&store, intent(1)).unwrap();
    home.run_sql(
        "CREATE TRIGGER no_rows BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'full'); END;
         CREATE TRIGGER no_changes BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'full'); END;",
    );
    store.record_outcome(outcome(1));
    assert!(matches!(store.flush(), Err(StoreError::Database(_))));
    assert!(matches!(
        record_intent(&store, intent(2)),
        Err(StoreError::Database(_))
    ));
    home.run_sql("DROP TRIGGER no_rows; DROP TRIGGER no_changes;");
    let written = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        store.ledger_entries(1).unwrap()[0].outcome.is_some()
    });
    assert!(written, "the outcome was lost");
    record_intent(&store, intent(2)).unwrap();
}

#[test]
fn last_handle_may_be_dropped_in_a_callback() {
    let home = TestHome::new();
    let store = Arc::new(home.open());
    let (sender, receiver) = channel();
    let last = Arc::clone(&store);
    let barrier = block_writer(&store);
    store.record_intent(intent(1), move |committed| {
        drop(last);
        sender.send(committed.is_ok()).unwrap();
    });
    drop(store);
    barrier.wait();
    assert!(receiver.recv().unwrap());
    assert_eq!(home.open().ledger_entries(10).unwrap().len(), 2);
}

#[test]
fn closing_the_store_removes_the_wal() {
    for round in 0..20 {
        let home = TestHome::new();
        let store = home.open();
        record_intent(&store, intent(1)).unwrap();
        drop(store);
        assert!(
            !home.paths.data.join("keyreeve.db-wal").exists(),
            "round {round}"
        );
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
    record_intent(&store, own.clone()).unwrap();
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
