//! The ledger: its rows, and their sums.

use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::Basis;
use keyreeve_core::usage::Tokens;
use keyreeve_store::{
    AttemptRow, Certainty, Ended, Ending, Grouping, Intent, Operation, UsageQuery, UsageRow,
};
use serde::Serialize;

/// The newest attempts.
#[derive(Debug, Serialize)]
pub struct AttemptsView {
    /// Newest first.
    pub attempts: Vec<AttemptView>,
}

/// One attempt to have a request answered.
#[derive(Debug, Serialize)]
pub struct AttemptView {
    /// Names it for ever: 32 hexadecimal digits.
    pub attempt: String,
    /// Names the client's request; its attempts share it.
    pub request: String,
    /// `messages`, `count_tokens`, `models` or `account`.
    pub operation: &'static str,
    /// The key's name, `(keyreeve)` where its owner asked through no key; none where the key is gone.
    pub key: Option<String>,
    /// The profile's name, `(pass-through)` where the client carried a credential of its own; none where the profile is
    /// gone.
    pub profile: Option<String>,
    /// Which of the request's attempts it is, from 1.
    pub number: u32,
    /// Why it was this profile's: `first`, `spread`, `held` (by the conversation), `moved` (the one that held it cannot
    /// serve), `after-refusal`, `after-failure` (of another's upstream), `renewed` (its secret), `waited` (for the end of
    /// its limit) or `named` (by a person).
    pub reason: &'static str,
    /// The client's session.
    pub session: Option<String>,
    /// The model asked for.
    pub model_asked: Option<String>,
    /// The model that answered.
    pub model_served: Option<String>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// `open`, `done`, `incomplete`, `failed` or `unknown`.
    pub ending: &'static str,
    /// The upstream's status.
    pub status: Option<u16>,
    /// What the answer means for the credential, such as `ok` or `rate_limited`.
    pub verdict: Option<String>,
    /// The upstream's `request-id`.
    pub upstream_request_id: Option<String>,
    /// What it used.
    #[serde(flatten)]
    pub tokens: TokensView,
    /// Web searches it made.
    pub web_searches: u64,
    /// What it cost in US dollars; while it is open, and where its end is unknown, what was reserved.
    pub cost_usd: f64,
    /// Whether the cost is only an upper bound.
    pub cost_is_at_most: bool,
    /// Where a plan paid, what the API would have taken for it, in US dollars: an estimate, and no part of the cost.
    pub equivalent_usd: Option<f64>,
    /// The date of the prices, `YYYY-MM-DD`.
    pub prices_as_of: Option<String>,
    /// When the lease was made.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Milliseconds from lease to the first byte of the answer's body.
    pub first_byte_ms: Option<u64>,
    /// Milliseconds from lease to the end.
    pub duration_ms: Option<u64>,
    /// BLAKE3 of the request's body, 64 hexadecimal digits.
    pub request_hash: String,
    /// Length of the request's body.
    pub request_bytes: u64,
    /// BLAKE3 of the answer's body, 64 hexadecimal digits.
    pub answer_hash: Option<String>,
    /// Length of the answer's body.
    pub answer_bytes: u64,
    /// What was done to the request's cache markers: `1h:3` where three were edited, `left: order` where none was touched
    /// and why; null where nothing was asked for.
    pub cache_edit: Option<String>,
    /// Whether it went to a sandbox.
    pub simulated: bool,
}

/// What was used and what it cost.
#[derive(Debug, Serialize)]
pub struct UsageView {
    /// What a row stands for: `key`, `profile`, `model`, `day` or `session`.
    pub by: &'static str,
    /// Only attempts since then.
    pub since: Option<String>,
    /// A row a group.
    pub rows: Vec<UsageRowView>,
    /// All rows together; its name is `total`.
    pub total: UsageRowView,
}

/// One group of attempts.
#[derive(Debug, Serialize)]
pub struct UsageRowView {
    /// The group; none where the attempts have none, such as those without a session.
    pub name: Option<String>,
    /// The id of the key or profile, 32 hexadecimal digits.
    pub id: Option<String>,
    /// How many requests clients made.
    pub requests: u64,
    /// How many attempts were made for them.
    pub attempts: u64,
    /// How many of the attempts got no whole good answer.
    pub failed: u64,
    /// How many of the attempts went to a sandbox.
    pub simulated_attempts: u64,
    /// Whether all of them did.
    pub simulated: bool,
    /// What they used.
    #[serde(flatten)]
    pub tokens: TokensView,
    /// Web searches they made.
    pub web_searches: u64,
    /// What they cost in US dollars.
    pub cost_usd: f64,
    /// Whether the cost is only an upper bound.
    pub cost_is_at_most: bool,
    /// What those that a plan paid for would have cost at the API's prices: an estimate, and no part of the cost.
    pub equivalent_usd: f64,
}

