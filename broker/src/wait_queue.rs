//! Queue of requests that wait for a cooldown: releases them 50 ms apart, so the first one probes for the rest.
//!
//! Invariant: a place is released when its request proceeds or is dropped.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyreeve_core::profile::ProfileId;

/// Time between two releases.
const SPACING: Duration = Duration::from_millis(50);

/// Maximum delay after the end of the cooldown.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// Number of waiting requests per profile.
#[derive(Debug, Default)]
pub(crate) struct WaitQueue(Mutex<HashMap<ProfileId, u32>>);

/// A place in the queue of one profile (RAII guard).
#[derive(Debug)]
pub(crate) struct Place<'a> {
    queue: &'a WaitQueue,
    profile: ProfileId,
    /// Number of requests ahead.
    ahead: u32,
}

impl WaitQueue {
    /// Takes the last place.
    pub(crate) fn join(&self, profile: ProfileId) -> Place<'_> {
        let mut queue = self.lock();
        let waiting = queue.entry(profile).or_default();
        let ahead = *waiting;
        *waiting += 1;
        Place {
            queue: self,
            profile,
            ahead,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProfileId, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Returns the delay of this place after the end of the cooldown.
    pub(crate) fn delay(&self) -> Duration {
        SPACING.saturating_mul(self.ahead).min(MAX_DELAY)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut queue = self.queue.lock();
        if let Some(waiting) = queue.get_mut(&self.profile) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                queue.remove(&self.profile);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn places_are_spaced_and_released() {
        let queue = WaitQueue::default();
        let profile = ProfileId(Uuid::from_u128(1));
        let first = queue.join(profile);
        let second = queue.join(profile);
        let other = queue.join(ProfileId(Uuid::from_u128(2)));
        assert_eq!(
            [first.delay(), second.delay(), other.delay()],
            [Duration::ZERO, SPACING, Duration::ZERO]
        );
        let many: Vec<_> = (0..100).map(|_| queue.join(profile)).collect();
        assert_eq!(many.last().unwrap().delay(), MAX_DELAY);
        drop((first, second, other, many));
        assert!(queue.lock().is_empty());
    }
}
