//! Retention: nothing is deleted before it was announced; sums stay exact when their attempts are deleted.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::money::NanoDollars;
use keyreeve_os::{deadline::Deadline, system};
use keyreeve_store::{
    AttemptId, Grouping, Intent, Retention, RetentionPlan, Store, UsageQuery, UsageRow,
};
use uuid::Uuid;

use crate::fixture::{TestHome, intent, outcome, record, record_intent};

/// Length of a quarter of an hour in microseconds.
const QUARTER: i64 = 15 * 60 * 1_000_000;

const RULE: Retention = Retention {
    detail_days: 90,
    rollup_days: 400,
};

fn ago(days: i64) -> Timestamp {
    system::now() - SignedDuration::from_hours(24 * days)
}

/// Returns the n-th attempt, started at this time, whose cost names it.
fn started(number: u32, at: Timestamp) -> Intent {
    let millis = u128::try_from(at.as_millisecond()).unwrap();
    let id = Uuid::from_u128((millis << 80) | (0x7000_8000 << 48) | u128::from(number));
    Intent {
        attempt: AttemptId(id),
        started_at: at,
        ..intent(1)
    }
}

fn add(store: &Store, number: u32, at: Timestamp) {
    let mut ended = outcome(1);
    ended.cost = NanoDollars::new(u64::from(number) + 1);
    record(store, started(number, at), ended);
}

/// Adds `count` attempts, spread evenly from `oldest` days ago for `days` days.
fn add_many(store: &Store, count: u32, oldest: i64, days: i64) {
    let step = SignedDuration::from_hours(24 * days) / i32::try_from(count).unwrap();
    for number in 0..count {
        add(
            store,
            number,
            ago(oldest) + step * i32::try_from(number).unwrap(),
        );
    }
    store.flush().unwrap();
}

fn usage(store: &Store, since: Option<i64>, until: Option<i64>) -> Vec<UsageRow> {
    let time = |at: Option<i64>| at.map(|at| Timestamp::from_microsecond(at).unwrap());
    store
        .usage(&UsageQuery {
            since: time(since),
            until: time(until),
            by: Grouping::Model,
        })
        .unwrap()
}

fn count(store: &Store) -> usize {
    store.ledger_entries(u32::MAX).unwrap().len()
}

/// Starts retention as if it had been announced eight days ago, and had last run yesterday.
fn start_announced(home: &TestHome, store: &Store) -> RetentionPlan {
    home.run_ledger_sql(&format!(
        "UPDATE meta SET retention_from = {}, retention_seen = {}",
        ago(1).as_microsecond(),
        ago(1).as_microsecond()
    ));
    store.start_retention(RULE, ago(1)).unwrap()
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let limit = Deadline::after(Duration::from_secs(20));
    while !condition() {
        assert!(limit.sleep(Duration::from_millis(20)), "{what}");
    }
}

#[test]
fn first_start_announces_and_deletes_nothing() {
    let home = TestHome::new();
    let store = home.serve();
    add_many(&store, 30, 100, 3);
    assert_eq!(store.retention_plan(RULE).unwrap(), None);
    let now = system::now();
    let plan = store.start_retention(RULE, now).unwrap();
    let week = SignedDuration::from_hours(7 * 24);
    let begins_at = (now + week).as_microsecond();
    assert_eq!(plan.begins_at.as_microsecond(), begins_at);
    assert_eq!((plan.attempts, plan.rollups), (30, 0));
    // A later start neither postpones it nor brings it forward.
    let later = store
        .start_retention(RULE, now + SignedDuration::from_hours(24))
        .unwrap();
    assert_eq!(later, plan);
    assert_eq!(home.open().retention_plan(RULE).unwrap(), Some(plan));
    // The thread has looked for something to delete more than once by then.
    std::thread::sleep(Duration::from_millis(300));
    store.flush().unwrap();
    assert_eq!(count(&store), 30);
}

