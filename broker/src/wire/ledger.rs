//! Ledger entries as attempts, and usage sums over them.

use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::CostBasis;
use keyreeve_core::usage::TokenCounts;
use keyreeve_store::{
    Certainty, EntryOutcome, Grouping, Intent, LedgerEntry, Operation, UsageQuery, UsageRow,
};
use serde::Serialize;

use crate::report::ending;

/// The newest attempts.
#[derive(Debug, Serialize)]
pub struct AttemptsView {
    /// Newest first.
    pub attempts: Vec<AttemptView>,
}

/// One attempt of a client request.
#[derive(Debug, Serialize)]
pub struct AttemptView {
    /// The attempt's permanent id: 32 hexadecimal digits.
    pub attempt: String,
    /// Id of the client's request, shared by all its attempts.
    pub request: String,
    /// `messages`, `count_tokens`, `models` or `account`.
    pub operation: &'static str,
    /// The key's name, `(keyreeve)` if the owner made the request without a key; null if the key is gone.
    pub key: Option<String>,
    /// The profile's name, `(pass-through)` if the client carried its own credential; null if the profile is gone.
    pub profile: Option<String>,
    /// The attempt's number within its request, from 1.
    pub number: u32,
    /// Reason for the selection of this profile: `first`, `spread`, `sticky` (affinity), `moved` (the pinned profile
    /// cannot serve), `after-refusal`, `after-failure` (failover), `renewed` (retry with a new secret), `waited` (for
    /// the end of a cooldown) or `named` (by the user).
    pub reason: &'static str,
    /// The client's session.
    pub session: Option<String>,
    /// The requested model.
    pub model_requested: Option<String>,
    /// The model of the response.
    pub model_served: Option<String>,
    /// `true` if the client requested a stream.
    pub stream: bool,
    /// `open`, `done`, `incomplete`, `failed` or `unknown`.
    pub ending: &'static str,
    /// The upstream's status.
    pub status: Option<u16>,
    /// The verdict on the response, such as `ok` or `rate_limited`.
    pub verdict: Option<String>,
    /// The upstream's `request-id`.
    pub upstream_request_id: Option<String>,
    /// Tokens used.
    #[serde(flatten)]
    pub tokens: TokensView,
    /// Web searches.
    pub web_searches: u64,
    /// Cost in US dollars; the reserved cost while the attempt is open or if its end is unknown.
    pub cost_usd: f64,
    /// `true` if the cost is only an upper bound.
    pub cost_is_at_most: bool,
    /// Estimated API price in US dollars if a plan paid, not part of the cost; else null.
    pub equivalent_usd: Option<f64>,
    /// Date of the price table, `YYYY-MM-DD`.
    pub prices_as_of: Option<String>,
    /// Time of the lease.
    pub started_at: String,
    /// End of the attempt; null while it is open.
    pub ended_at: Option<String>,
    /// Milliseconds from the lease to the first byte of the response body.
    pub first_byte_ms: Option<u64>,
    /// Milliseconds from the lease to the end.
    pub duration_ms: Option<u64>,
    /// BLAKE3 of the request body, 64 hexadecimal digits.
    pub request_hash: String,
    /// Length of the request body in bytes.
    pub request_bytes: u64,
    /// BLAKE3 of the response body, 64 hexadecimal digits.
    pub response_hash: Option<String>,
    /// Length of the response body in bytes.
    pub response_bytes: u64,
    /// The edit of the request's cache markers: `1h:3` if three were changed, `skipped: order` with the reason if none
    /// was; null if no edit was configured.
    pub cache_edit: Option<String>,
    /// `true` if the attempt went to a sandbox.
    pub simulated: bool,
}

/// Usage and cost, by group.
#[derive(Debug, Serialize)]
pub struct UsageView {
    /// The grouping of the rows: `key`, `profile`, `model`, `day` or `session`.
    pub by: &'static str,
    /// Start of the period; null for all attempts.
    pub since: Option<String>,
    /// One row per group.
    pub rows: Vec<UsageRowView>,
    /// The sum of all rows; its name is `total`.
    pub total: UsageRowView,
}

