//! An attempt from the moment its profile is chosen until something is heard of it.
//!
//! Invariant: whatever becomes of it, a claim that was lost, a client that goes away, a secret that cannot be had, a request
//! that never comes before the API: the probes it took are given back, unless an answer has moved them on.

use std::sync::Arc;

use keyreeve_core::verdict::Code;
use keyreeve_store::Standings;

use crate::Broker;
use crate::standing::{Attempt, Came, Pending};

/// An attempt that may hold probes.
pub(crate) struct Underway {
    broker: Arc<Broker>,
    attempt: Attempt,
    /// What was heard of it last.
    heard: Option<Code>,
}

impl Underway {
    pub(crate) fn new(broker: &Arc<Broker>, attempt: Attempt) -> Self {
        Self {
            broker: Arc::clone(broker),
            attempt,
            heard: None,
        }
    }

    /// The attempt, as standings see it.
    pub(crate) fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// Takes the probes of what half rests; whether all were had.
    ///
    /// # Errors
    /// When the claim cannot be committed.
    pub(crate) async fn claim(
        &mut self,
        standings: &Standings,
    ) -> Result<bool, keyreeve_store::Error> {
        self.broker.claim(&mut self.attempt, standings).await
    }

    /// Takes in that the answer has the headers of a plan login.
    pub(crate) fn shows_a_plan(&mut self) {
        self.attempt.shows_a_plan();
    }

    /// Takes in what came of it. The same told again changes nothing.
    pub(crate) fn hear(&mut self, came: Came<'_>) -> Vec<Pending> {
        let code = Some(came.verdict.known());
        if std::mem::replace(&mut self.heard, code) == code {
            return Vec::new();
        }
        self.broker.hear(&mut self.attempt, came)
    }

    /// Gives it up, and waits until others see that.
    pub(crate) async fn give_up(mut self) {
        let given_back = self.broker.give_back(&mut self.attempt);
        for change in given_back {
            // What cannot be given back is free again after its time.
            change.await.ok();
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if self.heard.is_none() {
            self.broker.give_back(&mut self.attempt);
        }
    }
}
