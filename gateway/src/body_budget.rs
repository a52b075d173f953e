//! The memory budget for request bodies, over all requests.
//!
//! Invariant: a reservation never waits.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The memory budget for request bodies, in units of 1 KiB.
pub(crate) struct BodyBudget(Arc<Semaphore>);

/// The unit of the budget, in bytes.
pub(crate) const UNIT: usize = 1024;

/// The budget has no room for a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("The gateway is handling too many large requests. Retry in a moment")]
pub(crate) struct BodyBudgetError;

impl BodyBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            (bytes / UNIT).min(Semaphore::MAX_PERMITS),
        )))
    }

    /// Reserves memory, or fails at once if there is none: requests that wait with half a body read could deadlock.
    ///
    /// # Errors
    /// [`BodyBudgetError`].
    pub(crate) fn try_reserve(
        &self,
        bytes: usize,
    ) -> Result<OwnedSemaphorePermit, BodyBudgetError> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).map_err(|_| BodyBudgetError)?;
        Arc::clone(&self.0)
            .try_acquire_many_owned(units)
            .map_err(|_| BodyBudgetError)
    }
}
