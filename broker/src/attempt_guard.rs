//! Guard of an attempt, from the selection of its profile to its result.
//!
//! Invariant: claimed probe slots are released in every case (a lost claim, a disconnected client, an unobtainable
//! secret, a request that never reaches the API), unless a response has updated them.

use std::sync::Arc;

use keyreeve_core::verdict::VerdictCode;
use keyreeve_store::HealthStates;

use crate::Broker;
use crate::health::{Attempt, Observation, Pending};

/// An attempt that may hold probe slots (RAII guard).
pub(crate) struct AttemptGuard {
    broker: Arc<Broker>,
    attempt: Attempt,
    /// The verdict of the last observation.
    observed: Option<VerdictCode>,
}

impl AttemptGuard {
    pub(crate) fn new(broker: &Arc<Broker>, attempt: Attempt) -> Self {
        Self {
            broker: Arc::clone(broker),
            attempt,
            observed: None,
        }
    }

    /// Returns the attempt as health tracking sees it.
    pub(crate) fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// Claims the probe slot of every half-open scope. Returns `false` if another request holds one.
    ///
    /// # Errors
    /// If the claim cannot be committed.
    pub(crate) async fn claim(
        &mut self,
        health: &HealthStates,
    ) -> Result<bool, keyreeve_store::StoreError> {
        self.broker.claim(&mut self.attempt, health).await
    }

    /// Marks the credential as a plan login, because the response has the headers of one.
    pub(crate) fn mark_plan(&mut self) {
        self.attempt.mark_plan();
    }

    /// Applies an observation to the profile's health. A repeated verdict changes nothing.
    pub(crate) fn observe(&mut self, observation: Observation<'_>) -> Vec<Pending> {
        let code = Some(observation.verdict.to_code());
        if std::mem::replace(&mut self.observed, code) == code {
            return Vec::new();
        }
        self.broker.observe(&mut self.attempt, observation)
    }

    /// Releases the probe slots and waits until other requests see that.
    pub(crate) async fn release(mut self) {
        let released = self.broker.release_probes(&mut self.attempt);
        for change in released {
            // A slot that cannot be released becomes free after its timeout.
            change.await.ok();
        }
    }
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        if self.observed.is_none() {
            self.broker.release_probes(&mut self.attempt);
        }
    }
}
