//! Rows of the ledger, one per attempt.
//!
//! Invariants: writing an intent or an outcome twice changes nothing; a closed row never changes again.

use keyreeve_core::money::NanoDollars;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::usage::TokenCounts;
use keyreeve_core::virtual_key::KeyId;
use rusqlite::{Connection, Row, named_params};

use crate::entries::{AttemptId, EntryOutcome, Intent, LedgerEntry, Outcome, RequestId};
use crate::sql_enum::SqlEnum as _;
use crate::sql_types::{count, micros, optional, sql_enum, sql_integer, timestamp, uuid};

/// Inserts an open entry, unless the attempt has one already.
pub(crate) fn write_intent(connection: &Connection, intent: &Intent) -> rusqlite::Result<()> {
    connection.prepare_cached(
        "INSERT INTO ledger (attempt, request, started_at, operation, key, profile, number, reason, session, model_asked,
                             stream, request_hash, request_bytes, reserved, simulated)
         VALUES (:attempt, :request, :started_at, :operation, :key, :profile, :number, :reason, :session, :model_asked,
                 :stream, :request_hash, :request_bytes, :reserved, :simulated)
         ON CONFLICT DO NOTHING",
    )?
    .execute(named_params! {
        ":attempt": intent.attempt.0.into_bytes(),
        ":request": intent.request.0.into_bytes(),
        ":started_at": micros(intent.started_at),
        ":operation": intent.operation.word(),
        ":key": intent.key.0.into_bytes(),
        ":profile": intent.profile.0.into_bytes(),
        ":number": intent.number,
        ":reason": intent.reason.word(),
        ":session": intent.session,
        ":model_asked": intent.model_requested,
        ":stream": intent.stream,
        ":request_hash": intent.request_hash,
        ":request_bytes": sql_integer(intent.request_bytes),
        ":reserved": sql_integer(intent.reserved.get()),
        ":simulated": intent.simulated,
    })?;
    Ok(())
}

/// Closes an open entry; any other is unchanged.
pub(crate) fn write_outcome(connection: &Connection, outcome: &Outcome) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE ledger SET
             ending = :ending, ended_at = :ended_at, status = :status, verdict = :verdict,
             upstream_request_id = :upstream_request_id, model_served = :model_served,
             input = :input, output = :output, cache_read = :cache_read,
             write_5m = :write_5m, write_1h = :write_1h, web_searches = :web_searches,
             cost = :cost, basis = :basis, prices_as_of = :prices_as_of,
             first_byte_micros = :first_byte_micros, duration_micros = :duration_micros,
             answer_hash = :answer_hash, answer_bytes = :answer_bytes, cache_edit = :cache_edit
         WHERE attempt = :attempt AND ending IS NULL",
        )?
        .execute(named_params! {
            ":attempt": outcome.attempt.0.into_bytes(),
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
            ":basis": outcome.basis.word(),
            ":prices_as_of": outcome.prices_as_of,
            ":first_byte_micros": outcome.first_byte_micros.map(sql_integer),
            ":duration_micros": sql_integer(outcome.duration_micros),
            ":answer_hash": outcome.response_hash,
            ":answer_bytes": sql_integer(outcome.response_bytes),
            ":cache_edit": outcome.cache_edit.map(|edit| edit.to_string()),
        })?;
    Ok(())
}

pub(crate) fn read_row(row: &Row<'_>) -> rusqlite::Result<LedgerEntry> {
    let intent = Intent {
        attempt: AttemptId(uuid(row, "attempt")?),
        request: RequestId(uuid(row, "request")?),
        started_at: timestamp(row, "started_at")?,
        operation: sql_enum(row, "operation")?,
        key: KeyId(uuid(row, "key")?),
        profile: ProfileId(uuid(row, "profile")?),
        number: row.get("number")?,
        reason: sql_enum(row, "reason")?,
        session: row.get("session")?,
        model_requested: row.get("model_asked")?,
        stream: row.get("stream")?,
        request_hash: row.get("request_hash")?,
        request_bytes: count(row, "request_bytes")?,
        reserved: NanoDollars::new(count(row, "reserved")?),
        simulated: row.get("simulated")?,
    };
    let key_name = match intent.key {
        KeyId::OWN => Some(KeyId::OWN_NAME.to_owned()),
        _ => row.get("key_name")?,
    };
    let profile_name = match intent.profile {
        ProfileId::PASS_THROUGH => Some(ProfileId::PASS_THROUGH_NAME.to_owned()),
        _ => row.get("profile_name")?,
    };
    Ok(LedgerEntry {
        intent,
        key_name,
        profile_name,
        outcome: optional(row, "ending", |row, _| read_outcome(row))?,
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
        response_hash: row.get("answer_hash")?,
        response_bytes: count(row, "answer_bytes")?,
        cache_edit: row.get("cache_edit")?,
    })
}
