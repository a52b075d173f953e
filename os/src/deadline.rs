//! Deadlines of blocking code, measured by the monotonic clock.

use std::time::{Duration, Instant};

/// The time at which a blocking wait ends. Async code uses tokio's clock, which tests can pause.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// Returns the deadline that is `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self(clock() + limit)
    }

    /// Returns the time remaining, never zero, or `None` once the deadline has passed.
    pub fn remaining(self) -> Option<Duration> {
        self.0
            .checked_duration_since(clock())
            .filter(|remaining| !remaining.is_zero())
    }

    /// Sleeps for `pause`, but not past the deadline. Returns `true` if there is time remaining.
    pub fn sleep(self, pause: Duration) -> bool {
        if let Some(remaining) = self.remaining() {
            std::thread::sleep(pause.min(remaining));
        }
        self.remaining().is_some()
    }
}

fn clock() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "this blocks a thread of its own, without tokio"
    )]
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_deadline_has_no_time_remaining() {
        let expired = Deadline::after(Duration::ZERO);
        assert_eq!(expired.remaining(), None);
        assert!(!expired.sleep(Duration::from_hours(1)));
        let later = Deadline::after(Duration::from_hours(1));
        assert!(later.remaining().is_some());
        assert!(later.sleep(Duration::from_millis(1)));
    }
}
