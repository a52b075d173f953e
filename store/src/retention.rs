//! Retention: a serving process deletes old attempts, and later their sums, in small transactions.
//!
//! Invariants: the first start only announces; an open attempt is never deleted; a sum outlives its attempts;
//! `meta.details_from` is moved before an attempt is deleted, so that `usage` counts it once.

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

/// Announces retention: the first call decides when deletion begins, a week after `now`.
pub(crate) fn announce(
    connection: &Connection,
    retention: Retention,
    now: Timestamp,
) -> rusqlite::Result<RetentionPlan> {
    let begins_at = begin(connection, now)?;
    plan(connection, retention, begins_at)
}

/// Reads the plan, if it was announced.
pub(crate) fn announced_plan(
    connection: &Connection,
    retention: Retention,
) -> rusqlite::Result<Option<RetentionPlan>> {
    announced(connection)?
        .map(|begins_at| plan(connection, retention, begins_at))
        .transpose()
}

/// Returns the first deletion, if it was announced.
fn announced(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let at: Option<i64> = connection
        .query_row("SELECT retention_from FROM meta", [], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(at.and_then(|at| Timestamp::from_microsecond(at).ok()))
}

/// Returns the first deletion; the first call decides it.
fn begin(connection: &Connection, now: Timestamp) -> rusqlite::Result<Timestamp> {
    if let Some(begins_at) = announced(connection)? {
        return Ok(begins_at);
    }
    let begins_at = now.saturating_add(NOTICE).unwrap_or(Timestamp::MAX);
    connection.execute("UPDATE meta SET retention_from = ?1", [micros(begins_at)])?;
    // As it is read back: in whole microseconds.
    Ok(announced(connection)?.unwrap_or(begins_at))
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
        if announced(transaction)?.is_none_or(|begins_at| now < begins_at) {
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