/// Usage of one group of attempts.
#[derive(Debug, Serialize)]
pub struct UsageRowView {
    /// The group's name; null for attempts without one, such as those without a session.
    pub name: Option<String>,
    /// The id of the key or profile, 32 hexadecimal digits.
    pub id: Option<String>,
    /// Number of client requests.
    pub requests: u64,
    /// Number of attempts.
    pub attempts: u64,
    /// Number of attempts without a complete, successful response.
    pub failed: u64,
    /// Number of attempts that went to a sandbox.
    pub simulated_attempts: u64,
    /// `true` if all attempts went to a sandbox.
    pub simulated: bool,
    /// Tokens used.
    #[serde(flatten)]
    pub tokens: TokensView,
    /// Web searches.
    pub web_searches: u64,
    /// Cost in US dollars.
    pub cost_usd: f64,
    /// `true` if the cost is only an upper bound.
    pub cost_is_at_most: bool,
    /// Estimated API price of the attempts that a plan paid for, in US dollars, not part of the cost.
    pub equivalent_usd: f64,
}

impl UsageView {
    /// Creates the view of a query's result.
    pub fn new(query: &UsageQuery, rows: &[UsageRow]) -> Self {
        Self {
            by: grouping(query.by),
            since: query.since.map(|at| at.to_string()),
            rows: rows.iter().map(UsageRowView::from).collect(),
            total: UsageRowView::from(&total(rows)),
        }
    }
}

impl From<&UsageRow> for UsageRowView {
    fn from(row: &UsageRow) -> Self {
        Self {
            name: row.group.clone(),
            id: row.id.map(|id| id.simple().to_string()),
            requests: row.requests,
            attempts: row.attempts,
            failed: row.failed,
            simulated_attempts: row.simulated,
            simulated: row.attempts > 0 && row.simulated == row.attempts,
            tokens: TokensView::from(row.tokens),
            web_searches: row.web_searches,
            cost_usd: dollars(row.cost),
            cost_is_at_most: match row.certainty {
                Certainty::Exact => false,
                Certainty::AtMost => true,
            },
            equivalent_usd: dollars(row.equivalent),
        }
    }
}

/// Adds up the rows.
fn total(rows: &[UsageRow]) -> UsageRow {
    let mut total = UsageRow {
        group: Some("total".to_owned()),
        id: None,
        requests: 0,
        attempts: 0,
        simulated: 0,
        failed: 0,
        tokens: TokenCounts::default(),
        web_searches: 0,
        cost: NanoDollars::ZERO,
        equivalent: NanoDollars::ZERO,
        certainty: Certainty::Exact,
    };
    for row in rows {
        total.requests += row.requests;
        total.attempts += row.attempts;
        total.simulated += row.simulated;
        total.failed += row.failed;
        total.tokens = total.tokens.plus(row.tokens);
        total.web_searches = total.web_searches.saturating_add(row.web_searches);
        total.cost += row.cost;
        total.equivalent += row.equivalent;
        if row.certainty == Certainty::AtMost {
            total.certainty = Certainty::AtMost;
        }
    }
    total
}

fn grouping(by: Grouping) -> &'static str {
    match by {
        Grouping::Key => "key",
        Grouping::Profile => "profile",
        Grouping::Model => "model",
        Grouping::Day => "day",
        Grouping::Session => "session",
    }
}

/// Tokens in the five classes with separate prices.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct TokensView {
    /// Uncached input.
    pub input_tokens: u64,
    /// Output, including thinking.
    pub output_tokens: u64,
    /// Input read from the cache.
    pub cache_read_tokens: u64,
    /// Input written to the cache for five minutes.
    pub cache_write_5m_tokens: u64,
    /// Input written to the cache for one hour.
    pub cache_write_1h_tokens: u64,
}

