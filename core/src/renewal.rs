//! Renewal of expiring tokens on the same schedule as the official SDKs (docs/facts.md#sdk-profiles).
//!
//! Invariant: a token is used as long as it is valid for a whole request, and renewed early enough that no request
//! waits.

use jiff::{SignedDuration, Timestamp};

/// Remaining lifetime below which a token is renewed in the background.
const BACKGROUND_WINDOW: SignedDuration = SignedDuration::from_secs(120);
/// Remaining lifetime below which a token is renewed before use: it could expire during a request.
const BLOCKING_WINDOW: SignedDuration = SignedDuration::from_secs(30);

/// The urgency of a token's renewal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RenewalNeed {
    /// No renewal needed.
    NotYet,
    /// Renew in the background; the token is still usable.
    Background,
    /// Renew before use.
    Now,
}

/// Returns the renewal urgency of a token by its expiry. A token of unknown expiry is renewed before use.
pub fn renewal_need(expires_at: Option<Timestamp>, now: Timestamp) -> RenewalNeed {
    let Some(expires_at) = expires_at else {
        return RenewalNeed::Now;
    };
    let remaining = expires_at.duration_since(now);
    if remaining > BACKGROUND_WINDOW {
        RenewalNeed::NotYet
    } else if remaining >= BLOCKING_WINDOW {
        RenewalNeed::Background
    } else {
        RenewalNeed::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_renewed_in_background_then_before_use() {
        let now = Timestamp::UNIX_EPOCH;
        for (remaining, expected) in [
            (3_600, RenewalNeed::NotYet),
            (121, RenewalNeed::NotYet),
            (120, RenewalNeed::Background),
            (30, RenewalNeed::Background),
            (29, RenewalNeed::Now),
            (0, RenewalNeed::Now),
            (-1, RenewalNeed::Now),
        ] {
            let expires_at = now + SignedDuration::from_secs(remaining);
            assert_eq!(
                renewal_need(Some(expires_at), now),
                expected,
                "{remaining} s remaining"
            );
        }
        assert_eq!(renewal_need(None, now), RenewalNeed::Now);
    }
}
