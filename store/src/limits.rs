//! Limits as they were told last, of each subject.
//!
//! Invariants: what was told later stands, in whatever order it is written, unless a clock was ahead; a subject has no more than [`MOST`] limits
//! and all together no more than [`MOST_OF_ALL`], since the names in them come from outside: the oldest go. A profile
//! that is removed, or has another secret, has none.

use keyreeve_core::limits::{Amount, Limit, Seen, Share, State, Subject};
use keyreeve_core::profile::ProfileId;
use keyreeve_core::standing::RequestClass;
use keyreeve_core::virtual_key::KeyId;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, TransactionBehavior, named_params};
use uuid::Uuid;

use crate::columns::{count, instant, maybe_instant, micros, number, parsed, unreadable};
use crate::{Result, Store};

/// How many limits of one subject are kept.
const MOST: i64 = 64;
/// What stands more than this after what is told now was told by a clock that was ahead, and gives way: an hour, in
/// microseconds.
const AHEAD: i64 = 3_600_000_000;
/// How many are kept of all subjects.
const MOST_OF_ALL: i64 = 4096;

impl Store {
    /// Remembers limits and waits until they are committed.
    ///
    /// # Errors
    /// When they cannot be committed.
    pub fn keep_limits(&self, seen: Vec<Seen>) -> Result<()> {
        self.writer.apart(move |connection| keep(connection, &seen))
    }

    /// The same without waiting: they ride the next batch of the ledger, and are committed before the store is closed.
    /// What cannot be written is dropped: the next answer tells it again.
    pub fn queue_limits(&self, seen: Vec<Seen>) {
        if !seen.is_empty() {
            self.writer.limits(seen);
        }
    }

    /// Every limit that is remembered: by kind of subject, subject, class and name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn limits(&self) -> Result<Vec<Seen>> {
        read_all(&self.reader().connection)
    }
}

/// Reads all, in the order of [`Store::limits`].
pub(crate) fn read_all(from: &Connection) -> Result<Vec<Seen>> {
    let mut statement = from.prepare_cached(
        "SELECT * FROM limits ORDER BY kind = 'pass-through', kind = 'claude-code', subject, class, which",
    )?;
    let limits = statement.query_map([], read_row)?;
    Ok(limits.collect::<rusqlite::Result<_>>()?)
}

/// Writes what is newer than what is there.
pub(crate) fn keep(connection: &mut Connection, seen: &[Seen]) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for one in seen {
        write(&transaction, one)?;
    }
    for of_one in seen.chunk_by(|one, next| one.subject == next.subject) {
        bound(&transaction, &of_one[0].subject)?;
    }
    bound_all(&transaction)?;
    transaction.commit()?;
    Ok(())
}

/// Forgets what was told of a profile.
pub(crate) fn forget(to: &Connection, profile: ProfileId) -> rusqlite::Result<()> {
    let (kind, subject) = columns(&Subject::Profile(profile));
    to.execute(
        "DELETE FROM limits WHERE (kind, subject) = (?1, ?2)",
        (kind, subject),
    )?;
    Ok(())
}

fn write(to: &Connection, seen: &Seen) -> rusqlite::Result<()> {
    if let Subject::Profile(id) = &seen.subject
        && !is_living(to, *id)?
    {
        return Ok(());
    }
    let limit = &seen.limit;
    let (kind, subject) = columns(&seen.subject);
    let (remaining, total, used) = match limit.amount {
        None => (None, None, None),
        Some(Amount::Left { remaining, limit }) => {
            (Some(number(remaining)), limit.map(number), None)
        }
        Some(Amount::Used(share)) => (None, None, Some(share.millionths())),
    };
    to.prepare_cached(
        "INSERT INTO limits (kind, subject, class, which, remaining, total, used, state, resets_at, seen_at)
         VALUES (:kind, :subject, :class, :which, :remaining, :total, :used, :state, :resets_at, :seen_at)
         ON CONFLICT DO UPDATE SET remaining = excluded.remaining, total = excluded.total, used = excluded.used,
             state = excluded.state, resets_at = excluded.resets_at, seen_at = excluded.seen_at
         WHERE excluded.seen_at NOT BETWEEN limits.seen_at - :ahead AND limits.seen_at - 1",
    )?
    .execute(named_params! {
        ":kind": kind,
        ":subject": subject,
        ":class": seen.class.as_ref().map(ToString::to_string).unwrap_or_default(),
        ":which": limit.which.to_string(),
        ":remaining": remaining,
        ":total": total,
        ":used": used,
        ":state": limit.state.as_ref().map(State::word),
        ":resets_at": limit.resets_at.map(micros),
        ":seen_at": micros(limit.seen_at),
        ":ahead": AHEAD,
    })?;
    Ok(())
}

