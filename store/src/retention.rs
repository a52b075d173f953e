//! Retention: a serving process deletes old attempts, and later their sums, in small transactions.
//!
//! Invariants: the first start only announces, and so does the first run after the clock jumped; an open attempt is
//! never deleted; a sum outlives its attempts; `meta.details_from` is moved before an attempt is deleted, so that `usage`
//! counts it once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keyreeve_os::deadline::Deadline;
use keyreeve_os::system;
use rusqlite::{Connection, OptionalExtension as _};

use crate::Result;
use crate::ledger_connection::{LedgerConnection, SyncMode};
use crate::rows::attempts::RowId;
use crate::rows::rollups::QUARTER_MICROS;
use crate::sql_types::micros;

/// Time between the announcement and the first deletion.
const NOTICE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Maximum time between two runs by the machine's clock. A longer one may be a clock that is wrong, which a new notice
/// gives time to be set right.
const MAX_GAP: SignedDuration = NOTICE;

/// Time between two searches for rows to delete.
const INTERVAL: Duration = Duration::from_hours(1);

/// Maximum number of rows that one transaction deletes. Folds and other work run between two of them.
const MAX_DELETED: i64 = 2000;

/// The number of days that the ledger is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Days that single attempts are kept.
    pub detail_days: u32,
    /// Days that sums are kept; at least as long as attempts, whatever is set.
    pub rollup_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            detail_days: 90,
            rollup_days: 400,
        }
    }
}

/// The first deletion of retention: its time and its extent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetentionPlan {
    /// The first deletion; nothing is deleted before it.
    pub begins_at: Timestamp,
    /// Number of attempts that will be too old then.
    pub attempts: u64,
    /// Number of sums that will be too old then.
    pub rollups: u64,
}

/// The oldest quarters of an hour that are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Kept {
    details: i64,
    rollups: i64,
}

impl Retention {
    /// Returns what is kept at a time. Quarters are kept or deleted whole, so that sums replace attempts exactly.
    fn kept(self, now: Timestamp) -> Kept {
        let first = |days: u32| {
            let age = SignedDuration::from_hours(24 * i64::from(days));
            micros(now.saturating_sub(age).unwrap_or(Timestamp::MIN)).div_euclid(QUARTER_MICROS)
        };
        let details = first(self.detail_days);
        Kept {
            details,
            rollups: first(self.rollup_days).min(details),
        }
    }
}

impl Kept {
    /// Returns the start of the attempts that are kept, in microseconds.
    fn details_from(self) -> i64 {
        self.details.saturating_mul(QUARTER_MICROS)
    }

    /// Returns the id of the first attempt that is kept.
    fn first_attempt(self) -> i64 {
        RowId::first_in(self.details_from()).0
    }
}

/// The times that a store keeps of its retention.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Schedule {
    /// The first deletion; nothing is deleted before it.
    begins_at: Timestamp,
    /// The last run.
    seen_at: Timestamp,
}

impl Schedule {
    /// Returns the schedule of a run at this time. Deletion begins after a notice at the first run, and again when the
    /// clock has jumped, in either direction, since the last one.
    fn at(now: Timestamp, last: Option<Self>) -> Self {
        let known = last.filter(|last| now.duration_since(last.seen_at).abs() <= MAX_GAP);
        let notice_end = || now.saturating_add(NOTICE).unwrap_or(Timestamp::MAX);
        Self {
            begins_at: known.map_or_else(notice_end, |last| last.begins_at),
            seen_at: now,
        }
    }

