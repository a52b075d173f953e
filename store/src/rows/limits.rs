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
use rusqlite::{Connection, Row, named_params};
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
        "SELECT * FROM limits ORDER BY kind = 'pass-through', kind = 'claude-code', subject, class, name",
    )?;
    let limits = statement.query_map([], read_row)?;
    Ok(limits.collect::<rusqlite::Result<_>>()?)
}

/// Writes the limits that are newer than the stored ones.
pub(crate) fn write_all(
    connection: &Connection,
    observations: &[LimitObservation],
) -> rusqlite::Result<()> {
    for observation in observations {
        write(connection, observation)?;
    }
    for of_owner in observations.chunk_by(|observation, next| observation.owner == next.owner) {
        evict_owner(connection, &of_owner[0].owner)?;
    }
    evict_all(connection)
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
        "INSERT INTO limits (kind, subject, class, name, remaining, total, used, state, resets_at, observed_at)
         VALUES (:kind, :subject, :class, :name, :remaining, :total, :used, :state, :resets_at, :observed_at)
         ON CONFLICT DO UPDATE SET remaining = excluded.remaining, total = excluded.total, used = excluded.used,
             state = excluded.state, resets_at = excluded.resets_at, observed_at = excluded.observed_at
         WHERE excluded.observed_at NOT BETWEEN limits.observed_at - :max_skew AND limits.observed_at - 1",
    )?
    .execute(named_params! {
        ":kind": kind,
        ":subject": subject,
        ":class": observation.class.as_ref().map(ToString::to_string).unwrap_or_default(),
        ":name": limit.kind.to_string(),
        ":remaining": remaining,
        ":total": total,
        ":used": used,
        ":state": limit.state.as_ref().map(LimitState::as_str),
        ":resets_at": limit.resets_at.map(micros),
        ":observed_at": micros(limit.observed_at),
        ":max_skew": MAX_CLOCK_SKEW,
    })?;
    Ok(())
}

/// Deletes the oldest limits of an owner beyond [`MAX_PER_OWNER`].
fn evict_owner(connection: &Connection, owner: &LimitOwner) -> rusqlite::Result<()> {
    let (kind, subject) = owner_columns(owner);
    connection
        .prepare_cached(
            "DELETE FROM limits WHERE (kind, subject) = (?1, ?2) AND (class, name) IN (
             SELECT class, name FROM limits WHERE (kind, subject) = (?1, ?2)
             ORDER BY observed_at DESC LIMIT -1 OFFSET ?3)",
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
            "DELETE FROM limits WHERE (kind, subject, class, name) IN (
                 SELECT kind, subject, class, name FROM limits ORDER BY observed_at DESC LIMIT -1 OFFSET ?1)",
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
            kind: from_str(row, "name")?,
            usage: read_usage(row)?,
            state: optional(row, "state", |row, column| {
                parsed(row, column, |word| LimitState::parse(word).ok())
            })?,
            resets_at: optional(row, "resets_at", timestamp)?,
            observed_at: timestamp(row, "observed_at")?,
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
