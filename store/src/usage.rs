//! Usage and cost.
//!
//! Sums come from rollups, and from single attempts where a period does not begin or end with a quarter of an hour, for
//! sessions, and for what is not in the database yet. Where attempts were deleted, a period is extended to whole
//! quarters.
//!
//! Invariants: an attempt without a known outcome counts with its reserved cost and marks its group as "at most"; usage
//! paid by a plan is summed separately and is never part of a cost; days are UTC; sums are exact up to [`i64::MAX`],
//! the maximum of a column, and saturate there, whatever an upstream reports.

use std::collections::HashMap;
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use keyreeve_core::money::NanoDollars;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::usage::TokenCounts;
use keyreeve_core::virtual_key::KeyId;
use rusqlite::types::Type;
use rusqlite::{Connection, Row};
use uuid::Uuid;

use crate::entries::{EntryOutcome, Intent};
use crate::live::LiveEntries;
use crate::retention;
use crate::rows::attempts;
use crate::rows::rollups::{COLUMNS, QUARTER_MICROS, Sums, model};
use crate::sql_types::{column_error, micros, uuid};
use crate::{Policy, Result, Store};

/// A query of usage: the attempts to sum up, and their grouping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UsageQuery {
    /// Start of the period; `None` for the whole past.
    pub since: Option<Timestamp>,
    /// End of the period, exclusive; `None` for now.
    pub until: Option<Timestamp>,
    /// The grouping.
    pub by: Grouping,
}

/// The grouping.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Grouping {
    /// The virtual key.
    Key,
    /// The profile.
    Profile,
    /// The model that served the request, or the requested one if unknown.
    Model,
    /// The day in UTC, `YYYY-MM-DD`.
    Day,
    /// The client's session.
    Session,
}

/// The sums of one group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageRow {
    /// The group's name, or `None` if its attempts have none (no session, no model, a key unknown to the store).
    pub group: Option<String>,
    /// The id of the key or profile: distinguishes two that had the same name at different times.
    pub id: Option<Uuid>,
    /// Number of client requests, counted where their first attempt was made.
    pub requests: u64,
    /// Number of attempts made for them.
    pub attempts: u64,
    /// Number of attempts sent to the sandbox.
    pub simulated: u64,
    /// Number of ended attempts without a complete, successful response: none, cut off, an error, or unknown.
    pub failed: u64,
    /// Tokens used.
    pub tokens: TokenCounts,
    /// Web searches made.
    pub web_searches: u64,
    /// The cost.
    pub cost: NanoDollars,
    /// The price of the attempts paid by a plan at the API's prices: an estimate, not money spent.
    pub equivalent: NanoDollars,
    /// The certainty of the cost.
    pub certainty: Certainty,
}

/// The certainty of a sum.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Certainty {
    /// Every token of every attempt is known and priced with its model's own price.
    Exact,
    /// An upper bound: a model has no price, a response was cut off, or an attempt is open or its outcome unknown, and
    /// counts with its reserved cost.
    AtMost,
}

/// The value that attempts are grouped by; `None` if they have none.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Group {
    Id(Uuid),
    Text(Option<String>),
}

impl Store {
    /// Sums up the ledger, sorted by group name.
    ///
    /// # Errors
    /// If the database or a journal cannot be read.
    pub fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>> {
        let policy = self.policy()?;
        let LiveEntries {
            connection,
            entries,
        } = self.live_entries()?;
        let period = query.since.map_or(i64::MIN, micros)..query.until.map_or(i64::MAX, micros);
        let period = match query.by {
            // Only attempts have a session.
            Grouping::Session => period,
            Grouping::Key | Grouping::Profile | Grouping::Model | Grouping::Day => {
                widen(period, retention::details_from(&connection)?)
            }
        };
        let mut groups = Groups {
            by: query.by,
            sums: HashMap::new(),
        };
        let (quarters, edges) = groups.parts(&period);
        groups.add_rollups(&connection, &quarters)?;
        for edge in edges {
            attempts::visit_closed(&connection, &edge, |intent, outcome| {
                groups.add(intent, Some(outcome));
            })?;
        }
        let open = attempts::read_open(&connection)?;
        let open = open.into_iter().map(|(_, intent)| (intent, None));
        for (intent, outcome) in open.chain(entries) {
            if period.contains(&micros(intent.started_at)) {
                groups.add(&intent, outcome.as_ref());
            }
        }
        Ok(groups.into_rows(&policy))
    }
}

/// Extends a period to whole quarters where its attempts were deleted, and only their sums are left.
fn widen(period: Range<i64>, details_from: i64) -> Range<i64> {
    let has_sums = |at: i64| at != i64::MIN && at < details_from;
    if period.is_empty() {
        return period;
    }
    let start = match period.start {
        start if has_sums(start) => start - start.rem_euclid(QUARTER_MICROS),
        start => start,
    };
    let end = match period.end {
        end if has_sums(end) => end + (-end).rem_euclid(QUARTER_MICROS),
        end => end,
    };
    start..end
}

/// The sums of each group.
struct Groups {
    by: Grouping,
    sums: HashMap<Group, Sums>,
}

