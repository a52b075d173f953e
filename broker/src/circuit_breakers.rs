//! Circuit breakers of failing upstreams, shared by all credentials.
//!
//! Invariants: they are in memory only, at most [`MAX_CIRCUIT_BREAKERS`] of them; the probe of a half-open one goes to
//! a single attempt.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use keyreeve_core::health::{self, CircuitBreaker, CircuitScope, Readiness, UpstreamOutcome};

use crate::health::Attempt;

/// Maximum number of circuit breakers, because clients choose the model names.
const MAX_CIRCUIT_BREAKERS: usize = 256;

/// Circuit breakers by upstream and request class.
#[derive(Debug, Default)]
pub(crate) struct CircuitBreakers(Mutex<HashMap<CircuitScope, CircuitBreaker>>);

impl CircuitBreakers {
    /// Returns `true` if no upstream has failed recently.
    pub(crate) fn are_closed(&self) -> bool {
        self.lock().is_empty()
    }

    pub(crate) fn readiness(&self, attempt: &Attempt) -> Readiness {
        let breakers = self.lock();
        if breakers.is_empty() {
            return Readiness::Ready;
        }
        let found = scopes(attempt);
        let found = found.iter().filter_map(|scope| breakers.get(scope));
        health::combine(found.map(|breaker| breaker.readiness(attempt.leased_at)))
    }

    /// Claims the probe of every open circuit breaker, all or none. Returns `false` if another attempt holds one.
    pub(crate) fn claim(&self, attempt: &Attempt) -> bool {
        let now = attempt.leased_at;
        let mut breakers = self.lock();
        let mut claimed = Vec::new();
        for scope in scopes(attempt) {
            let Some(breaker) = breakers.get(&scope) else {
                continue;
            };
            if breaker.readiness(now) == Readiness::Ready {
                continue;
            }
            let Some(with_claim) = breaker.claim_probe(now) else {
                return false;
            };
            claimed.push((scope, with_claim));
        }
        breakers.extend(claimed);
        true
    }

    /// Releases the probes of an attempt that had no result.
    pub(crate) fn release_probes(&self, attempt: &Attempt) {
        let mut breakers = self.lock();
        for scope in scopes(attempt) {
            if let Some(breaker) = breakers.get_mut(&scope) {
                *breaker = breaker.release_probe(attempt.leased_at);
            }
        }
    }

    /// Applies the outcome of an attempt: a failure may open a breaker, a response closes both.
    pub(crate) fn observe(&self, attempt: &Attempt, outcome: UpstreamOutcome, now: Timestamp) {
        let mut breakers = self.lock();
        if outcome == UpstreamOutcome::Responds && breakers.is_empty() {
            return;
        }
        let [upstream, upstream_class] = scopes(attempt);
        let failed = match outcome {
            UpstreamOutcome::Inconclusive => return,
            UpstreamOutcome::Responds => {
                breakers.remove(&upstream);
                breakers.remove(&upstream_class);
                return;
            }
            UpstreamOutcome::Overloaded => {
                breakers.remove(&upstream);
                upstream_class
            }
            UpstreamOutcome::Failing => upstream,
        };
        if breakers.len() >= MAX_CIRCUIT_BREAKERS {
            breakers.clear();
        }
        let breaker = breakers.entry(failed).or_default();
        *breaker = breaker.record_failure(attempt.leased_at, now);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CircuitScope, CircuitBreaker>> {
        // Each change is one insertion, so a panic leaves consistent data.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the scopes of the whole upstream and of the request's class; without a model, both are the same.
fn scopes(attempt: &Attempt) -> [CircuitScope; 2] {
    [None, attempt.class().cloned()].map(|class| CircuitScope {
        origin: attempt.origin().clone(),
        class,
    })
}
