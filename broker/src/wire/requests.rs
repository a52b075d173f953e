//! Client requests: the ledger entries of all attempts of one request, summed up.
//!
//! Invariant: built from ledger entries alone; figures of a request are sums over its attempts, results are those of
//! the last attempt.

use std::collections::HashMap;

use jiff::Timestamp;
use keyreeve_store::{LedgerEntry, RequestId};
use serde::Serialize;

use super::TokensView;
use super::ledger::{AttemptTotals, dollars, operation};
use crate::report::ending;

/// The newest requests.
#[derive(Debug, Serialize)]
pub struct RequestsView {
    /// Newest first.
    pub requests: Vec<RequestView>,
}

/// One client request, over all its attempts.
#[derive(Debug, Serialize)]
pub struct RequestView {
    /// The request's permanent id: 32 hexadecimal digits.
    pub request: String,
    /// `messages`, `count_tokens`, `models` or `account`.
    pub operation: &'static str,
    /// The key's name, `(keyreeve)` if the owner made the request without a key; null if the key is gone.
    pub key: Option<String>,
    /// The profile of the last attempt, `(pass-through)` if the client carried its own credential; null if the profile
    /// is gone.
    pub profile: Option<String>,
    /// Number of attempts.
    pub attempts: u32,
    /// The client's session.
    pub session: Option<String>,
    /// The requested model.
    pub model_requested: Option<String>,
    /// The model of the last attempt's response.
    pub model_served: Option<String>,
    /// `true` if the client requested a stream.
    pub stream: bool,
    /// The last attempt's ending: `open`, `done`, `incomplete`, `failed` or `unknown`.
    pub ending: &'static str,
    /// The last attempt's upstream status.
    pub status: Option<u16>,
    /// The last attempt's verdict, such as `ok` or `rate_limited`.
    pub verdict: Option<String>,
    /// The upstream's `request-id` of the last attempt.
    pub upstream_request_id: Option<String>,
    /// Tokens used by all attempts.
    #[serde(flatten)]
    pub tokens: TokensView,
    /// Web searches of all attempts.
    pub web_searches: u64,
    /// Cost of all attempts in US dollars; an open attempt counts with its reserved cost.
    pub cost_usd: f64,
    /// `true` if the cost of any attempt is only an upper bound.
    pub cost_is_at_most: bool,
    /// Estimated API price of the attempts that a plan paid for, in US dollars, not part of the cost; null if there are
    /// none.
    pub equivalent_usd: Option<f64>,
    /// Start of the first attempt.
    pub started_at: String,
    /// End of the last attempt; null while it is open.
    pub ended_at: Option<String>,
    /// Milliseconds from the start of the first attempt to the end of the last; null if that end is unknown.
    pub duration_ms: Option<u64>,
    /// `true` if the last attempt went to a sandbox.
    pub simulated: bool,
}

impl RequestsView {
    /// Groups ledger entries by request and keeps the `limit` newest requests. A request whose first attempt is not
    /// among the entries is left out: its sums would be wrong.
    pub fn from_entries(entries: &[LedgerEntry], limit: usize) -> Self {
        let mut by_request: HashMap<RequestId, Vec<&LedgerEntry>> = HashMap::new();
        for entry in entries {
            by_request
                .entry(entry.intent.request)
                .or_default()
                .push(entry);
        }
        let mut requests: Vec<Vec<&LedgerEntry>> = by_request.into_values().collect();
        for attempts in &mut requests {
            attempts.sort_by_key(|entry| entry.intent.number);
        }
        requests.retain(|attempts| {
            attempts
                .first()
                .is_some_and(|first| first.intent.number == 1)
        });
        requests.sort_by_key(|attempts| std::cmp::Reverse(sort_key(attempts)));
        Self {
            requests: requests
                .iter()
                .take(limit)
                .filter_map(|attempts| RequestView::from_attempts(attempts))
                .collect(),
        }
    }
}