impl From<&LedgerEntry> for AttemptView {
    fn from(entry: &LedgerEntry) -> Self {
        let LedgerEntry {
            intent,
            key_name,
            profile_name,
            outcome,
        } = entry;
        let outcome = outcome.as_ref();
        let totals = AttemptTotals::new(&[entry]);
        Self {
            attempt: intent.attempt.0.simple().to_string(),
            request: intent.request.0.simple().to_string(),
            operation: operation(intent.operation),
            key: key_name.clone(),
            profile: profile_name.clone(),
            number: intent.number,
            reason: intent.reason.name(),
            session: intent.session.clone(),
            model_requested: intent.model_requested.clone(),
            model_served: outcome.and_then(|outcome| outcome.model_served.clone()),
            stream: intent.stream,
            ending: outcome.map_or("open", |outcome| ending(outcome.ending)),
            status: outcome.and_then(|outcome| outcome.status),
            verdict: outcome.and_then(|outcome| outcome.verdict.clone()),
            upstream_request_id: outcome.and_then(|outcome| outcome.upstream_request_id.clone()),
            tokens: TokensView::from(totals.tokens),
            web_searches: totals.web_searches,
            cost_usd: dollars(totals.cost),
            cost_is_at_most: totals.cost_is_at_most,
            equivalent_usd: totals.equivalent.map(dollars),
            prices_as_of: outcome.and_then(|outcome| outcome.prices_as_of.clone()),
            started_at: intent.started_at.to_string(),
            ended_at: outcome.map(|outcome| outcome.ended_at.to_string()),
            first_byte_ms: outcome
                .and_then(|outcome| outcome.first_byte_micros)
                .map(millis),
            duration_ms: outcome
                .and_then(|outcome| outcome.duration_micros)
                .map(millis),
            request_hash: hex::encode(intent.request_hash),
            request_bytes: intent.request_bytes,
            response_hash: outcome
                .and_then(|outcome| outcome.response_hash)
                .map(hex::encode),
            response_bytes: outcome.map_or(0, |outcome| outcome.response_bytes),
            cache_edit: outcome.and_then(|outcome| outcome.cache_edit.clone()),
            simulated: intent.simulated,
        }
    }
}

impl TokensView {
    /// Returns the sum of all classes.
    pub fn total(&self) -> u64 {
        [
            self.output_tokens,
            self.cache_read_tokens,
            self.cache_write_5m_tokens,
            self.cache_write_1h_tokens,
        ]
        .into_iter()
        .fold(self.input_tokens, u64::saturating_add)
    }
}

impl From<TokenCounts> for TokensView {
    fn from(tokens: TokenCounts) -> Self {
        Self {
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            cache_read_tokens: tokens.cache_read,
            cache_write_5m_tokens: tokens.write_5m,
            cache_write_1h_tokens: tokens.write_1h,
        }
    }
}

/// Usage and cost of one or several attempts.
pub(super) struct AttemptTotals {
    pub(super) tokens: TokenCounts,
    pub(super) web_searches: u64,
    /// Settled costs, and the reserved costs of open attempts.
    pub(super) cost: NanoDollars,
    /// `true` if the cost is an upper bound.
    pub(super) cost_is_at_most: bool,
    /// Estimated API price of the attempts that a plan paid for.
    pub(super) equivalent: Option<NanoDollars>,
}

impl AttemptTotals {
    pub(super) fn new(attempts: &[&LedgerEntry]) -> Self {
        let mut totals = Self {
            tokens: TokenCounts::default(),
            web_searches: 0,
            cost: NanoDollars::ZERO,
            cost_is_at_most: false,
            equivalent: None,
        };
        for entry in attempts {
            totals.add(&entry.intent, entry.outcome.as_ref());
        }
        totals
    }

    fn add(&mut self, intent: &Intent, outcome: Option<&EntryOutcome>) {
        let (cost, basis) = match outcome {
            Some(outcome) => (outcome.cost, outcome.basis),
            None => (intent.reserved, None),
        };
        match basis {
            Some(CostBasis::Known | CostBasis::AtMost) | None => {
                self.cost += cost;
                self.cost_is_at_most |= basis != Some(CostBasis::Known);
            }
            Some(CostBasis::Equivalent) => {
                *self.equivalent.get_or_insert(NanoDollars::ZERO) += cost;
            }
        }
        if let Some(outcome) = outcome {
            self.tokens = self.tokens.plus(outcome.tokens);
            self.web_searches = self.web_searches.saturating_add(outcome.web_searches);
        }
    }
}

pub(super) fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Messages => "messages",
        Operation::CountTokens => "count_tokens",
        Operation::Models => "models",
        Operation::Account => "account",
    }
}

/// Converts to dollars as the nearest JSON number. Below nine million dollars its shortest digits are the exact amount.
pub(super) fn dollars(amount: NanoDollars) -> f64 {
    amount.to_string().parse().unwrap_or(f64::MAX)
}

fn millis(micros: u64) -> u64 {
    micros / 1_000
}
