//! What the ledger remembers: one row an attempt, opened by an [`Intent`] and closed by an [`Outcome`].

use std::fmt;

use jiff::Timestamp;
use keyreeve_core::cache_ttl::Applied;
use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::Basis;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::select::Reason;
use keyreeve_core::usage::Tokens;
use keyreeve_core::virtual_key::KeyId;
use uuid::Uuid;

/// Names an attempt for ever: a UUID v7. Writing the same outcome twice changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AttemptId(pub Uuid);

/// Names a client's request; its attempts share it. A UUID v7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub Uuid);

impl fmt::Display for RequestId {
    /// Writes it as clients and logs see it: `req_kr_` and 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req_kr_{}", self.0.simple())
    }
}

/// Which API the attempt is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`: free.
    CountTokens,
    /// `GET /v1/models` and `GET /v1/models/{id}`: free.
    Models,
    /// `GET /api/oauth/usage` and `GET /api/oauth/profile`: free, and only where a client's own login passes through.
    Account,
}

/// What is written before the first byte goes upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    /// The attempt.
    pub attempt: AttemptId,
    /// The request it belongs to.
    pub request: RequestId,
    /// When the lease was made.
    pub started_at: Timestamp,
    /// Which API.
    pub operation: Operation,
    /// Who asked; [`KeyId::OWN`] where keyreeve's owner did, through no key.
    pub key: KeyId,
    /// With which profile; [`ProfileId::PASS_THROUGH`] where the client carried a credential of its own.
    pub profile: ProfileId,
    /// Which of the request's attempts it is, from 1.
    pub number: u32,
    /// Why it was this profile's.
    pub reason: Reason,
    /// The client's `x-claude-code-session-id`, at most 128 printable ASCII characters of it.
    pub session: Option<String>,
    /// The model asked for, made inert and cut to 128 characters.
    pub model_asked: Option<String>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// BLAKE3 of the request body.
    pub request_hash: [u8; 32],
    /// Length of the request body in bytes.
    pub request_bytes: u64,
    /// What the attempt costs at the most, as reckoned beforehand; it stands where no outcome comes. Nothing where a plan
    /// pays: no money is at stake.
    pub reserved: NanoDollars,
    /// Whether the profile leads to the sandbox.
    pub simulated: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ending {
    /// The answer came whole.
    Done,
    /// The answer was cut, or the client went away; what was counted until then is billed.
    Incomplete,
    /// No answer came at all.
    Failed,
    /// The process ended first; the reserved cost stands.
    Unknown,
}

/// What is written when the answer has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The attempt.
    pub attempt: AttemptId,
    /// How it ended. Never [`Ending::Unknown`], which only recovery writes.
    pub ending: Ending,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The upstream's status; none where no answer came.
    pub status: Option<u16>,
    /// The verdict's name, such as `ok` or `rate_limited`.
    pub verdict: &'static str,
    /// The upstream's `request-id`, at most 128 printable ASCII characters of it.
    pub upstream_request_id: Option<String>,
    /// The model that answered.
    pub model_served: Option<String>,
    /// What it used.
    pub tokens: Tokens,
    /// Web searches it made.
    pub web_searches: u64,
    /// What it cost; with [`Basis::Equivalent`] what it would have cost.
    pub cost: NanoDollars,
    /// How sure that is.
    pub basis: Basis,
    /// The date of the prices it was reckoned with, `YYYY-MM-DD`.
    pub prices_as_of: String,
    /// Microseconds from lease to the first byte of the answer's body.
    pub first_byte_micros: Option<u64>,
    /// Microseconds from lease to the end.
    pub duration_micros: u64,
    /// BLAKE3 of the answer's body as it passed.
    pub answer_hash: Option<[u8; 32]>,
    /// Length of the answer's body in bytes.
    pub answer_bytes: u64,
    /// What was done to its cache markers; none where nothing was asked for.
    pub cache_edit: Option<Applied>,
}

/// An attempt as the ledger has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttemptRow {
    /// What was written when it began.
    pub intent: Intent,
    /// The key's name, [`KeyId::OWN_NAME`] where there was no key; none where the key is not known here.
    pub key_name: Option<String>,
    /// The profile's last name, [`ProfileId::PASS_THROUGH_NAME`] where there was no profile; none where the profile is not
    /// known here.
    pub profile_name: Option<String>,
    /// What was written when it ended; none while it is open.
    pub ended: Option<Ended>,
}

/// How an attempt ended, as the ledger has it. Recovery knows less than an [`Outcome`]: what it cannot know is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// How it ended.
    pub ending: Ending,
    /// When it ended, or was given up.
    pub ended_at: Timestamp,
    /// The upstream's status.
    pub status: Option<u16>,
    /// The verdict's name.
    pub verdict: Option<String>,
    /// The upstream's `request-id`.
    pub upstream_request_id: Option<String>,
    /// The model that answered.
    pub model_served: Option<String>,
    /// What it used.
    pub tokens: Tokens,
    /// Web searches it made.
    pub web_searches: u64,
    /// What it cost; with [`Ending::Unknown`] what was reserved, with [`Basis::Equivalent`] what it would have cost.
    pub cost: NanoDollars,
    /// How sure that is.
    pub basis: Option<Basis>,
    /// The date of the prices it was reckoned with.
    pub prices_as_of: Option<String>,
    /// Microseconds from lease to the first byte of the answer's body.
    pub first_byte_micros: Option<u64>,
    /// Microseconds from lease to the end.
    pub duration_micros: Option<u64>,
    /// BLAKE3 of the answer's body.
    pub answer_hash: Option<[u8; 32]>,
    /// Length of the answer's body in bytes.
    pub answer_bytes: u64,
    /// What was done to its cache markers, such as `1h:3` or `left: order`; none where nothing was asked for.
    pub cache_edit: Option<String>,
}