impl RequestView {
    /// Sums up the attempts of one request, in order. Returns `None` if there are none.
    fn from_attempts(attempts: &[&LedgerEntry]) -> Option<Self> {
        let (first, last) = (attempts.first()?, attempts.last()?);
        let outcome = last.outcome.as_ref();
        let totals = AttemptTotals::new(attempts);
        Some(Self {
            request: first.intent.request.0.simple().to_string(),
            operation: operation(first.intent.operation),
            key: first.key_name.clone(),
            profile: last.profile_name.clone(),
            attempts: u32::try_from(attempts.len()).unwrap_or(u32::MAX),
            session: first.intent.session.clone(),
            model_requested: first.intent.model_requested.clone(),
            model_served: outcome.and_then(|outcome| outcome.model_served.clone()),
            stream: first.intent.stream,
            ending: outcome.map_or("open", |outcome| ending(outcome.ending)),
            status: outcome.and_then(|outcome| outcome.status),
            verdict: outcome.and_then(|outcome| outcome.verdict.clone()),
            upstream_request_id: outcome.and_then(|outcome| outcome.upstream_request_id.clone()),
            tokens: TokensView::from(totals.tokens),
            web_searches: totals.web_searches,
            cost_usd: dollars(totals.cost),
            cost_is_at_most: totals.cost_is_at_most,
            equivalent_usd: totals.equivalent.map(dollars),
            started_at: first.intent.started_at.to_string(),
            ended_at: outcome.map(|outcome| outcome.ended_at.to_string()),
            duration_ms: duration_ms(first, last),
            simulated: last.intent.simulated,
        })
    }
}

/// Returns the start of the first attempt, and the id to break ties.
fn sort_key(attempts: &[&LedgerEntry]) -> Option<(Timestamp, RequestId)> {
    let intent = &attempts.first()?.intent;
    Some((intent.started_at, intent.request))
}

