//! The short circuits of upstreams that fail, whoever asks.
//!
//! Invariants: they live in memory, and no more than [`MOST_CIRCUITS`] of them; a probe of one is given to one attempt.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use keyreeve_core::standing::{self, Circuit, CircuitScope, Outcome, Readiness};

use crate::standing::Attempt;

/// More than these are never kept: which models there are is what clients say.
const MOST_CIRCUITS: usize = 256;

/// The short circuits of upstreams that fail.
#[derive(Debug, Default)]
pub(crate) struct Circuits(Mutex<HashMap<CircuitScope, Circuit>>);

impl Circuits {
    pub(crate) fn readiness(&self, attempt: &Attempt) -> Readiness {
        let circuits = self.lock();
        if circuits.is_empty() {
            return Readiness::Ready;
        }
        let found = scopes(attempt);
        let found = found.iter().filter_map(|scope| circuits.get(scope));
        standing::combine(found.map(|circuit| circuit.readiness(attempt.asked_at)))
    }

    /// Takes the probes of what is open, all of them or none; false where somebody else has one.
    pub(crate) fn claim(&self, attempt: &Attempt) -> bool {
        let now = attempt.asked_at;
        let mut circuits = self.lock();
        let mut claimed = Vec::new();
        for scope in scopes(attempt) {
            let Some(circuit) = circuits.get(&scope) else {
                continue;
            };
            if circuit.readiness(now) == Readiness::Ready {
                continue;
            }
            let Some(taken) = circuit.claim(now) else {
                return false;
            };
            claimed.push((scope, taken));
        }
        circuits.extend(claimed);
        true
    }

    /// Gives back what was claimed for an attempt that found nothing out.
    pub(crate) fn give_back(&self, attempt: &Attempt) {
        let mut circuits = self.lock();
        for scope in scopes(attempt) {
            if let Some(circuit) = circuits.get_mut(&scope) {
                *circuit = circuit.give_back(attempt.asked_at);
            }
        }
    }

    pub(crate) fn hear(&self, attempt: &Attempt, outcome: Outcome, now: Timestamp) {
        let mut circuits = self.lock();
        if outcome == Outcome::Lives && circuits.is_empty() {
            return;
        }
        let [whole, of_class] = scopes(attempt);
        let failed = match outcome {
            Outcome::Silent => return,
            Outcome::Lives => {
                circuits.remove(&whole);
                circuits.remove(&of_class);
                return;
            }
            Outcome::Overloaded => {
                circuits.remove(&whole);
                of_class
            }
            Outcome::Fails => whole,
        };
        if circuits.len() >= MOST_CIRCUITS {
            circuits.clear();
        }
        let circuit = circuits.entry(failed).or_default();
        *circuit = circuit.failed(attempt.asked_at, now);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CircuitScope, Circuit>> {
        // Each change is one insertion: what a panic leaves is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The whole upstream, and what of it the request asks; the same where it asks no model.
fn scopes(attempt: &Attempt) -> [CircuitScope; 2] {
    [None, attempt.class().cloned()].map(|class| CircuitScope {
        origin: attempt.origin.clone(),
        class,
    })
}
