//! The ledger: one row an attempt, opened by an intent, closed once by its outcome.
//!
//! Invariants: writing an intent or an outcome twice changes nothing; a closed row never changes again; an open
//! row counts with its reserved cost.

use jiff::Timestamp;
use keyreeve_core::money::NanoDollars;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::usage::Tokens;
use keyreeve_core::virtual_key::KeyId;
use rusqlite::{Connection, Row, named_params};

use crate::columns::{count, instant, maybe_word, micros, number, uuid, word};
use crate::rows::{AttemptId, AttemptRow, Ended, Ending, Intent, Outcome, RequestId};
use crate::sqlite::Access;
use crate::words::Word as _;
use crate::{Result, Store, recording};

/// Every row, with the names of its key and profile.
const ROWS: &str = "SELECT ledger.*, keys.name AS key_name, profiles.name AS profile_name
     FROM ledger LEFT JOIN keys ON keys.id = ledger.key
                 LEFT JOIN profiles ON profiles.id = ledger.profile";

/// Ids tell moments no finer than a millisecond, in which a request can have two attempts.
const NEWEST_FIRST: &str = "ledger.started_at DESC, ledger.number DESC, ledger.attempt DESC";

impl Store {
    /// Commits an intent, then calls `done` from the writer thread.
    ///
    /// With 4,096 waiting already it calls `done(Err(Error::Busy))` at once, from the caller's thread. `done` must not
    /// wait for the store.
    pub fn begin(&self, intent: Intent, done: impl FnOnce(Result<()>) + Send + 'static) {
        match self.recording().join(self.dir()) {
            Ok(()) => self.writer.begin(intent, Box::new(done)),
            Err(error) => done(Err(error)),
        }
    }

    /// Queues an outcome; it is committed with the next batch, within 20 ms.
    ///
    /// It is idempotent and closes only an open row. One that cannot be committed (a full disk) is kept and tried
    /// again with each later batch while the process lives.
    pub fn finish(&self, outcome: Outcome) {
        self.writer.finish(outcome);
    }

    /// Closes intents that dead processes left open, as unknown, keeping their reserved cost. Returns how many.
    ///
    /// While any process lives that has begun one (this one included) nothing is closed: whose an open row is cannot be
    /// told, and until a later call it counts with its reserved cost all the same.
    ///
    /// # Errors
    /// When it cannot be committed.
    pub fn close_open_intents(&self, at: Timestamp) -> Result<u64> {
        let Some(_alone) = recording::alone(self.dir())? else {
            return Ok(0);
        };
        self.writer.apart(move |connection| {
            let closed = connection.execute(
                "UPDATE ledger SET ending = :unknown, ended_at = :at, cost = reserved WHERE ending IS NULL",
                named_params! { ":unknown": Ending::Unknown.word(), ":at": micros(at) },
            )?;
            Ok(u64::try_from(closed).unwrap_or(u64::MAX))
        })
    }

    /// Commits what is queued.
    ///
    /// # Errors
    /// When it cannot be committed.
    pub fn flush(&self) -> Result<()> {
        self.writer.flush()
    }