/// Returns the time from the first attempt's start to the last attempt's end, in milliseconds, or `None` if the last
/// attempt has no measured duration.
fn duration_ms(first: &LedgerEntry, last: &LedgerEntry) -> Option<u64> {
    let last_micros = last.outcome.as_ref()?.duration_micros?;
    let before = last
        .intent
        .started_at
        .duration_since(first.intent.started_at);
    let before_micros = u64::try_from(before.as_micros()).unwrap_or_default();
    Some(before_micros.saturating_add(last_micros) / 1_000)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use keyreeve_core::money::NanoDollars;
    use keyreeve_core::price::CostBasis;
    use keyreeve_core::profile::ProfileId;
    use keyreeve_core::select::Reason;
    use keyreeve_core::usage::TokenCounts;
    use keyreeve_core::virtual_key::KeyId;
    use keyreeve_store::{AttemptId, Ending, EntryOutcome, Intent, Operation};
    use uuid::Uuid;

    use super::*;

    /// An open attempt of a request, `second` seconds after the epoch.
    fn entry(request: u128, number: u32, second: i64) -> LedgerEntry {
        LedgerEntry {
            intent: Intent {
                attempt: AttemptId(Uuid::from_u128(request * 100 + u128::from(number))),
                request: RequestId(Uuid::from_u128(request)),
                started_at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second),
                operation: Operation::Messages,
                key: KeyId(Uuid::from_u128(1)),
                profile: ProfileId(Uuid::from_u128(2)),
                number,
                reason: Reason::First,
                session: Some("session-1".to_owned()),
                model_requested: Some("claude-haiku-5-5".to_owned()),
                stream: true,
                request_hash: [0; 32],
                request_bytes: 300,
                reserved: NanoDollars::new(7_000),
                simulated: false,
            },
            key_name: Some("editor".to_owned()),
            profile_name: Some(format!("work-{number}")),
            outcome: None,
        }
    }

    fn ended(entry: LedgerEntry, status: u16, basis: CostBasis) -> LedgerEntry {
        let ended_at = entry.intent.started_at + SignedDuration::from_millis(500);
        let tokens = TokenCounts {
            input: 10,
            output: 2,
            ..TokenCounts::default()
        };
        let outcome = EntryOutcome {
            ending: Ending::Done,
            ended_at,
            status: Some(status),
            verdict: Some(if status == 200 { "ok" } else { "rate_limited" }.to_owned()),
            upstream_request_id: Some(format!("req_{}", entry.intent.number)),
            model_served: (status == 200).then(|| "claude-haiku-5-5-20260901".to_owned()),
            tokens,
            web_searches: 1,
            cost: NanoDollars::new(2_000),
            basis: Some(basis),
            prices_as_of: Some("2026-11-01".to_owned()),
            first_byte_micros: Some(100_000),
            duration_micros: Some(500_000),
            response_hash: None,
            response_bytes: 100,
            cache_edit: None,
        };
        LedgerEntry {
            outcome: Some(outcome),
            ..entry
        }
    }

    #[test]
    fn attempts_of_a_request_are_summed_up() {
        let entries = [
            ended(entry(1, 2, 3), 200, CostBasis::AtMost),
            ended(entry(1, 1, 1), 429, CostBasis::Known),
        ];
        let view = RequestsView::from_entries(&entries, 10);
        assert_eq!(view.requests.len(), 1);
        let request = &view.requests[0];
        assert_eq!(request.request, format!("{:032x}", 1));
        assert_eq!(request.attempts, 2);
        assert_eq!(request.profile.as_deref(), Some("work-2"));
        assert_eq!(
            (request.ending, request.status, request.verdict.as_deref()),
            ("done", Some(200), Some("ok"))
        );
        assert_eq!(request.upstream_request_id.as_deref(), Some("req_2"));
        assert_eq!(
            request.model_served.as_deref(),
            Some("claude-haiku-5-5-20260901")
        );
        assert_eq!(
            (request.tokens.input_tokens, request.tokens.output_tokens),
            (20, 4)
        );
        assert_eq!(request.web_searches, 2);
        assert_eq!(request.cost_usd.to_string(), "0.000004");
        assert!(request.cost_is_at_most);
        assert_eq!(request.equivalent_usd, None);
        assert_eq!(request.started_at, "1970-01-01T00:00:01Z");
        assert_eq!(request.ended_at.as_deref(), Some("1970-01-01T00:00:03.5Z"));
        assert_eq!(request.duration_ms, Some(2_500));
    }

    #[test]
    fn open_request_counts_with_its_reserved_cost() {
        let entries = [entry(1, 2, 2), ended(entry(1, 1, 1), 529, CostBasis::Known)];
        let view = RequestsView::from_entries(&entries, 10);
        let request = &view.requests[0];
        assert_eq!((request.ending, request.status), ("open", None));
        assert_eq!(request.cost_usd.to_string(), "0.000009");
        assert!(request.cost_is_at_most);
        assert_eq!((&request.ended_at, request.duration_ms), (&None, None));
    }

    #[test]
    fn plan_usage_is_an_equivalent_not_a_cost() {
        let entries = [
            ended(entry(1, 2, 2), 200, CostBasis::Equivalent),
            ended(entry(1, 1, 1), 529, CostBasis::Equivalent),
        ];
        let request = &RequestsView::from_entries(&entries, 10).requests[0];
        assert_eq!(request.cost_usd.to_string(), "0");
        assert!(!request.cost_is_at_most);
        let equivalent = request.equivalent_usd.map(|usd| usd.to_string());
        assert_eq!(equivalent.as_deref(), Some("0.000004"));
    }

    #[test]
    fn requests_are_newest_first_and_limited() {
        // Request 2 began before request 3 and ended after it; request 1 began before the entries do.
        let entries = [
            entry(2, 2, 9),
            entry(3, 1, 8),
            entry(2, 1, 7),
            entry(1, 2, 6),
        ];
        let order = |limit| {
            let view = RequestsView::from_entries(&entries, limit);
            let ids = view.requests.into_iter();
            ids.map(|request| request.request.trim_start_matches('0').to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(order(10), ["3", "2"]);
        assert_eq!(order(1), ["3"]);
    }
}
