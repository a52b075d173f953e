//! How large a storm is, in clients and in time.

use std::time::Duration;

use jiff::SignedDuration;

/// The most requests of one client.
pub(super) const MOST_REQUESTS: usize = 500;

/// How large a storm is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Size {
    /// As part of the tests.
    Short,
    /// `cargo xtask storm`.
    Full,
}

impl Size {
    pub(super) fn clients(self) -> usize {
        match self {
            Self::Short => 40,
            Self::Full => 200,
        }
    }

    pub(super) fn lasts(self) -> Duration {
        match self {
            Self::Short => Duration::from_secs(8),
            Self::Full => Duration::from_mins(1),
        }
    }

    pub(super) fn time(self) -> SignedDuration {
        SignedDuration::try_from(self.lasts()).unwrap()
    }

    /// How long a client thinks before its next turn, on average.
    pub(super) fn thinks(self) -> Duration {
        match self {
            Self::Short => Duration::from_millis(400),
            Self::Full => Duration::from_secs(1),
        }
    }

    /// After how long a limit is counted anew. In full that is longer than a gateway waits for the end of one.
    pub(super) fn window(self) -> SignedDuration {
        match self {
            Self::Short => SignedDuration::from_secs(3),
            Self::Full => SignedDuration::from_secs(20),
        }
    }

    /// How many requests there would be in a window if all were served.
    pub(super) fn a_window(self) -> u64 {
        let turns = self.window().as_millis() / i128::try_from(self.thinks().as_millis()).unwrap();
        u64::try_from(turns).unwrap() * u64::try_from(self.clients()).unwrap()
    }
}
