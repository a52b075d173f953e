//! One row an attempt: opened once, closed once, and never forgotten.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::Basis;
use keyreeve_core::virtual_key::KeyId;
use keyreeve_store::{Durability, Ending, Error, Grouping, Intent, Outcome, Store, UsageQuery};

use crate::bed::{Bed, at, begin, id, intent, key, key_secret, outcome, profile, secret};

#[test]
fn an_attempt_comes_back_as_it_was_told() {
    let bed = Bed::new();
    let store = bed.open();
    store
        .add_profile(&profile(1, "work"), Some(&secret("x")))
        .unwrap();
    store
        .add_key(&key(1, "tool", &[]), key_secret(1).0, key_secret(1).1)
        .unwrap();
    begin(&store, intent(1)).unwrap();
    begin(&store, intent(2)).unwrap();
    store.finish(outcome(1));
    store.flush().unwrap();

    let rows = store.attempts(10).unwrap();
    assert_eq!(
        store.last_uses(10).unwrap(),
        [(intent(2).profile, intent(2).started_at)]
    );
    assert!(store.last_uses(0).unwrap().is_empty());
    let [open, closed] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (&open.intent, &open.ended),
        (&intent(2), &None),
        "newest first"
    );
    assert_eq!(closed.intent, intent(1));
    assert_eq!(closed.key_name.as_deref(), Some("tool"));
    assert_eq!(closed.profile_name.as_deref(), Some("work"));
    let (ended, told) = (closed.ended.as_ref().unwrap(), outcome(1));
    assert_eq!((ended.ending, ended.ended_at), (told.ending, told.ended_at));
    assert_eq!(
        (ended.status, ended.verdict.as_deref()),
        (told.status, Some(told.verdict))
    );
    assert_eq!(ended.upstream_request_id, told.upstream_request_id);
    assert_eq!(ended.model_served, told.model_served);
    assert_eq!(
        (ended.tokens, ended.web_searches),
        (told.tokens, told.web_searches)
    );
    assert_eq!((ended.cost, ended.basis), (told.cost, Some(told.basis)));
    assert_eq!(ended.prices_as_of, Some(told.prices_as_of));
    assert_eq!(ended.first_byte_micros, told.first_byte_micros);
    assert_eq!(ended.duration_micros, Some(told.duration_micros));
    assert_eq!(
        (ended.answer_hash, ended.answer_bytes),
        (told.answer_hash, told.answer_bytes)
    );
    assert_eq!(ended.cache_edit.as_deref(), Some("1h:3"));
}

#[test]
fn a_removed_profile_keeps_its_name_in_the_ledger() {
    let bed = Bed::new();
    let store = bed.open();
    store
        .add_profile(&profile(1, "first"), Some(&secret("x")))
        .unwrap();
    begin(&store, intent(1)).unwrap();
    store
        .rename_profile(profile(1, "first").id, &"last".parse().unwrap())
        .unwrap();
    store.remove_profile(profile(1, "last").id).unwrap();
    assert_eq!(
        store.attempts(1).unwrap()[0].profile_name.as_deref(),
        Some("last")
    );
}

#[test]
fn writing_twice_changes_nothing() {
    let bed = Bed::new();
    let store = bed.open();
    begin(&store, intent(1)).unwrap();
    store.finish(outcome(1));
    store.flush().unwrap();
    let before = store.attempts(10).unwrap();

    begin(&store, intent(1)).unwrap();
    store.finish(Outcome {
        cost: NanoDollars::new(9),
        ending: Ending::Failed,
        ..outcome(1)
    });
    store.finish(outcome(2)); // Of an attempt that never began.
    store.flush().unwrap();
    assert_eq!(store.attempts(10).unwrap(), before);
    assert_eq!(store.close_open_intents(at(9)).unwrap(), 0);
}

