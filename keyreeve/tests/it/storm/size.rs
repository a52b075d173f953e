//! Size of a storm: number of clients, and time.

use std::time::Duration;

use jiff::SignedDuration;

/// Maximum requests of one client.
pub(super) const MAX_REQUESTS: usize = 500;

/// Size of a storm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Size {
    /// As part of the tests.
    Short,
    /// `cargo xtask long storm`.
    Full,
}

impl Size {
    pub(super) fn clients(self) -> usize {
        match self {
            Self::Short => 40,
            Self::Full => 200,
        }
    }

    pub(super) fn duration(self) -> Duration {
        match self {
            Self::Short => Duration::from_secs(8),
            Self::Full => Duration::from_mins(1),
        }
    }

    pub(super) fn time(self) -> SignedDuration {
        SignedDuration::try_from(self.duration()).unwrap()
    }

    /// Average pause of a client before its next turn.
    pub(super) fn think_time(self) -> Duration {
        match self {
            Self::Short => Duration::from_millis(400),
            Self::Full => Duration::from_secs(1),
        }
    }

    /// Window of the rate limits. In full size, it is longer than a gateway waits for the end of one.
    pub(super) fn window(self) -> SignedDuration {
        match self {
            Self::Short => SignedDuration::from_secs(3),
            Self::Full => SignedDuration::from_secs(20),
        }
    }

    /// Number of requests in a window if all are served.
    pub(super) fn requests_per_window(self) -> u64 {
        let turns =
            self.window().as_millis() / i128::try_from(self.think_time().as_millis()).unwrap();
        u64::try_from(turns).unwrap() * u64::try_from(self.clients()).unwrap()
    }
}