fn is_living(connection: &Connection, profile: ProfileId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM profiles WHERE id = ?1 AND removed = 0")?
        .exists([profile.0.into_bytes()])
}

/// Forgets the oldest limits of a subject beyond [`MOST`].
fn bound(to: &Connection, subject: &Subject) -> rusqlite::Result<()> {
    let (kind, subject) = columns(subject);
    to.prepare_cached(
        "DELETE FROM limits WHERE (kind, subject) = (?1, ?2) AND (class, which) IN (
             SELECT class, which FROM limits WHERE (kind, subject) = (?1, ?2)
             ORDER BY seen_at DESC LIMIT -1 OFFSET ?3)",
    )?
    .execute((kind, subject, MOST))?;
    Ok(())
}

/// The same of all, beyond [`MOST_OF_ALL`].
fn bound_all(to: &Connection) -> rusqlite::Result<()> {
    let count: i64 = to
        .prepare_cached("SELECT count(*) FROM limits")?
        .query_row([], |row| row.get(0))?;
    if count > MOST_OF_ALL {
        to.prepare_cached(
            "DELETE FROM limits WHERE (kind, subject, class, which) IN (
                 SELECT kind, subject, class, which FROM limits ORDER BY seen_at DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([MOST_OF_ALL])?;
    }
    Ok(())
}

/// A subject as the columns `kind` and `subject` have it.
fn columns(subject: &Subject) -> (&'static str, String) {
    match subject {
        Subject::Profile(id) => ("profile", id.to_string()),
        Subject::ClaudeCode { config_dir } => {
            ("claude-code", config_dir.clone().unwrap_or_default())
        }
        Subject::PassThrough(id) => ("pass-through", id.0.simple().to_string()),
    }
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Seen> {
    let class: String = row.get("class")?;
    let class = match class.as_str() {
        "" => None,
        class => Some(read_class(class)?),
    };
    Ok(Seen {
        subject: read_subject(row)?,
        class,
        limit: Limit {
            which: parsed(row, "which", |text| text.parse().ok())?,
            amount: read_amount(row)?,
            state: match row.get::<_, Option<String>>("state")? {
                None => None,
                Some(_) => Some(parsed(row, "state", |word| State::of(word).ok())?),
            },
            resets_at: maybe_instant(row, "resets_at")?,
            seen_at: instant(row, "seen_at")?,
        },
    })
}

fn read_class(class: &str) -> rusqlite::Result<RequestClass> {
    class.parse().map_err(|_| unreadable("class", Type::Text))
}

fn read_subject(row: &Row<'_>) -> rusqlite::Result<Subject> {
    let id = || parsed(row, "subject", |text| Uuid::try_parse(text).ok());
    let kind: String = row.get("kind")?;
    Ok(match kind.as_str() {
        "profile" => Subject::Profile(ProfileId(id()?)),
        "pass-through" => Subject::PassThrough(KeyId(id()?)),
        "claude-code" => Subject::ClaudeCode {
            config_dir: Some(row.get("subject")?).filter(|dir: &String| !dir.is_empty()),
        },
        _ => return Err(unreadable("kind", Type::Text)),
    })
}

fn read_amount(row: &Row<'_>) -> rusqlite::Result<Option<Amount>> {
    if let Some(used) = row.get::<_, Option<u32>>("used")? {
        let share = Share::of_millionths(used).ok_or_else(|| unreadable("used", Type::Integer))?;
        return Ok(Some(Amount::Used(share)));
    }
    if row.get::<_, Option<i64>>("remaining")?.is_none() {
        return Ok(None);
    }
    let limit = match row.get::<_, Option<i64>>("total")? {
        None => None,
        Some(_) => Some(count(row, "total")?),
    };
    Ok(Some(Amount::Left {
        remaining: count(row, "remaining")?,
        limit,
    }))
}
