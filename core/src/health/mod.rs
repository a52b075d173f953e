//! Health of credentials, organizations and upstreams: cooldown with exponential backoff, half-open probe, circuit
//! breaker.
//!
//! Invariants: a reset time named by the server is used exactly, plus jitter, and is never lengthened; a guessed time
//! ends in a half-open probe: one request, not a thundering herd; no cooldown lasts longer than a day without a probe;
//! a failure inside a cooldown never extends it; only responses to requests leased after a cooldown began can end or
//! confirm it; no response changes a state that the user set. A clock that jumps never lengthens a cooldown.
//! `docs/health.md` has the table and the terms.

mod backoff;
mod circuit_breaker;
mod readiness;
mod refusals;
mod scope;
mod state;
mod transition;

pub use crate::request_class::{IdentifierError, RequestClass};

pub use backoff::{BackoffSchedule, MAX_JITTER, TimeSource};
pub use circuit_breaker::{CIRCUIT_OPEN_DURATION, CircuitBreaker, CircuitScope, UpstreamOutcome};
pub use readiness::{
    BlockReason, CooldownReason, EarlyProbe, MAX_TIME_WITHOUT_PROBE, Readiness, claim_probe,
    combine, next_probe_at, readiness, ready_at, release_probe,
};
pub use refusals::{ConsecutiveRefusals, MAX_CONSECUTIVE_REFUSALS};
pub use scope::{HealthScope, HealthScopes, Organization};
pub use state::{Cooldown, Health, HealthReason};
pub use transition::{HealthInput, Jitter, ManualAction, SecretStorage, apply_action, transition};
