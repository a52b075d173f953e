//! Rows of attempts.
//!
//! Invariants: the row's id is the start of the attempt and a number that makes it unique; a closed row never changes
//! again.

use std::ops::Range;

use jiff::Timestamp;
use keyreeve_core::money::NanoDollars;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::usage::TokenCounts;
use keyreeve_core::virtual_key::KeyId;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, named_params, params};

use crate::entries::{AttemptId, Ending, EntryOutcome, Intent, RequestId};
use crate::sql_enum::SqlEnum;
use crate::sql_types::{
    column_error, count, micros, optional, sql_enum, sql_integer, timestamp, uuid,
};

/// The id of a row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct RowId(pub(crate) i64);

impl RowId {
    /// Number of ids for attempts that start in the same microsecond.
    const PER_MICRO: i64 = 64;
    /// The latest start that fits: a clock in the year 6500 is wrong.
    const MAX_MICROS: i64 = i64::MAX / Self::PER_MICRO - 1;

    /// Returns the first id of attempts that start at or after this time.
    pub(crate) fn first_at(at: Timestamp) -> Self {
        Self::first_in(micros(at))
    }

    /// Returns the first id of attempts that start in or after this microsecond.
    pub(crate) fn first_in(micros: i64) -> Self {
        Self(micros.clamp(-Self::MAX_MICROS, Self::MAX_MICROS) * Self::PER_MICRO)
    }
}

/// An intent with its outcome, or `None` while the entry is open.
pub(crate) type Attempt = (Intent, Option<EntryOutcome>);

const INSERT: &str = "INSERT INTO attempts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
    ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35) ON CONFLICT DO NOTHING";

/// Inserts an open or a closed entry and returns its id.
pub(crate) fn insert(
    connection: &Connection,
    intent: &Intent,
    outcome: Option<&EntryOutcome>,
) -> rusqlite::Result<RowId> {
    let mut statement = connection.prepare_cached(INSERT)?;
    let mut id = RowId::first_at(intent.started_at);
    let tokens = outcome.map(|outcome| outcome.tokens).unwrap_or_default();
    let sum = |count: Option<u64>| count.map_or(0, sql_integer);
    // By position: names would be looked up for each row.
    while statement.execute(params![
        id.0,
        intent.attempt.0.as_bytes(),
        intent.request.0.as_bytes(),
        intent.operation.word(),
        intent.key.0.as_bytes(),
        intent.profile.0.as_bytes(),
        intent.number,
        intent.reason.word(),
        intent.session,
        intent.model_requested,
        intent.stream,
        intent.request_hash,
        sql_integer(intent.request_bytes),
        sql_integer(intent.reserved.get()),
        intent.simulated,
        outcome.map(|outcome| outcome.ending.word()),
        outcome.map(|outcome| micros(outcome.ended_at)),
        outcome.and_then(|outcome| outcome.status),
        outcome.and_then(|outcome| outcome.verdict.as_deref()),
        outcome.and_then(|outcome| outcome.upstream_request_id.as_deref()),
        outcome.and_then(|outcome| outcome.model_served.as_deref()),
        sql_integer(tokens.input),
        sql_integer(tokens.output),
        sql_integer(tokens.cache_read),
        sql_integer(tokens.write_5m),
        sql_integer(tokens.write_1h),
        sum(outcome.map(|outcome| outcome.web_searches)),
        outcome.map(|outcome| sql_integer(outcome.cost.get())),
        outcome.and_then(|outcome| outcome.basis).map(SqlEnum::word),
        outcome.and_then(|outcome| outcome.prices_as_of.as_deref()),
        outcome
            .and_then(|outcome| outcome.first_byte_micros)
            .map(sql_integer),
        outcome
            .and_then(|outcome| outcome.duration_micros)
            .map(sql_integer),
        outcome.and_then(|outcome| outcome.response_hash),
        sum(outcome.map(|outcome| outcome.response_bytes)),
        outcome.and_then(|outcome| outcome.cache_edit.as_deref()),
    ])? == 0
    {
        id.0 += 1;
    }
    Ok(id)
}