#[test]
fn co_01_what_another_living_process_has_open_stays_open() {
    let bed = Bed::new();
    let (here, there) = (bed.open(), bed.open());
    begin(&here, intent(1)).unwrap();
    begin(&there, intent(2)).unwrap();
    let third = bed.open();
    assert_eq!(third.close_open_intents(at(9)).unwrap(), 0);
    assert_eq!(there.close_open_intents(at(9)).unwrap(), 0, "its own");
    here.finish(outcome(1));
    drop(here);
    assert_eq!(third.close_open_intents(at(9)).unwrap(), 0);
    let endings = |store: &Store| -> Vec<_> {
        let rows = store.attempts(10).unwrap();
        rows.iter()
            .map(|row| row.ended.as_ref().map(|ended| ended.ending))
            .collect()
    };
    assert_eq!(endings(&third), [None, Some(Ending::Done)]);
    drop(there);
    assert_eq!(third.close_open_intents(at(9)).unwrap(), 1);
    assert_eq!(endings(&third), [Some(Ending::Unknown), Some(Ending::Done)]);
}

#[test]
fn what_a_dead_process_left_open_is_closed_as_unknown_at_its_reserved_cost() {
    let bed = Bed::new();
    let store = bed.open();
    begin(&store, intent(1)).unwrap();
    begin(&store, intent(2)).unwrap();
    store.finish(outcome(2));
    drop(store);

    let store = bed.open();
    assert_eq!(store.close_open_intents(at(50)).unwrap(), 1);
    store.finish(outcome(1));
    store.flush().unwrap();
    let rows = store.attempts(10).unwrap();
    let ended = rows[1].ended.as_ref().unwrap();
    assert_eq!((ended.ending, ended.ended_at), (Ending::Unknown, at(50)));
    assert_eq!((ended.cost, ended.basis), (NanoDollars::new(1000), None));
    assert_eq!(rows[0].ended.as_ref().unwrap().ending, Ending::Done);
}

#[test]
fn an_outcome_is_written_within_its_ride_without_being_waited_for() {
    let bed = Bed::new();
    let store = bed.open();
    begin(&store, intent(1)).unwrap();
    store.finish(outcome(1));
    let written = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        store.attempts(1).unwrap()[0].ended.is_some()
    });
    assert!(written);
}

/// Intents that come while the thread is busy are committed together: when the first is answered, all are there.
#[test]
fn a_crowd_is_committed_at_once() {
    const CROWD: u128 = 200;
    for durability in [Durability::Process, Durability::Strict] {
        let bed = Bed::new();
        let store = Arc::new(Store::open(&bed.places, durability).unwrap());
        let barrier = hold_up(&store);
        let (told, answers) = channel();
        for number in 1..=CROWD {
            let (told, seen_by) = (told.clone(), Arc::clone(&store));
            store.begin(intent(number), move |committed| {
                let seen = seen_by.attempts(1000).map(|rows| rows.len());
                told.send((committed.is_ok(), seen.unwrap_or(0))).unwrap();
            });
        }
        barrier.wait();
        for _ in 0..CROWD {
            assert_eq!(answers.recv().unwrap(), (true, 201), "{durability:?}");
        }
    }
}

/// Keeps the writer's thread in the answer to one intent, until the barrier is passed.
fn hold_up(store: &Store) -> Arc<Barrier> {
    let barrier = Arc::new(Barrier::new(2));
    let held = Arc::clone(&barrier);
    store.begin(intent(0), move |_| {
        held.wait();
        held.wait();
    });
    barrier.wait();
    barrier
}