    /// Reads the schedule, if there was a run.
    fn read(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        let times: Option<(Option<i64>, Option<i64>)> = connection
            .query_row(
                "SELECT retention_from, retention_seen FROM meta",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let time = |at: Option<i64>| Timestamp::from_microsecond(at?).ok();
        let (begins_at, seen_at) = times.unwrap_or_default();
        Ok(time(begins_at).map(|begins_at| Self {
            begins_at,
            // A version that did not keep it announced retention a week before.
            seen_at: time(seen_at)
                .or_else(|| begins_at.saturating_sub(NOTICE).ok())
                .unwrap_or(begins_at),
        }))
    }

    /// Writes the schedule of a run at this time, and returns it as it is read.
    fn update(connection: &Connection, now: Timestamp) -> rusqlite::Result<Self> {
        let schedule = Self::at(now, Self::read(connection)?);
        connection.execute(
            "UPDATE meta SET retention_from = ?1, retention_seen = ?2",
            (micros(schedule.begins_at), micros(schedule.seen_at)),
        )?;
        Ok(Self::read(connection)?.unwrap_or(schedule))
    }
}

/// Announces retention: the first call decides when deletion begins, a week after `now`, and so does one after the clock
/// has jumped.
pub(crate) fn announce(
    connection: &Connection,
    retention: Retention,
    now: Timestamp,
) -> rusqlite::Result<RetentionPlan> {
    let schedule = Schedule::update(connection, now)?;
    plan(connection, retention, schedule.begins_at)
}

/// Reads the plan, if it was announced.
pub(crate) fn announced_plan(
    connection: &Connection,
    retention: Retention,
) -> rusqlite::Result<Option<RetentionPlan>> {
    Schedule::read(connection)?
        .map(|schedule| plan(connection, retention, schedule.begins_at))
        .transpose()
}

fn plan(
    connection: &Connection,
    retention: Retention,
    begins_at: Timestamp,
) -> rusqlite::Result<RetentionPlan> {
    let kept = retention.kept(begins_at);
    let count = |sql, before: i64| connection.query_row(sql, [before], |row| row.get::<_, i64>(0));
    let attempts = count(
        "SELECT count(*) FROM attempts WHERE id < ?1 AND ending IS NOT NULL",
        kept.first_attempt(),
    )?;
    let rollups = count(
        "SELECT count(*) FROM rollups WHERE quarter < ?1",
        kept.rollups,
    )?;
    Ok(RetentionPlan {
        begins_at,
        attempts: attempts.unsigned_abs(),
        rollups: rollups.unsigned_abs(),
    })
}

/// The deletions of a serving process, made between its folds.
pub(crate) struct RetentionTimer {
    next: Deadline,
}

impl RetentionTimer {
    pub(crate) fn new() -> Self {
        Self {
            next: Deadline::after(Duration::ZERO),
        }
    }

    /// Deletes at most one transaction's rows, if some are due. Returns `true` if there are more.
    pub(crate) fn tick(&mut self, connection: &mut LedgerConnection, retention: Retention) -> bool {
        if self.next.remaining().is_some() {
            return false;
        }
        // A failure costs only space: it is tried again later. One of the disk is the fold's, too, which reports it.
        let has_more = delete_some(connection, retention, system::now()).unwrap_or_default();
        if !has_more {
            self.next = Deadline::after(INTERVAL);
        }
        has_more
    }
}

/// Deletes the rows of one transaction. Returns `true` if there may be more.
fn delete_some(
    connection: &mut LedgerConnection,
    retention: Retention,
    now: Timestamp,
) -> Result<bool> {
    connection.write(SyncMode::Later, |transaction| {
        if now < Schedule::update(transaction, now)?.begins_at {
            return Ok(false);
        }
        let kept = retention.kept(now);
        transaction.execute(
            "UPDATE meta SET details_from = ?1 WHERE details_from < ?1",
            [kept.details_from()],
        )?;
        let deleted = transaction.execute(
            "DELETE FROM attempts WHERE id IN
             (SELECT id FROM attempts WHERE id < ?1 AND ending IS NOT NULL ORDER BY id LIMIT ?2)",
            (kept.first_attempt(), MAX_DELETED),
        )?;
        let left = MAX_DELETED - i64::try_from(deleted).unwrap_or(MAX_DELETED);
        if left == 0 {
            return Ok(true);
        }
        let rollups = transaction.execute(
            "DELETE FROM rollups WHERE (quarter, key, profile, model) IN
             (SELECT quarter, key, profile, model FROM rollups WHERE quarter < ?1 LIMIT ?2)",
            (kept.rollups, left),
        )?;
        Ok(i64::try_from(rollups).is_ok_and(|rollups| rollups == left))
    })
}

/// Reads the start of the attempts that are kept, in microseconds.
pub(crate) fn details_from(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT details_from FROM meta", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(detail_days: u32, rollup_days: u32) -> Retention {
        Retention {
            detail_days,
            rollup_days,
        }
    }

