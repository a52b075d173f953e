//! Whoever waits for the same limit goes on one after the other, so that the first can tell the rest how it went.
//!
//! Invariant: a place is given back when its holder goes on or goes away.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyreeve_core::profile::ProfileId;

/// How far apart two that waited go on.
const APART: Duration = Duration::from_millis(50);

/// Nobody is kept longer than this beyond the end of the limit.
const MOST: Duration = Duration::from_secs(2);

/// How many wait for each profile.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<ProfileId, u32>>);

/// A place among those who wait for a profile.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    profile: ProfileId,
    before: u32,
}

impl Turns {
    /// Takes the last place.
    pub(crate) fn take(&self, profile: ProfileId) -> Turn<'_> {
        let mut turns = self.lock();
        let waiting = turns.entry(profile).or_default();
        let before = *waiting;
        *waiting += 1;
        Turn {
            turns: self,
            profile,
            before,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProfileId, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// How long after the end of the limit its holder goes on.
    pub(crate) fn after(&self) -> Duration {
        APART.saturating_mul(self.before).min(MOST)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut turns = self.turns.lock();
        if let Some(waiting) = turns.get_mut(&self.profile) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                turns.remove(&self.profile);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn places_follow_each_other_and_are_given_back() {
        let turns = Turns::default();
        let profile = ProfileId(Uuid::from_u128(1));
        let first = turns.take(profile);
        let second = turns.take(profile);
        let other = turns.take(ProfileId(Uuid::from_u128(2)));
        assert_eq!(
            [first.after(), second.after(), other.after()],
            [Duration::ZERO, APART, Duration::ZERO]
        );
        let many: Vec<_> = (0..100).map(|_| turns.take(profile)).collect();
        assert_eq!(many.last().unwrap().after(), MOST);
        drop((first, second, other, many));
        assert!(turns.lock().is_empty());
    }
}
