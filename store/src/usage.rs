//! Usage and cost, summed up by the database.
//!
//! Invariants: an attempt without a known outcome counts with its reserved cost and marks its group as "at most"; usage
//! paid by a plan is summed separately and is never part of a cost; days are UTC; sums are exact up to [`i64::MAX`],
//! the maximum of a column, and saturate there, whatever an upstream reports.

use jiff::Timestamp;
use keyreeve_core::money::NanoDollars;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::usage::TokenCounts;
use keyreeve_core::virtual_key::KeyId;
use rusqlite::types::Type;
use rusqlite::{Row, named_params};
use uuid::Uuid;

use crate::sql_types::{column_error, count, optional, uuid};
use crate::sqlite::Access;
use crate::{Result, Store};

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
    /// Number of client requests.
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

impl Store {
    /// Sums up the ledger, sorted by group name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>> {
        let connection = self.connect(Access::Read)?;
        let mut statement = connection.prepare(&usage_sql(query.by))?;
        let rows = statement.query_map(
            named_params! {
                ":since": query.since.map_or(i64::MIN, Timestamp::as_microsecond),
                ":until": query.until.map_or(i64::MAX, Timestamp::as_microsecond),
            },
            read_row,
        )?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// Returns the SQL for a grouping.
fn usage_sql(by: Grouping) -> String {
    let (value, name, id, names) = match by {
        Grouping::Key => (
            "key",
            "keys.name",
            "value",
            "LEFT JOIN keys ON keys.id = value",
        ),
        Grouping::Profile => (
            "profile",
            "profiles.name",
            "value",
            "LEFT JOIN profiles ON profiles.id = value",
        ),
        Grouping::Model => ("coalesce(model_served, model_asked)", "value", "NULL", ""),
        Grouping::Day => (
            "date(started_at / 1000000, 'unixepoch')",
            "value",
            "NULL",
            "",
        ),
        Grouping::Session => ("session", "value", "NULL", ""),
    };
    let tokens = ["input", "output", "cache_read", "write_5m", "write_1h"]
        .map(|column| sum_halves(column, column));
    let tokens = tokens.join(", ");
    let web_searches = sum_halves("web_searches", "web_searches");
    let cost = sum_halves(
        "CASE WHEN basis IS 'equivalent' THEN 0 ELSE coalesce(cost, reserved) END",
        "cost",
    );
    let equivalent = sum_halves(
        "CASE WHEN basis IS 'equivalent' THEN cost ELSE 0 END",
        "equivalent",
    );
    format!(
        "SELECT {name} AS name, {id} AS id, sums.* FROM (
             SELECT {value} AS value,
                    count(DISTINCT request) AS requests,
                    count(*) AS attempts,
                    sum(simulated) AS simulated,
                    sum(coalesce(ending <> 'done' OR status >= 400 OR verdict <> 'ok', 0)) AS failed,
                    {tokens},
                    {web_searches},
                    {cost},
                    {equivalent},
                    max(basis IS NOT 'equivalent' AND (ending IS NULL OR ending IN ('incomplete', 'unknown')
                        OR coalesce(basis = 'at-most', 0))) AS at_most
             FROM ledger WHERE started_at >= :since AND started_at < :until GROUP BY value
         ) AS sums {names} ORDER BY name, id"
    )
}

/// Returns SQL that sums the upper and the lower 32 bits separately: SQLite fails if a sum exceeds 63 bits, and these
/// two cannot before there are 2^31 rows.
fn sum_halves(value: &str, name: &str) -> String {
    format!("sum(({value}) >> 32) AS {name}_high, sum(({value}) & 0xffffffff) AS {name}_low")
}

/// Combines the two sums of [`sum_halves`].
fn join_halves(row: &Row<'_>, name: &'static str) -> rusqlite::Result<u64> {
    let high: i64 = row.get(format!("{name}_high").as_str())?;
    let low: i64 = row.get(format!("{name}_low").as_str())?;
    let sum = (i128::from(high) << 32) + i128::from(low);
    u64::try_from(sum.min(i64::MAX.into())).map_err(|_| column_error(name, Type::Integer))
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<UsageRow> {
    let id = optional(row, "id", uuid)?;
    let at_most: bool = row.get("at_most")?;
    let group = match id {
        // No other row has these ids: real ids contain the time.
        Some(id) if id == KeyId::OWN.0 => Some(KeyId::OWN_NAME.to_owned()),
        Some(id) if id == ProfileId::PASS_THROUGH.0 => {
            Some(ProfileId::PASS_THROUGH_NAME.to_owned())
        }
        _ => row.get("name")?,
    };
    Ok(UsageRow {
        group,
        id,
        requests: count(row, "requests")?,
        attempts: count(row, "attempts")?,
        simulated: count(row, "simulated")?,
        failed: count(row, "failed")?,
        tokens: TokenCounts {
            input: join_halves(row, "input")?,
            output: join_halves(row, "output")?,
            cache_read: join_halves(row, "cache_read")?,
            write_5m: join_halves(row, "write_5m")?,
            write_1h: join_halves(row, "write_1h")?,
        },
        web_searches: join_halves(row, "web_searches")?,
        cost: NanoDollars::new(join_halves(row, "cost")?),
        equivalent: NanoDollars::new(join_halves(row, "equivalent")?),
        certainty: if at_most {
            Certainty::AtMost
        } else {
            Certainty::Exact
        },
    })
}
