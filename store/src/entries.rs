//! Types of the ledger: one entry per attempt, opened by an [`Intent`] and closed by an [`Outcome`].

use std::fmt;

use jiff::Timestamp;
use keyreeve_core::cache_ttl::TtlOutcome;
use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::CostBasis;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::select::Reason;
use keyreeve_core::usage::TokenCounts;
use keyreeve_core::virtual_key::KeyId;
use uuid::Uuid;

/// The durability of ledger entries. Every entry survives a killed process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// Entries are synced to the disk once a second: a power failure may lose the last second.
    #[default]
    Local,
    /// An intent is synced to the disk before its request is sent.
    Strict,
}

/// Unique id of an attempt: a UUID v7. Writing the same outcome twice changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AttemptId(pub Uuid);

impl AttemptId {
    /// Returns the start of the attempt, in milliseconds: the time in its id.
    pub(crate) fn started_at(self) -> Timestamp {
        let millis = self.0.as_u128() >> 80;
        let millis = i64::try_from(millis).unwrap_or_default();
        Timestamp::from_millisecond(millis).unwrap_or_default()
    }
}

/// Unique id of a client's request, shared by its attempts: a UUID v7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub Uuid);

impl fmt::Display for RequestId {
    /// Formats the id as clients and logs see it: `req_kr_` and 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req_kr_{}", self.0.simple())
    }
}

/// The API endpoint of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`: free.
    CountTokens,
    /// `GET /v1/models` and `GET /v1/models/{id}`: free.
    Models,
    /// `GET /api/oauth/usage` and `GET /api/oauth/profile`: free, and only with pass-through of a client's own login.
    Account,
}

/// The record written before the first byte is sent upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    /// The attempt.
    pub attempt: AttemptId,
    /// The request it belongs to.
    pub request: RequestId,
    /// Time of the lease.
    pub started_at: Timestamp,
    /// The API endpoint.
    pub operation: Operation,
    /// The client's key; [`KeyId::OWN`] for a request of keyreeve's owner, made without a key.
    pub key: KeyId,
    /// The leased profile; [`ProfileId::PASS_THROUGH`] if the client sent a credential of its own.
    pub profile: ProfileId,
    /// Number of the attempt within its request, from 1.
    pub number: u32,
    /// The reason for selecting this profile.
    pub reason: Reason,
    /// The client's `x-claude-code-session-id`, at most 128 printable ASCII characters of it.
    pub session: Option<String>,
    /// The requested model, sanitized and truncated to 128 characters.
    pub model_requested: Option<String>,
    /// `true` if the client requested a stream.
    pub stream: bool,
    /// BLAKE3 of the request body.
    pub request_hash: [u8; 32],
    /// Length of the request body in bytes.
    pub request_bytes: u64,
    /// The maximum cost of the attempt, estimated before it is sent; it is the cost if no outcome is ever recorded.
    /// Zero if a plan pays.
    pub reserved: NanoDollars,
    /// `true` if the profile's upstream is the sandbox.
    pub simulated: bool,
}

/// The way an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ending {
    /// The response is complete.
    Done,
    /// The response was cut off, or the client disconnected; usage counted until then is billed.
    Incomplete,
    /// There was no response.
    Failed,
    /// The process died first: the cost is the reserved cost.
    Unknown,
}

/// The record written when the response has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The way it ended. Never [`Ending::Unknown`], which only recovery writes.
    pub ending: Ending,
    /// Time it ended.
    pub ended_at: Timestamp,
    /// The upstream's HTTP status, or `None` without a response.
    pub status: Option<u16>,
    /// The verdict's name, such as `ok` or `rate_limited`.
    pub verdict: &'static str,
    /// The upstream's `request-id`, at most 128 printable ASCII characters of it.
    pub upstream_request_id: Option<String>,
    /// The model that served the request.
    pub model_served: Option<String>,
    /// Tokens used.
    pub tokens: TokenCounts,
    /// Web searches made.
    pub web_searches: u64,
    /// The cost; with [`CostBasis::Equivalent`] the price it would have had.
    pub cost: NanoDollars,
    /// The precision of the cost.
    pub basis: CostBasis,
    /// Date of the price table used, `YYYY-MM-DD`.
    pub prices_as_of: String,
    /// Microseconds from the lease to the first byte of the response body.
    pub first_byte_micros: Option<u64>,
    /// Microseconds from the lease to the end.
    pub duration_micros: u64,
    /// BLAKE3 of the response body as it was forwarded.
    pub response_hash: Option<[u8; 32]>,
    /// Length of the response body in bytes.
    pub response_bytes: u64,
    /// The edit of its cache markers, or `None` if none was requested.
    pub cache_edit: Option<TtlOutcome>,
}

/// An entry of the ledger: one attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LedgerEntry {
    /// The record of its start.
    pub intent: Intent,
    /// The key's name, [`KeyId::OWN_NAME`] without a key, or `None` if the store does not know the key.
    pub key_name: Option<String>,
    /// The profile's last name, [`ProfileId::PASS_THROUGH_NAME`] without a profile, or `None` if the store does not
    /// know the profile.
    pub profile_name: Option<String>,
    /// The record of its end, or `None` while the entry is open.
    pub outcome: Option<EntryOutcome>,
}

/// The outcome of an attempt as read from the ledger. Recovery knows less than an [`Outcome`]: unknown fields are
/// `None`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryOutcome {
    /// The way it ended.
    pub ending: Ending,
    /// Time it ended, or was closed by recovery.
    pub ended_at: Timestamp,
    /// The upstream's HTTP status.
    pub status: Option<u16>,
    /// The verdict's name.
    pub verdict: Option<String>,
    /// The upstream's `request-id`.
    pub upstream_request_id: Option<String>,
    /// The model that served the request.
    pub model_served: Option<String>,
    /// Tokens used.
    pub tokens: TokenCounts,
    /// Web searches made.
    pub web_searches: u64,
    /// The cost; with [`Ending::Unknown`] the reserved cost, with [`CostBasis::Equivalent`] the price it would have
    /// had.
    pub cost: NanoDollars,
    /// The precision of the cost.
    pub basis: Option<CostBasis>,
    /// Date of the price table used.
    pub prices_as_of: Option<String>,
    /// Microseconds from the lease to the first byte of the response body.
    pub first_byte_micros: Option<u64>,
    /// Microseconds from the lease to the end.
    pub duration_micros: Option<u64>,
    /// BLAKE3 of the response body.
    pub response_hash: Option<[u8; 32]>,
    /// Length of the response body in bytes.
    pub response_bytes: u64,
    /// The edit of its cache markers, such as `1h:3` or `skipped: order`, or `None` if none was requested.
    pub cache_edit: Option<String>,
}

impl From<Outcome> for EntryOutcome {
    fn from(outcome: Outcome) -> Self {
        Self {
            ending: outcome.ending,
            ended_at: outcome.ended_at,
            status: outcome.status,
            verdict: Some(outcome.verdict.to_owned()),
            upstream_request_id: outcome.upstream_request_id,
            model_served: outcome.model_served,
            tokens: outcome.tokens,
            web_searches: outcome.web_searches,
            cost: outcome.cost,
            basis: Some(outcome.basis),
            prices_as_of: Some(outcome.prices_as_of),
            first_byte_micros: outcome.first_byte_micros,
            duration_micros: Some(outcome.duration_micros),
            response_hash: outcome.response_hash,
            response_bytes: outcome.response_bytes,
            cache_edit: outcome.cache_edit.map(|edit| edit.to_string()),
        }
    }
}