    fn schedule(begins_at: &str, seen_at: &str) -> Schedule {
        Schedule {
            begins_at: begins_at.parse().unwrap(),
            seen_at: seen_at.parse().unwrap(),
        }
    }

    /// ST-10: a run after the clock has jumped announces instead of deleting.
    #[test]
    fn jump_of_the_clock_begins_a_new_notice() {
        let last = schedule("2026-06-08T00:00:00Z", "2026-12-01T00:00:00Z");
        for (now, begins_at) in [
            ("2026-12-01T01:00:00Z", "2026-06-08T00:00:00Z"),
            ("2026-12-08T00:00:00Z", "2026-06-08T00:00:00Z"),
            ("2026-12-08T00:00:01Z", "2026-12-15T00:00:01Z"),
            ("2036-12-01T00:00:00Z", "2036-12-08T00:00:00Z"),
            ("2026-11-24T00:00:00Z", "2026-06-08T00:00:00Z"),
            ("1970-01-01T00:00:00Z", "1970-01-08T00:00:00Z"),
        ] {
            let next = Schedule::at(now.parse().unwrap(), Some(last));
            assert_eq!(next, schedule(begins_at, now), "{now}");
        }
        let first = Schedule::at("2026-12-01T00:00:00Z".parse().unwrap(), None);
        assert_eq!(
            first,
            schedule("2026-12-08T00:00:00Z", "2026-12-01T00:00:00Z")
        );
        let far = Schedule::at(Timestamp::MAX, Some(last));
        assert_eq!(far.begins_at, Timestamp::MAX);
    }

    /// ST-10: a clock that is ten years ahead for some days and then set right deletes nothing.
    #[test]
    fn wrong_clock_for_some_days_deletes_nothing() {
        let mut schedule = schedule("2026-06-08T00:00:00Z", "2026-12-01T00:00:00Z");
        let (right, day) = (schedule.seen_at, SignedDuration::from_hours(24));
        let wrong = right + day * 3652;
        for hour in 0..24 * 6 {
            let now = wrong + SignedDuration::from_hours(hour);
            schedule = Schedule::at(now, Some(schedule));
            assert!(now < schedule.begins_at, "{now}");
        }
        let corrected = right + day * 6;
        schedule = Schedule::at(corrected, Some(schedule));
        assert_eq!(schedule.begins_at, corrected + NOTICE);
    }

    #[test]
    fn whole_quarters_are_kept() {
        let now: Timestamp = "2026-12-01T10:14:59.999999Z".parse().unwrap();
        let kept = days(1, 2).kept(now);
        let at = |text: &str| micros(text.parse().unwrap());
        assert_eq!(kept.details_from(), at("2026-11-30T10:00:00Z"));
        let rollups_from = kept.rollups * QUARTER_MICROS;
        assert_eq!(rollups_from, at("2026-11-29T10:00:00Z"));
    }

    #[test]
    fn sums_are_kept_as_long_as_attempts() {
        let now: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        let kept = days(90, 1).kept(now);
        assert_eq!(kept.rollups, kept.details);
        // Days that no calendar has keep everything.
        let kept = days(u32::MAX, u32::MAX).kept(now);
        assert!(kept.details_from() <= micros(Timestamp::MIN));
    }
}
