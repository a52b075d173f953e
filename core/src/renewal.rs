//! When a token that ends is renewed, as the official SDKs do it (docs/facts.md#sdk-profiles).
//!
//! Invariant: a token is used for as long as it is good for a request, and renewed early enough that nobody waits.

use jiff::{SignedDuration, Timestamp};

/// From here on a token is renewed beside its use.
const SOON: SignedDuration = SignedDuration::from_secs(120);
/// From here on it is renewed before it is used: a request could outlast it.
const NOW: SignedDuration = SignedDuration::from_secs(30);

/// Whether a token is to be renewed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Due {
    /// It is not.
    No,
    /// Beside its use.
    Soon,
    /// Before anything is done with it.
    Now,
}

/// Says whether a token that ends then is to be renewed; one whose end is not known is.
pub fn due(expires_at: Option<Timestamp>, now: Timestamp) -> Due {
    let Some(expires_at) = expires_at else {
        return Due::Now;
    };
    let left = expires_at.duration_since(now);
    if left > SOON {
        Due::No
    } else if left >= NOW {
        Due::Soon
    } else {
        Due::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_beside_its_use_and_then_before_it() {
        let now = Timestamp::UNIX_EPOCH;
        for (left, expected) in [
            (3_600, Due::No),
            (121, Due::No),
            (120, Due::Soon),
            (30, Due::Soon),
            (29, Due::Now),
            (0, Due::Now),
            (-1, Due::Now),
        ] {
            let expires_at = now + SignedDuration::from_secs(left);
            assert_eq!(due(Some(expires_at), now), expected, "{left} s left");
        }
        assert_eq!(due(None, now), Due::Now);
    }
}
