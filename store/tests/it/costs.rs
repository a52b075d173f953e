//! Costs of the store, printed by `cargo xtask bench store`: CPU of all threads of this process. Nothing is asserted but
//! what was written.

use std::fs;
use std::time::Instant;

use keyreeve_store::{Grouping, Store, UsageQuery};

use crate::fixture::{TestHome, add_profile, intent, outcome, record};

/// Returns the CPU time used by all threads so far, in microseconds.
fn cpu_micros() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let nanos: f64 = tasks
        .map(|task| {
            let path = task.unwrap().path().join("schedstat");
            let text = fs::read_to_string(path).unwrap_or_default();
            let used = text.split(' ').next().unwrap_or_default();
            used.parse::<f64>().unwrap_or_default()
        })
        .sum();
    nanos / 1000.0
}

/// Returns a line with the CPU per repetition of `work`.
fn cost(name: &str, repetitions: u32, work: impl FnOnce()) -> String {
    let (cpu, started) = (cpu_micros(), Instant::now());
    work();
    let per_one = |micros: f64| micros / f64::from(repetitions);
    format!(
        "{name:<44} {:>8.2} us CPU {:>8.2} us",
        per_one(cpu_micros() - cpu),
        per_one(started.elapsed().as_secs_f64() * 1e6)
    )
}

fn write_attempts(store: &Store, count: u32) {
    for number in 0..count {
        record(store, intent(number.into()), outcome(number.into()));
        // A loop alone fills the journal faster than it is folded.
        if number % 4000 == 0 {
            store.flush().unwrap();
        }
    }
    store.flush().unwrap();
}

#[test]
#[ignore = "run by `cargo xtask bench store` against the release build"]
fn in_child_print_costs() {
    const DIRECT: u32 = 2_000;
    const JOURNAL: u32 = 300_000;
    const CHECKS: u32 = 1_000_000;
    const OPEN: u32 = 4_000;
    let home = TestHome::new();
    let store = home.open();
    add_profile(&store, 1, "work");
    let line = cost("attempt without a journal (two commits)", DIRECT, || {
        write_attempts(&store, DIRECT);
    });
    println!("{line}");
    drop(store);

    let home = TestHome::new();
    let store = home.serve();
    add_profile(&store, 1, "work");
    let line = cost(
        "attempt through the journal, with its fold",
        JOURNAL,
        || {
            write_attempts(&store, JOURNAL);
        },
    );
    println!("{line}");
    store.lease_snapshot().unwrap();
    let line = cost("policy and health for a lease, unchanged", CHECKS, || {
        for _ in 0..CHECKS {
            store.lease_snapshot().unwrap();
        }
    });
    println!("{line}");
    for by in [Grouping::Key, Grouping::Day, Grouping::Session] {
        let line = cost(&format!("usage by {by:?} over 300,000 attempts"), 1, || {
            let query = UsageQuery {
                since: None,
                until: None,
                by,
            };
            let rows = store.usage(&query).unwrap();
            assert_eq!(
                rows.iter().map(|row| row.attempts).sum::<u64>(),
                u64::from(JOURNAL)
            );
        });
        println!("{line}");
    }
    let open: Vec<_> = (0..OPEN)
        .map(|number| store.record_intent(intent(number.into())).unwrap())
        .collect();
    drop(store);
    let line = cost("replay of one open entry, of 4,000", OPEN, || {
        let recovered = home.open().close_open_intents(intent(1).started_at);
        assert_eq!(recovered.unwrap().unknown, u64::from(OPEN));
    });
    println!("{line}");
    drop(open);
}