/// Closes an open entry; any other is unchanged. Returns `true` if it was open.
pub(crate) fn close(
    connection: &Connection,
    id: RowId,
    outcome: &EntryOutcome,
) -> rusqlite::Result<bool> {
    let closed = connection
        .prepare_cached(
            "UPDATE attempts SET
             ending = :ending, ended_at = :ended_at, status = :status, verdict = :verdict,
             upstream_request_id = :upstream_request_id, model_served = :model_served,
             input = :input, output = :output, cache_read = :cache_read,
             write_5m = :write_5m, write_1h = :write_1h, web_searches = :web_searches,
             cost = :cost, basis = :basis, prices_as_of = :prices_as_of,
             first_byte_micros = :first_byte_micros, duration_micros = :duration_micros,
             response_hash = :response_hash, response_bytes = :response_bytes, cache_edit = :cache_edit
         WHERE id = :id AND ending IS NULL",
        )?
        .execute(named_params! {
            ":id": id.0,
            ":ending": outcome.ending.word(),
            ":ended_at": micros(outcome.ended_at),
            ":status": outcome.status,
            ":verdict": outcome.verdict,
            ":upstream_request_id": outcome.upstream_request_id,
            ":model_served": outcome.model_served,
            ":input": sql_integer(outcome.tokens.input),
            ":output": sql_integer(outcome.tokens.output),
            ":cache_read": sql_integer(outcome.tokens.cache_read),
            ":write_5m": sql_integer(outcome.tokens.write_5m),
            ":write_1h": sql_integer(outcome.tokens.write_1h),
            ":web_searches": sql_integer(outcome.web_searches),
            ":cost": sql_integer(outcome.cost.get()),
            ":basis": outcome.basis.map(SqlEnum::word),
            ":prices_as_of": outcome.prices_as_of,
            ":first_byte_micros": outcome.first_byte_micros.map(sql_integer),
            ":duration_micros": outcome.duration_micros.map(sql_integer),
            ":response_hash": outcome.response_hash,
            ":response_bytes": sql_integer(outcome.response_bytes),
            ":cache_edit": outcome.cache_edit,
        })?;
    Ok(closed > 0)
}

/// Reads the open entries.
pub(crate) fn read_open(connection: &Connection) -> rusqlite::Result<Vec<(RowId, Intent)>> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM attempts WHERE ending IS NULL ORDER BY id")?;
    let rows = statement.query_map([], |row| Ok((RowId(row.get("id")?), read_intent(row)?)))?;
    rows.collect()
}

/// Reads the newest entries, newest first.
pub(crate) fn read_newest(connection: &Connection, limit: u32) -> rusqlite::Result<Vec<Attempt>> {
    let mut statement = connection.prepare("SELECT * FROM attempts ORDER BY id DESC LIMIT ?1")?;
    let rows = statement.query_map([limit], read_row)?;
    rows.collect()
}

/// Reads entries with a greater id than `after`, at most `limit`, in the order of their ids.
pub(crate) fn read_after(
    connection: &Connection,
    after: i64,
    limit: i64,
) -> rusqlite::Result<Vec<(RowId, Attempt)>> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM attempts WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let rows = statement.query_map([after, limit], |row| {
        Ok((RowId(row.get("id")?), read_row(row)?))
    })?;
    rows.collect()
}

/// Calls `visit` for each closed entry that started in this period, in microseconds.
pub(crate) fn visit_closed(
    connection: &Connection,
    period: &Range<i64>,
    mut visit: impl FnMut(&Intent, &EntryOutcome),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM attempts WHERE id >= ?1 AND id < ?2 AND ending IS NOT NULL",
    )?;
    let first = |micros| RowId::first_in(micros).0;
    let mut rows = statement.query([first(period.start), first(period.end)])?;
    while let Some(row) = rows.next()? {
        visit(&read_intent(row)?, &read_outcome(row)?);
    }
    Ok(())
}

