//! Rate limits and quotas as reported in responses: remaining per-minute limits, plan window usage and reset times.
//!
//! Invariants: a limit is an observation at one moment, never a guess: an unreported value is absent, not zero; no
//! header makes parsing fail, and an invalid header is ignored; a figure whose window has reset since is stale.
//! docs/facts.md#rate-limits has the headers.

mod headers;
mod limit;
mod oauth_usage;
mod observation;
mod slug;

pub use headers::{
    MAX_RESET_DISTANCE, ReportedLimits, is_limit_header, is_plan_header, parse_reset, read_headers,
};
pub(crate) use headers::{UNIFIED_PREFIX, parse_timestamp};
pub use limit::{Fraction, Limit, LimitKind, LimitState, LimitUsage, MinuteMetric, PlanWindow};
pub use oauth_usage::{MAX_USAGE_BODY_BYTES, from_usage_body};
pub use observation::{LimitObservation, LimitOwner, tightest};
pub use slug::{Slug, SlugError};