impl UsageView {
    /// Shows what a query found.
    pub fn of(query: &UsageQuery, rows: &[UsageRow]) -> Self {
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

/// Adds the rows up.
fn total(rows: &[UsageRow]) -> UsageRow {
    let mut total = UsageRow {
        group: Some("total".to_owned()),
        id: None,
        requests: 0,
        attempts: 0,
        simulated: 0,
        failed: 0,
        tokens: Tokens::default(),
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

/// Tokens in the five classes that have prices of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct TokensView {
    /// Input that no cache had.
    pub input_tokens: u64,
    /// Output, thinking included.
    pub output_tokens: u64,
    /// Input read from a cache.
    pub cache_read_tokens: u64,
    /// Input written to a cache for five minutes.
    pub cache_write_5m_tokens: u64,
    /// Input written to a cache for one hour.
    pub cache_write_1h_tokens: u64,
}

impl From<&AttemptRow> for AttemptView {
    fn from(row: &AttemptRow) -> Self {
        let AttemptRow {
            intent,
            key_name,
            profile_name,
            ended,
        } = row;
        let ended = ended.as_ref();
        let spent = Spent::of(intent, ended);
        Self {
            attempt: intent.attempt.0.simple().to_string(),
            request: intent.request.0.simple().to_string(),
            operation: operation(intent.operation),
            key: key_name.clone(),
            profile: profile_name.clone(),
            number: intent.number,
            reason: intent.reason.name(),
            session: intent.session.clone(),
            model_asked: intent.model_asked.clone(),
            model_served: ended.and_then(|ended| ended.model_served.clone()),
            stream: intent.stream,
            ending: ended.map_or("open", |ended| ending(ended.ending)),
            status: ended.and_then(|ended| ended.status),
            verdict: ended.and_then(|ended| ended.verdict.clone()),
            upstream_request_id: ended.and_then(|ended| ended.upstream_request_id.clone()),
            tokens: TokensView::from(ended.map(|ended| ended.tokens).unwrap_or_default()),
            web_searches: ended.map_or(0, |ended| ended.web_searches),
            cost_usd: dollars(spent.cost),
            cost_is_at_most: spent.is_at_most,
            equivalent_usd: spent.equivalent.map(dollars),
            prices_as_of: ended.and_then(|ended| ended.prices_as_of.clone()),
            started_at: intent.started_at.to_string(),
            ended_at: ended.map(|ended| ended.ended_at.to_string()),
            first_byte_ms: ended.and_then(|ended| ended.first_byte_micros).map(millis),
            duration_ms: ended.and_then(|ended| ended.duration_micros).map(millis),
            request_hash: hex::encode(intent.request_hash),
            request_bytes: intent.request_bytes,
            answer_hash: ended.and_then(|ended| ended.answer_hash).map(hex::encode),
            answer_bytes: ended.map_or(0, |ended| ended.answer_bytes),
            cache_edit: ended.and_then(|ended| ended.cache_edit.clone()),
            simulated: intent.simulated,
        }
    }
}

impl TokensView {
    /// All classes together.
    pub fn total(&self) -> u64 {
        let Self {
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_5m_tokens,
            cache_write_1h_tokens,
        } = self;
        [
            output_tokens,
            cache_read_tokens,
            cache_write_5m_tokens,
            cache_write_1h_tokens,
        ]
        .into_iter()
        .fold(*input_tokens, |sum, count| sum.saturating_add(*count))
    }
}

impl From<Tokens> for TokensView {
    fn from(tokens: Tokens) -> Self {
        Self {
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            cache_read_tokens: tokens.cache_read,
            cache_write_5m_tokens: tokens.write_5m,
            cache_write_1h_tokens: tokens.write_1h,
        }
    }
}

/// What an attempt cost.
struct Spent {
    cost: NanoDollars,
    /// Whether that is an upper bound.
    is_at_most: bool,
    /// What it would have cost where a plan paid.
    equivalent: Option<NanoDollars>,
}

impl Spent {
    fn of(intent: &Intent, ended: Option<&Ended>) -> Self {
        let (cost, basis) = match ended {
            Some(ended) => (ended.cost, ended.basis),
            None => (intent.reserved, None),
        };
        match basis {
            Some(Basis::Known | Basis::AtMost) | None => Self {
                cost,
                is_at_most: basis != Some(Basis::Known),
                equivalent: None,
            },
            Some(Basis::Equivalent) => Self {
                cost: NanoDollars::ZERO,
                is_at_most: false,
                equivalent: Some(cost),
            },
        }
    }
}

fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Messages => "messages",
        Operation::CountTokens => "count_tokens",
        Operation::Models => "models",
        Operation::Account => "account",
    }
}

pub(crate) fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Incomplete => "incomplete",
        Ending::Failed => "failed",
        Ending::Unknown => "unknown",
    }
}

/// Dollars as the nearest JSON number. Below nine million dollars its shortest digits are the exact amount.
pub(super) fn dollars(amount: NanoDollars) -> f64 {
    amount.to_string().parse().unwrap_or(f64::MAX)
}

fn millis(micros: u64) -> u64 {
    micros / 1_000
}