/// Reads the entry of an attempt, which started at this time.
pub(crate) fn find(
    connection: &Connection,
    attempt: AttemptId,
    started_at: Timestamp,
) -> rusqlite::Result<Option<Attempt>> {
    // Its id may have counted on into later microseconds.
    let first = RowId::first_at(started_at).0;
    let mut statement = connection.prepare_cached(
        "SELECT * FROM attempts WHERE id BETWEEN ?1 AND ?2 AND attempt = ?3 LIMIT 1",
    )?;
    let mut rows = statement.query_map(
        (first, first.saturating_add(1_000_000), attempt.0.as_bytes()),
        read_row,
    )?;
    rows.next().transpose()
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    let outcome = optional(row, "ending", |row, _| read_outcome(row))?;
    Ok((read_intent(row)?, outcome))
}

fn read_intent(row: &Row<'_>) -> rusqlite::Result<Intent> {
    let started_at = row.get::<_, i64>("id")?.div_euclid(RowId::PER_MICRO);
    let started_at =
        Timestamp::from_microsecond(started_at).map_err(|_| column_error("id", Type::Integer))?;
    Ok(Intent {
        attempt: AttemptId(uuid(row, "attempt")?),
        request: RequestId(uuid(row, "request")?),
        started_at,
        operation: sql_enum(row, "operation")?,
        key: KeyId(uuid(row, "key")?),
        profile: ProfileId(uuid(row, "profile")?),
        number: row.get("number")?,
        reason: sql_enum(row, "reason")?,
        session: row.get("session")?,
        model_requested: row.get("model_requested")?,
        stream: row.get("stream")?,
        request_hash: row.get("request_hash")?,
        request_bytes: count(row, "request_bytes")?,
        reserved: NanoDollars::new(count(row, "reserved")?),
        simulated: row.get("simulated")?,
    })
}

fn read_outcome(row: &Row<'_>) -> rusqlite::Result<EntryOutcome> {
    Ok(EntryOutcome {
        ending: sql_enum(row, "ending")?,
        ended_at: timestamp(row, "ended_at")?,
        status: row.get("status")?,
        verdict: row.get("verdict")?,
        upstream_request_id: row.get("upstream_request_id")?,
        model_served: row.get("model_served")?,
        tokens: TokenCounts {
            input: count(row, "input")?,
            output: count(row, "output")?,
            cache_read: count(row, "cache_read")?,
            write_5m: count(row, "write_5m")?,
            write_1h: count(row, "write_1h")?,
        },
        web_searches: count(row, "web_searches")?,
        cost: NanoDollars::new(count(row, "cost")?),
        basis: optional(row, "basis", sql_enum)?,
        prices_as_of: row.get("prices_as_of")?,
        first_byte_micros: optional(row, "first_byte_micros", count)?,
        duration_micros: optional(row, "duration_micros", count)?,
        response_hash: row.get("response_hash")?,
        response_bytes: count(row, "response_bytes")?,
        cache_edit: row.get("cache_edit")?,
    })
}

/// Returns the outcome of an attempt whose process died: its cost is the reserved cost.
pub(crate) fn unknown_outcome(intent: &Intent, at: Timestamp) -> EntryOutcome {
    EntryOutcome {
        ending: Ending::Unknown,
        ended_at: at,
        status: None,
        verdict: None,
        upstream_request_id: None,
        model_served: None,
        tokens: TokenCounts::default(),
        web_searches: 0,
        cost: intent.reserved,
        basis: None,
        prices_as_of: None,
        first_byte_micros: None,
        duration_micros: None,
        response_hash: None,
        response_bytes: 0,
        cache_edit: None,
    }
}