    /// The newest attempts, newest first, at most `limit` of them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn attempts(&self, limit: u32) -> Result<Vec<AttemptRow>> {
        let connection = self.connect(Access::Read)?;
        let mut statement =
            connection.prepare(&format!("{ROWS} ORDER BY {NEWEST_FIRST} LIMIT ?1"))?;
        let rows = statement.query_map([limit], read_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// When each profile was last leased, as far as the newest `limit` attempts go.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_uses(&self, limit: u32) -> Result<Vec<(ProfileId, Timestamp)>> {
        let connection = self.connect(Access::Read)?;
        let mut statement = connection.prepare(
            "SELECT profile, max(started_at) AS started_at FROM
                 (SELECT profile, started_at FROM ledger ORDER BY attempt DESC LIMIT ?1) GROUP BY profile",
        )?;
        let rows = statement.query_map([limit], |row| {
            Ok((
                ProfileId(uuid(row, "profile")?),
                instant(row, "started_at")?,
            ))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// One attempt; none where there is none of this id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn attempt(&self, id: AttemptId) -> Result<Option<AttemptRow>> {
        let connection = self.connect(Access::Read)?;
        let mut statement = connection.prepare(&format!("{ROWS} WHERE ledger.attempt = ?1"))?;
        let mut rows = statement.query_map([id.0.into_bytes()], read_row)?;
        Ok(rows.next().transpose()?)
    }
}

/// Opens a row, where there is none yet.
pub(crate) fn write_intent(to: &Connection, intent: &Intent) -> rusqlite::Result<()> {
    to.prepare_cached(
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
        ":model_asked": intent.model_asked,
        ":stream": intent.stream,
        ":request_hash": intent.request_hash,
        ":request_bytes": number(intent.request_bytes),
        ":reserved": number(intent.reserved.get()),
        ":simulated": intent.simulated,
    })?;
    Ok(())
}

/// Closes a row that is open; any other stays as it is.
pub(crate) fn write_outcome(to: &Connection, outcome: &Outcome) -> rusqlite::Result<()> {
    to.prepare_cached(
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
        ":input": number(outcome.tokens.input),
        ":output": number(outcome.tokens.output),
        ":cache_read": number(outcome.tokens.cache_read),
        ":write_5m": number(outcome.tokens.write_5m),
        ":write_1h": number(outcome.tokens.write_1h),
        ":web_searches": number(outcome.web_searches),
        ":cost": number(outcome.cost.get()),
        ":basis": outcome.basis.word(),
        ":prices_as_of": outcome.prices_as_of,
        ":first_byte_micros": outcome.first_byte_micros.map(number),
        ":duration_micros": number(outcome.duration_micros),
        ":answer_hash": outcome.answer_hash,
        ":answer_bytes": number(outcome.answer_bytes),
        ":cache_edit": outcome.cache_edit.map(|edit| edit.to_string()),
    })?;
    Ok(())
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<AttemptRow> {
    let intent = Intent {
        attempt: AttemptId(uuid(row, "attempt")?),
        request: RequestId(uuid(row, "request")?),
        started_at: instant(row, "started_at")?,
        operation: word(row, "operation")?,
        key: KeyId(uuid(row, "key")?),
        profile: ProfileId(uuid(row, "profile")?),
        number: row.get("number")?,
        reason: word(row, "reason")?,
        session: row.get("session")?,
        model_asked: row.get("model_asked")?,
        stream: row.get("stream")?,
        request_hash: row.get("request_hash")?,
        request_bytes: count(row, "request_bytes")?,
        reserved: NanoDollars::new(count(row, "reserved")?),
        simulated: row.get("simulated")?,
    };
    let open = row.get::<_, Option<String>>("ending")?.is_none();
    let key_name = match intent.key {
        KeyId::OWN => Some(KeyId::OWN_NAME.to_owned()),
        _ => row.get("key_name")?,
    };
    let profile_name = match intent.profile {
        ProfileId::PASS_THROUGH => Some(ProfileId::PASS_THROUGH_NAME.to_owned()),
        _ => row.get("profile_name")?,
    };
    Ok(AttemptRow {
        intent,
        key_name,
        profile_name,
        ended: if open { None } else { Some(read_ended(row)?) },
    })
}

fn read_ended(row: &Row<'_>) -> rusqlite::Result<Ended> {
    Ok(Ended {
        ending: word(row, "ending")?,
        ended_at: instant(row, "ended_at")?,
        status: row.get("status")?,
        verdict: row.get("verdict")?,
        upstream_request_id: row.get("upstream_request_id")?,
        model_served: row.get("model_served")?,
        tokens: Tokens {
            input: count(row, "input")?,
            output: count(row, "output")?,
            cache_read: count(row, "cache_read")?,
            write_5m: count(row, "write_5m")?,
            write_1h: count(row, "write_1h")?,
        },
        web_searches: count(row, "web_searches")?,
        cost: NanoDollars::new(count(row, "cost")?),
        basis: maybe_word(row, "basis")?,
        prices_as_of: row.get("prices_as_of")?,
        first_byte_micros: row
            .get::<_, Option<i64>>("first_byte_micros")?
            .map(i64::unsigned_abs),
        duration_micros: row
            .get::<_, Option<i64>>("duration_micros")?
            .map(i64::unsigned_abs),
        answer_hash: row.get("answer_hash")?,
        answer_bytes: count(row, "answer_bytes")?,
        cache_edit: row.get("cache_edit")?,
    })
}
