//! Rows of rollups: sums of closed attempts by quarter of an hour, key, profile and model; and the last use of each key
//! and profile.
//!
//! Invariant: an attempt is summed up in the transaction that writes its closed row. Sums saturate at [`i64::MAX`],
//! the maximum of a column, whatever an upstream reports.

use std::collections::HashMap;

use keyreeve_core::price::CostBasis;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::virtual_key::KeyId;
use rusqlite::{Connection, params};

use super::attempts;
use crate::Result;
use crate::entries::{Ending, EntryOutcome, Intent};
use crate::sql_types::{micros, sql_integer};

/// Length of a quarter of an hour in microseconds.
pub(crate) const QUARTER_MICROS: i64 = 15 * 60 * 1_000_000;

/// Number of attempts that are summed up at once when all rollups are rebuilt.
const REBUILD_BATCH: i64 = 10_000;

/// Number of sums.
const SUMS: usize = 13;

/// Defines the sums, their columns and the conversion between both, so that each is named once.
macro_rules! sums {
    ($($(#[$doc:meta])* $column:ident,)*) => {
        /// The sums of one rollup, in the order of their columns.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub(crate) struct Sums {
            $($(#[$doc])* pub(crate) $column: u64,)*
        }

        /// Their columns.
        pub(crate) const COLUMNS: [&str; SUMS] = [$(stringify!($column),)*];

        impl Sums {
            /// Returns the sums in the order of [`COLUMNS`].
            fn values(&self) -> [u64; SUMS] {
                [$(self.$column,)*]
            }

            /// Returns the sums with these values, in the order of [`COLUMNS`].
            pub(crate) fn from_values(values: [u64; SUMS]) -> Self {
                let [$($column,)*] = values;
                Self { $($column,)* }
            }
        }
    };
}

sums! {
    /// First attempts, which is the number of requests.
    requests,
    attempts,
    simulated,
    failed,
    /// Attempts whose cost is an upper bound.
    at_most,
    input,
    output,
    cache_read,
    write_5m,
    write_1h,
    web_searches,
    /// In nano-dollars.
    cost,
    /// The price of attempts paid by a plan, in nano-dollars.
    equivalent,
}

impl Sums {
    /// Returns the sums of one attempt. An open one counts with its reserved cost.
    pub(crate) fn of(intent: &Intent, outcome: Option<&EntryOutcome>) -> Self {
        let basis = outcome.and_then(|outcome| outcome.basis);
        let (mut cost, mut equivalent) = match outcome {
            Some(outcome) => (outcome.cost.get(), 0),
            None => (intent.reserved.get(), 0),
        };
        let is_bound = match outcome.map(|outcome| outcome.ending) {
            Some(Ending::Done | Ending::Failed) => false,
            None | Some(Ending::Incomplete | Ending::Unknown) => true,
        };
        let at_most = match basis {
            Some(CostBasis::Equivalent) => {
                (cost, equivalent) = (0, cost);
                false
            }
            Some(CostBasis::AtMost) => true,
            Some(CostBasis::Known) | None => is_bound,
        };
        let tokens = outcome.map(|outcome| outcome.tokens).unwrap_or_default();
        Self {
            requests: u64::from(intent.number == 1),
            attempts: 1,
            simulated: u64::from(intent.simulated),
            failed: u64::from(outcome.is_some_and(is_failure)),
            at_most: u64::from(at_most),
            input: tokens.input,
            output: tokens.output,
            cache_read: tokens.cache_read,
            write_5m: tokens.write_5m,
            write_1h: tokens.write_1h,
            web_searches: outcome.map_or(0, |outcome| outcome.web_searches),
            cost,
            equivalent,
        }
    }

    /// Adds other sums; each saturates at the maximum of a column.
    pub(crate) fn add(&mut self, other: &Self) {
        let mut values = self.values();
        for (sum, value) in values.iter_mut().zip(other.values()) {
            *sum = sum.saturating_add(value).min(i64::MAX.unsigned_abs());
        }
        *self = Self::from_values(values);
    }
}

fn is_failure(outcome: &EntryOutcome) -> bool {
    let is_error = outcome.status.is_some_and(|status| status >= 400)
        || outcome
            .verdict
            .as_deref()
            .is_some_and(|verdict| verdict != "ok");
    match outcome.ending {
        Ending::Done => is_error,
        Ending::Incomplete | Ending::Failed | Ending::Unknown => true,
    }
}

/// Returns the model that an attempt is summed up under.
pub(crate) fn model<'a>(intent: &'a Intent, outcome: Option<&'a EntryOutcome>) -> Option<&'a str> {
    let served = outcome.and_then(|outcome| outcome.model_served.as_deref());
    served.or(intent.model_requested.as_deref())
}

/// Attempts of one transaction, summed up before they are written.
#[derive(Default)]
pub(crate) struct Batch {
    sums: HashMap<(i64, KeyId, ProfileId, String), Sums>,
    last_use: HashMap<(&'static str, [u8; 16]), i64>,
}

impl Batch {
    /// Adds a closed attempt.
    pub(crate) fn add(&mut self, intent: &Intent, outcome: &EntryOutcome) {
        let started = micros(intent.started_at);
        let model = model(intent, Some(outcome)).unwrap_or_default().to_owned();
        let group = (
            started.div_euclid(QUARTER_MICROS),
            intent.key,
            intent.profile,
            model,
        );
        self.sums
            .entry(group)
            .or_default()
            .add(&Sums::of(intent, Some(outcome)));
        let users = [
            ("key", intent.key.0.into_bytes()),
            ("profile", intent.profile.0.into_bytes()),
        ];
        for user in users {
            let last = self.last_use.entry(user).or_insert(started);
            *last = started.max(*last);
        }
    }

    /// Adds the sums to the stored ones.
    pub(crate) fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(&upsert_sql())?;
        for ((quarter, key, profile, model), sums) in self.sums {
            statement.raw_bind_parameter(1, quarter)?;
            statement.raw_bind_parameter(2, key.0.as_bytes())?;
            statement.raw_bind_parameter(3, profile.0.as_bytes())?;
            statement.raw_bind_parameter(4, model)?;
            for (number, value) in (5..).zip(sums.values()) {
                statement.raw_bind_parameter(number, sql_integer(value))?;
            }
            statement.raw_execute()?;
        }
        let mut statement = connection.prepare_cached(
            "INSERT INTO last_use (kind, id, at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
        )?;
        for ((kind, id), at) in self.last_use {
            statement.execute(params![kind, id, at])?;
        }
        Ok(())
    }
}

/// Returns SQL that adds to a row; `min` keeps a sum within 63 bits.
fn upsert_sql() -> String {
    let added = COLUMNS.map(|column| {
        format!(
            "{column} = min({column}, {max} - excluded.{column}) + excluded.{column}",
            max = i64::MAX
        )
    });
    let values: Vec<String> = (1..=COLUMNS.len() + 4).map(|n| format!("?{n}")).collect();
    format!(
        "INSERT INTO rollups (quarter, key, profile, model, {}) VALUES ({}) ON CONFLICT DO UPDATE SET {}",
        COLUMNS.join(", "),
        values.join(", "),
        added.join(", ")
    )
}

/// Sums up all attempts of a ledger that has no rollups yet.
pub(crate) fn rebuild(connection: &Connection) -> Result<()> {
    let mut after = i64::MIN;
    loop {
        let rows = attempts::read_after(connection, after, REBUILD_BATCH)?;
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        after = last.0;
        let mut batch = Batch::default();
        for (_, (intent, outcome)) in &rows {
            if let Some(outcome) = outcome {
                batch.add(intent, outcome);
            }
        }
        batch.write(connection)?;
    }
}