impl Groups {
    /// Divides a period into whole quarters, which rollups are read for, and the rest, whose attempts are read.
    fn parts(&self, period: &Range<i64>) -> (Range<i64>, Vec<Range<i64>>) {
        match self.by {
            // Rollups do not contain sessions.
            Grouping::Session => (0..0, vec![period.clone()]),
            Grouping::Key | Grouping::Profile | Grouping::Model | Grouping::Day => {
                let first = match period.start {
                    i64::MIN => i64::MIN,
                    start => {
                        start.div_euclid(QUARTER_MICROS)
                            + i64::from(start.rem_euclid(QUARTER_MICROS) > 0)
                    }
                };
                let last = match period.end {
                    i64::MAX => i64::MAX,
                    end => end.div_euclid(QUARTER_MICROS),
                };
                if first >= last {
                    return (0..0, vec![period.clone()]);
                }
                let edges = [
                    period.start..first.saturating_mul(QUARTER_MICROS),
                    last.saturating_mul(QUARTER_MICROS)..period.end,
                ];
                let edges = edges.into_iter().filter(|edge| !edge.is_empty());
                (first..last, edges.collect())
            }
        }
    }

    fn add_rollups(&mut self, connection: &Connection, quarters: &Range<i64>) -> Result<()> {
        if quarters.is_empty() {
            return Ok(());
        }
        let mut statement = connection.prepare(&rollups_sql(self.by))?;
        let mut rows = statement.query([quarters.start, quarters.end])?;
        while let Some(row) = rows.next()? {
            let group = match self.by {
                Grouping::Key | Grouping::Profile => Group::Id(uuid(row, "value")?),
                Grouping::Model | Grouping::Day | Grouping::Session => {
                    let text: String = row.get("value")?;
                    Group::Text(Some(text).filter(|text| !text.is_empty()))
                }
            };
            let mut values = [0; COLUMNS.len()];
            for (value, column) in values.iter_mut().zip(COLUMNS) {
                *value = join_halves(row, column)?;
            }
            self.sums
                .entry(group)
                .or_default()
                .add(&Sums::from_values(values));
        }
        Ok(())
    }

    fn add(&mut self, intent: &Intent, outcome: Option<&EntryOutcome>) {
        let group = match self.by {
            Grouping::Key => Group::Id(intent.key.0),
            Grouping::Profile => Group::Id(intent.profile.0),
            Grouping::Model => Group::Text(model(intent, outcome).map(str::to_owned)),
            Grouping::Day => {
                let day = intent.started_at.to_zoned(TimeZone::UTC).date();
                Group::Text(Some(day.to_string()))
            }
            Grouping::Session => Group::Text(intent.session.clone()),
        };
        self.sums
            .entry(group)
            .or_default()
            .add(&Sums::of(intent, outcome));
    }

    fn into_rows(self, policy: &Policy) -> Vec<UsageRow> {
        let mut rows: Vec<UsageRow> = self
            .sums
            .into_iter()
            .map(|(group, sums)| {
                let (name, id) = match (group, self.by) {
                    (Group::Id(id), Grouping::Key) => (policy.key_name(KeyId(id)), Some(id)),
                    (Group::Id(id), _) => (policy.profile_name(ProfileId(id)), Some(id)),
                    (Group::Text(text), _) => return usage_row(text, None, &sums),
                };
                usage_row(name.map(str::to_owned), id, &sums)
            })
            .collect();
        rows.sort_by(|a, b| (&a.group, a.id).cmp(&(&b.group, b.id)));
        rows
    }
}

fn usage_row(group: Option<String>, id: Option<Uuid>, sums: &Sums) -> UsageRow {
    UsageRow {
        group,
        id,
        requests: sums.requests,
        attempts: sums.attempts,
        simulated: sums.simulated,
        failed: sums.failed,
        tokens: TokenCounts {
            input: sums.input,
            output: sums.output,
            cache_read: sums.cache_read,
            write_5m: sums.write_5m,
            write_1h: sums.write_1h,
        },
        web_searches: sums.web_searches,
        cost: NanoDollars::new(sums.cost),
        equivalent: NanoDollars::new(sums.equivalent),
        certainty: if sums.at_most > 0 {
            Certainty::AtMost
        } else {
            Certainty::Exact
        },
    }
}

/// Returns the SQL that sums up rollups for a grouping. The upper and the lower 32 bits are summed separately: SQLite
/// fails if a sum exceeds 63 bits, and these two cannot before there are 2^31 rows.
fn rollups_sql(by: Grouping) -> String {
    let value = match by {
        Grouping::Key => "key",
        Grouping::Profile => "profile",
        Grouping::Model => "model",
        Grouping::Day => "date(quarter * 900, 'unixepoch')",
        Grouping::Session => "''",
    };
    let sums = COLUMNS.map(|column| {
        format!("sum({column} >> 32) AS {column}_high, sum({column} & 0xffffffff) AS {column}_low")
    });
    format!(
        "SELECT {value} AS value, {} FROM rollups WHERE quarter >= ?1 AND quarter < ?2 GROUP BY value",
        sums.join(", ")
    )
}

/// Combines the two sums of [`rollups_sql`].
fn join_halves(row: &Row<'_>, name: &'static str) -> rusqlite::Result<u64> {
    let high: i64 = row.get(format!("{name}_high").as_str())?;
    let low: i64 = row.get(format!("{name}_low").as_str())?;
    let sum = (i128::from(high) << 32) + i128::from(low);
    u64::try_from(sum.min(i64::MAX.into())).map_err(|_| column_error(name, Type::Integer))
}
