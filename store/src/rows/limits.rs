//! Rows of limits: the last observed limits of each owner (column `subject`).
//!
//! Invariants: a later observation replaces an earlier one, in whatever order they are written, unless a clock was
//! ahead; an owner has at most [`MAX_PER_OWNER`] limits and all owners together at most [`MAX_LIMITS`], since their
//! names come from outside: the oldest are evicted. A profile that was removed, or got another secret, has none.

use keyreeve_core::limits::{
    Fraction, Limit, LimitObservation, LimitOwner, LimitState, LimitUsage,
};
use keyreeve_core::profile::ProfileId;
use keyreeve_core::virtual_key::KeyId;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, TransactionBehavior, named_params};
use uuid::Uuid;

use crate::Result;
use crate::sql_types::{
    column_error, count, from_non_empty, from_str, micros, optional, parsed, sql_integer, timestamp,
};

/// Maximum number of limits of one owner.
const MAX_PER_OWNER: i64 = 64;

/// Maximum clock skew, in microseconds: one hour. A stored limit that is newer than an observation by more than this
/// was written by a clock that was ahead, and is replaced.
const MAX_CLOCK_SKEW: i64 = 3_600_000_000;

/// Maximum number of limits of all owners.
const MAX_LIMITS: i64 = 4096;

/// Reads all limits, in the order of [`Store::limits`](crate::Store::limits).
pub(crate) fn read_all(connection: &Connection) -> Result<Vec<LimitObservation>> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM limits ORDER BY kind = 'pass-through', kind = 'claude-code', subject, class, which",
    )?;
    let limits = statement.query_map([], read_row)?;
    Ok(limits.collect::<rusqlite::Result<_>>()?)
}

/// Writes the limits that are newer than the stored ones.
pub(crate) fn write_all(
    connection: &mut Connection,
    observations: &[LimitObservation],
) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for observation in observations {
        write(&transaction, observation)?;
    }
    for of_owner in observations.chunk_by(|observation, next| observation.owner == next.owner) {
        evict_owner(&transaction, &of_owner[0].owner)?;
    }
    evict_all(&transaction)?;
    transaction.commit()?;
    Ok(())
}

/// Deletes the limits of a profile.
pub(crate) fn delete_profile(connection: &Connection, profile: ProfileId) -> rusqlite::Result<()> {
    let (kind, subject) = owner_columns(&LimitOwner::Profile(profile));
    connection.execute(
        "DELETE FROM limits WHERE (kind, subject) = (?1, ?2)",
        (kind, subject),
    )?;
    Ok(())
}

fn write(connection: &Connection, observation: &LimitObservation) -> rusqlite::Result<()> {
    if let LimitOwner::Profile(id) = &observation.owner
        && !profile_exists(connection, *id)?
    {
        return Ok(());
    }
    let limit = &observation.limit;
    let (kind, subject) = owner_columns(&observation.owner);
    let (remaining, total, used) = match limit.usage {
        None => (None, None, None),
        Some(LimitUsage::Remaining { remaining, limit }) => {
            (Some(sql_integer(remaining)), limit.map(sql_integer), None)
        }
        Some(LimitUsage::Used(fraction)) => (None, None, Some(fraction.millionths())),
    };
    connection.prepare_cached(
        "INSERT INTO limits (kind, subject, class, which, remaining, total, used, state, resets_at, seen_at)
         VALUES (:kind, :subject, :class, :which, :remaining, :total, :used, :state, :resets_at, :seen_at)
         ON CONFLICT DO UPDATE SET remaining = excluded.remaining, total = excluded.total, used = excluded.used,
             state = excluded.state, resets_at = excluded.resets_at, seen_at = excluded.seen_at
         WHERE excluded.seen_at NOT BETWEEN limits.seen_at - :max_skew AND limits.seen_at - 1",
    )?
    .execute(named_params! {
        ":kind": kind,
        ":subject": subject,
        ":class": observation.class.as_ref().map(ToString::to_string).unwrap_or_default(),
        ":which": limit.kind.to_string(),
        ":remaining": remaining,
        ":total": total,
        ":used": used,
        ":state": limit.state.as_ref().map(LimitState::as_str),
        ":resets_at": limit.resets_at.map(micros),
        ":seen_at": micros(limit.observed_at),
        ":max_skew": MAX_CLOCK_SKEW,
    })?;
    Ok(())
}