/// While the thread is held up, the queue fills to its bound and no further; whoever is let in is answered.
#[test]
fn beyond_its_bound_the_queue_answers_busy() {
    let bed = Bed::new();
    let store = bed.open();
    let barrier = hold_up(&store);
    let (busy, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for number in 0..5000 {
        let (busy, done) = (Arc::clone(&busy), Arc::clone(&done));
        store.begin(intent(number + 1), move |committed| {
            let count = if matches!(committed, Err(Error::Busy)) {
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
    assert_eq!(store.attempts(10_000).unwrap().len(), 4097);
}

#[test]
fn counts_beyond_what_the_database_holds_are_capped_not_refused() {
    let bed = Bed::new();
    let store = bed.open();
    begin(&store, intent(1)).unwrap();
    let cost = NanoDollars::new(u64::MAX);
    store.finish(Outcome {
        cost,
        answer_bytes: u64::MAX,
        basis: Basis::AtMost,
        ..outcome(1)
    });
    store.flush().unwrap();
    let ended = store.attempts(1).unwrap().remove(0).ended.unwrap();
    assert_eq!(ended.cost, NanoDollars::new(u64::MAX / 2));
    assert_eq!(ended.basis, Some(Basis::AtMost));
}

#[test]
fn the_log_is_copied_back_while_rows_come_in() {
    let bed = Bed::new();
    let store = bed.open();
    for round in 0..30_u128 {
        let (told, answers) = channel();
        for number in 0..500 {
            let told = told.clone();
            store.begin(intent(round * 500 + number), move |done| {
                told.send(done).unwrap();
            });
        }
        (0..500).for_each(|_| answers.recv().unwrap().unwrap());
        std::thread::sleep(Duration::from_millis(5));
    }
    let copied = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        std::fs::metadata(bed.database()).unwrap().len() > 1 << 20
    });
    assert!(copied, "the database itself did not grow");
    let newest = store.attempts(1).unwrap().remove(0);
    assert_eq!(newest.intent.attempt.0, id(30 * 500 - 1));
}

/// ST-03, the store's half: what cannot be written is refused by name, and outcomes wait until it can be.
#[test]
fn st_03_an_outcome_that_cannot_be_written_is_kept() {
    let bed = Bed::new();
    let store = bed.open();
    begin(&store, intent(1)).unwrap();
    bed.meddle(
        "CREATE TRIGGER no_rows BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'full'); END;
         CREATE TRIGGER no_changes BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'full'); END;",
    );
    store.finish(outcome(1));
    assert!(matches!(store.flush(), Err(Error::Database(_))));
    assert!(matches!(begin(&store, intent(2)), Err(Error::Database(_))));
    bed.meddle("DROP TRIGGER no_rows; DROP TRIGGER no_changes;");
    let written = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        store.attempts(1).unwrap()[0].ended.is_some()
    });
    assert!(written, "the outcome was forgotten");
    begin(&store, intent(2)).unwrap();
}

#[test]
fn the_last_handle_may_be_dropped_in_an_answer() {
    let bed = Bed::new();
    let store = Arc::new(bed.open());
    let (told, ended) = channel();
    let last = Arc::clone(&store);
    let barrier = hold_up(&store);
    store.begin(intent(1), move |committed| {
        drop(last);
        told.send(committed.is_ok()).unwrap();
    });
    drop(store);
    barrier.wait();
    assert!(ended.recv().unwrap());
    assert_eq!(bed.open().attempts(10).unwrap().len(), 2);
}

#[test]
fn the_last_to_close_tidies_the_log_away() {
    for round in 0..20 {
        let bed = Bed::new();
        let store = bed.open();
        begin(&store, intent(1)).unwrap();
        drop(store);
        assert!(
            !bed.places.data.join("keyreeve.db-wal").exists(),
            "round {round}"
        );
    }
}

#[test]
fn what_the_owner_asked_has_a_name_of_its_own() {
    let bed = Bed::new();
    let store = bed.open();
    let own = Intent {
        key: KeyId::OWN,
        ..intent(1)
    };
    begin(&store, own.clone()).unwrap();
    let row = store.attempt(own.attempt).unwrap().unwrap();
    assert_eq!(row.key_name.as_deref(), Some("(keyreeve)"));
    assert_eq!(store.attempts(1).unwrap(), [row]);
    let by_key = UsageQuery {
        since: None,
        until: None,
        by: Grouping::Key,
    };
    let rows = store.usage(&by_key).unwrap();
    assert_eq!(rows[0].group.as_deref(), Some("(keyreeve)"));
    assert_eq!(store.attempt(intent(2).attempt).unwrap(), None);
}
