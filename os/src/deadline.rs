//! A moment after which nobody waits any more, by a clock that nobody can set.

use std::time::{Duration, Instant};

/// The end of some waiting, for code that blocks. Async code has tokio's own clock, which tests can pause.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// Ends the waiting this long from now.
    pub fn after(limit: Duration) -> Self {
        Self(clock() + limit)
    }

    /// How much is left; none when it is over, never a zero.
    pub fn left(self) -> Option<Duration> {
        self.0
            .checked_duration_since(clock())
            .filter(|left| !left.is_zero())
    }

    /// Sleeps for this long, but not past the end. Says whether there is anything left.
    pub fn sleep(self, rest: Duration) -> bool {
        if let Some(left) = self.left() {
            std::thread::sleep(rest.min(left));
        }
        self.left().is_some()
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
    fn what_is_over_is_over() {
        let over = Deadline::after(Duration::ZERO);
        assert_eq!(over.left(), None);
        assert!(!over.sleep(Duration::from_hours(1)));
        let later = Deadline::after(Duration::from_hours(1));
        assert!(later.left().is_some());
        assert!(later.sleep(Duration::from_millis(1)));
    }
}