fn profile_exists(connection: &Connection, profile: ProfileId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM profiles WHERE id = ?1 AND removed = 0")?
        .exists([profile.0.into_bytes()])
}

/// Deletes the oldest limits of an owner beyond [`MAX_PER_OWNER`].
fn evict_owner(connection: &Connection, owner: &LimitOwner) -> rusqlite::Result<()> {
    let (kind, subject) = owner_columns(owner);
    connection
        .prepare_cached(
            "DELETE FROM limits WHERE (kind, subject) = (?1, ?2) AND (class, which) IN (
             SELECT class, which FROM limits WHERE (kind, subject) = (?1, ?2)
             ORDER BY seen_at DESC LIMIT -1 OFFSET ?3)",
        )?
        .execute((kind, subject, MAX_PER_OWNER))?;
    Ok(())
}

/// Deletes the oldest limits of all owners beyond [`MAX_LIMITS`].
fn evict_all(connection: &Connection) -> rusqlite::Result<()> {
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM limits")?
        .query_row([], |row| row.get(0))?;
    if count > MAX_LIMITS {
        connection.prepare_cached(
            "DELETE FROM limits WHERE (kind, subject, class, which) IN (
                 SELECT kind, subject, class, which FROM limits ORDER BY seen_at DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([MAX_LIMITS])?;
    }
    Ok(())
}

/// Returns the columns `kind` and `subject` of an owner.
fn owner_columns(owner: &LimitOwner) -> (&'static str, String) {
    match owner {
        LimitOwner::Profile(id) => ("profile", id.to_string()),
        LimitOwner::ClaudeCode { config_dir } => {
            ("claude-code", config_dir.clone().unwrap_or_default())
        }
        LimitOwner::PassThrough(id) => ("pass-through", id.0.simple().to_string()),
    }
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<LimitObservation> {
    Ok(LimitObservation {
        owner: read_owner(row)?,
        class: from_non_empty(row, "class")?,
        limit: Limit {
            kind: from_str(row, "which")?,
            usage: read_usage(row)?,
            state: optional(row, "state", |row, column| {
                parsed(row, column, |word| LimitState::parse(word).ok())
            })?,
            resets_at: optional(row, "resets_at", timestamp)?,
            observed_at: timestamp(row, "seen_at")?,
        },
    })
}

fn read_owner(row: &Row<'_>) -> rusqlite::Result<LimitOwner> {
    let id = || parsed(row, "subject", |text| Uuid::try_parse(text).ok());
    let kind: String = row.get("kind")?;
    Ok(match kind.as_str() {
        "profile" => LimitOwner::Profile(ProfileId(id()?)),
        "pass-through" => LimitOwner::PassThrough(KeyId(id()?)),
        "claude-code" => LimitOwner::ClaudeCode {
            config_dir: Some(row.get("subject")?).filter(|dir: &String| !dir.is_empty()),
        },
        _ => return Err(column_error("kind", Type::Text)),
    })
}

fn read_usage(row: &Row<'_>) -> rusqlite::Result<Option<LimitUsage>> {
    if let Some(used) = row.get::<_, Option<u32>>("used")? {
        let fraction =
            Fraction::from_millionths(used).ok_or_else(|| column_error("used", Type::Integer))?;
        return Ok(Some(LimitUsage::Used(fraction)));
    }
    optional(row, "remaining", |row, column| {
        Ok(LimitUsage::Remaining {
            remaining: count(row, column)?,
            limit: optional(row, "total", count)?,
        })
    })
}
