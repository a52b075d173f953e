//! What was used and what it cost, summed up by the database.
//!
//! Invariants: an attempt without a known outcome counts with its reserved cost and marks its group as "at most"; what a
//! plan paid for is summed up apart and is no part of a cost;
//! days are UTC; sums are exact up to [`i64::MAX`], as much as a column holds, and stay there, whatever numbers an
//! upstream claimed.

use jiff::Timestamp;
use keyreeve_core::money::NanoDollars;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::usage::Tokens;
use keyreeve_core::virtual_key::KeyId;
use rusqlite::types::Type;
use rusqlite::{Row, named_params};
use uuid::Uuid;

use crate::columns::{count, unreadable};
use crate::sqlite::Access;
use crate::{Result, Store};

/// Which attempts are summed up, and how they are grouped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UsageQuery {
    /// From this moment on; none: from the beginning.
    pub since: Option<Timestamp>,
    /// Up to, not including, this moment; none: up to now.
    pub until: Option<Timestamp>,
    /// What makes a group.
    pub by: Grouping,
}

/// What makes a group.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Grouping {
    /// The virtual key.
    Key,
    /// The profile.
    Profile,
    /// The model that answered, else the one asked for.
    Model,
    /// The day in UTC, `YYYY-MM-DD`.
    Day,
    /// The client's session.
    Session,
}

/// One group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageRow {
    /// The group's name; none where the attempts have none (no session, no model, a key that is not known here).
    pub group: Option<String>,
    /// The id of the key or profile, which keeps two apart that had the same name at different times.
    pub id: Option<Uuid>,
    /// How many requests clients made.
    pub requests: u64,
    /// How many attempts were made for them.
    pub attempts: u64,
    /// How many of the attempts went to the sandbox.
    pub simulated: u64,
    /// How many of the attempts that ended got no whole good answer: none, a cut one, an error, or nobody knows.
    pub failed: u64,
    /// What they used.
    pub tokens: Tokens,
    /// Web searches they made.
    pub web_searches: u64,
    /// What they cost.
    pub cost: NanoDollars,
    /// What those that a plan paid for would have cost at the API's prices: an estimate, and no money.
    pub equivalent: NanoDollars,
    /// How sure the cost is.
    pub certainty: Certainty,
}

/// How sure a sum is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Certainty {
    /// Each attempt is known to the last token, at its model's own price.
    Exact,
    /// It is not more: some model has no price, some answer was cut, or some attempt is open or ended unknown and counts
    /// as reserved.
    AtMost,
}

impl Store {
    /// Sums up the ledger, in order of the groups' names.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>> {
        let connection = self.connect(Access::Read)?;
        let mut statement = connection.prepare(&sql(query.by))?;
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

/// What to group by, where the group's name and id come from.
fn sql(by: Grouping) -> String {
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
        .map(|column| halves(column, column));
    let tokens = tokens.join(", ");
    let web_searches = halves("web_searches", "web_searches");
    let cost = halves(
        "CASE WHEN basis IS 'equivalent' THEN 0 ELSE coalesce(cost, reserved) END",
        "cost",
    );
    let equivalent = halves(
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

/// Sums up the upper and the lower 32 bits apart: SQLite fails where a sum leaves 63 bits, and these two cannot before
/// there are 2^31 rows.
fn halves(value: &str, name: &str) -> String {
    format!("sum(({value}) >> 32) AS {name}_high, sum(({value}) & 0xffffffff) AS {name}_low")
}

/// Puts together what [`halves`] summed up.
fn sum(row: &Row<'_>, name: &'static str) -> rusqlite::Result<u64> {
    let high: i64 = row.get(format!("{name}_high").as_str())?;
    let low: i64 = row.get(format!("{name}_low").as_str())?;
    let sum = (i128::from(high) << 32) + i128::from(low);
    u64::try_from(sum.min(i64::MAX.into())).map_err(|_| unreadable(name, Type::Integer))
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<UsageRow> {
    let id: Option<[u8; 16]> = row.get("id")?;
    let at_most: bool = row.get("at_most")?;
    let id = id.map(Uuid::from_bytes);
    let group = match id {
        // Nothing else has either: ids are made of the time.
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
        tokens: Tokens {
            input: sum(row, "input")?,
            output: sum(row, "output")?,
            cache_read: sum(row, "cache_read")?,
            write_5m: sum(row, "write_5m")?,
            write_1h: sum(row, "write_1h")?,
        },
        web_searches: sum(row, "web_searches")?,
        cost: NanoDollars::new(sum(row, "cost")?),
        equivalent: NanoDollars::new(sum(row, "equivalent")?),
        certainty: if at_most {
            Certainty::AtMost
        } else {
            Certainty::Exact
        },
    })
}