/// ST-10: a clock that has jumped ahead since the last run deletes nothing at once, and announces it anew.
#[test]
fn jump_of_the_clock_deletes_nothing_at_once() {
    let home = TestHome::new();
    let store = home.serve();
    add_many(&store, 30, 100, 3);
    // To this store the present is ten years ahead.
    let long_ago = ago(3652).as_microsecond();
    home.run_ledger_sql(&format!(
        "UPDATE meta SET retention_from = {long_ago}, retention_seen = {long_ago}"
    ));
    let now = system::now();
    let plan = store.start_retention(RULE, now).unwrap();
    let week = SignedDuration::from_hours(7 * 24);
    assert_eq!(
        plan.begins_at.as_microsecond(),
        (now + week).as_microsecond()
    );
    assert_eq!(plan.attempts, 30);
    std::thread::sleep(Duration::from_millis(300));
    store.flush().unwrap();
    assert_eq!(count(&store), 30);
}

#[test]
fn old_attempts_are_deleted_and_their_sums_stay() {
    let home = TestHome::new();
    let command = home.open();
    let old_open = record_intent(&command, started(9999, ago(200))).unwrap();
    let store = home.serve();
    add_many(&store, 5000, 180, 100);
    let (all, before) = (usage(&store, None, None), count(&store));
    let kept = 5000 - start_announced(&home, &store).attempts;
    // More than two transactions can delete.
    wait_for("deletion", || count(&store) < before - 4490);
    std::thread::sleep(Duration::from_millis(300));
    let left = store.ledger_entries(u32::MAX).unwrap();
    // Between the plan's time, yesterday, and now another day has become too old.
    assert!(
        u64::try_from(left.len()).unwrap() <= kept + 1,
        "{} of {kept}",
        left.len()
    );
    let start = ago(90) - SignedDuration::from_mins(15);
    let open = left.iter().filter(|entry| entry.intent.started_at < start);
    let open: Vec<_> = open.map(|entry| entry.outcome.is_none()).collect();
    assert_eq!(open, [true], "only the open one is older");
    assert_eq!(usage(&store, None, None), all);
    store.verify().unwrap();
    drop(old_open);
}

/// A period counts the whole quarters that it touches where attempts were deleted.
#[test]
fn periods_without_attempts_count_whole_quarters() {
    let home = TestHome::new();
    let store = home.serve();
    add_many(&store, 600, 91, 2);
    let attempts = store.ledger_entries(u32::MAX).unwrap();
    start_announced(&home, &store);
    wait_for("deletion", || {
        details_from(&home) > 0 && count(&store) < 600
    });
    let edge = details_from(&home);
    let mut random = keyreeve_testkit::random::SeededRandom::seeded();
    let mut draw = || edge - 8 * QUARTER + i64::try_from(random.below(16 * 900_000_000)).unwrap();
    let mut deleted = 0;
    for _ in 0..60 {
        let (a, b) = (draw(), draw());
        let (since, until) = (a.min(b), a.max(b));
        let start = since
            - if since < edge {
                since.rem_euclid(QUARTER)
            } else {
                0
            };
        let end = until
            + if until < edge {
                (-until).rem_euclid(QUARTER)
            } else {
                0
            };
        let inside = attempts.iter().filter(|entry| {
            let at = entry.intent.started_at.as_microsecond();
            deleted += usize::from(at < edge && (start..end).contains(&at));
            (start..end).contains(&at)
        });
        let costs = inside.map(|entry| entry.outcome.as_ref().unwrap().cost.get());
        let expected: u64 = costs.sum();
        let rows = usage(&store, Some(since), Some(until));
        let found: u64 = rows.iter().map(|row| row.cost.get()).sum();
        assert_eq!(found, expected, "{since}..{until}, details from {edge}");
    }
    assert!(deleted > 0, "no period had deleted attempts");
}

/// Reads the start of the attempts that are kept.
fn details_from(home: &TestHome) -> i64 {
    rusqlite::Connection::open(home.ledger())
        .unwrap()
        .query_row("SELECT details_from FROM meta", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn freed_space_of_the_database_is_used_again() {
    let home = TestHome::new();
    let store = home.serve();
    add_many(&store, 4000, 100, 5);
    let size = || std::fs::metadata(home.ledger()).unwrap().len();
    start_announced(&home, &store);
    wait_for("deletion", || count(&store) == 0);
    drop(store);
    let before = size();
    let store = home.serve();
    add_many(&store, 3000, 5, 1);
    drop(store);
    assert!(size() <= before + before / 20, "{} after {before}", size());
}
