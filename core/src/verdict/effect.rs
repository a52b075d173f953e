//! The effect of a response on the credential, and the yes/no questions that several rules ask about it.

/// The effect of a response on the credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum VerdictEffect {
    /// No effect: the request succeeded.
    None,
    /// Stop using it until the user replaces it.
    Dead,
    /// Renew it and retry once; dead if the renewal fails.
    Refresh,
    /// Refused by a rule of the account or its licence; waiting does not help.
    Blocked,
    /// No credit left, and no known time when there will be.
    OutOfCredit,
    /// A spend limit is reached, usually with a reset date.
    SpentUntil,
    /// A rate limit or plan limit for everything in the scope: a cooldown.
    CoolUntil,
    /// A plan limit for one model or family; other models still work.
    CoolModelUntil,
    /// Unrelated to the credential: retry with the same one after a delay.
    Transient,
    /// This credential cannot serve this request, but can serve others.
    Feature,
    /// An error in the client's request, passed on.
    Request,
    /// A bug or misconfiguration of the gateway itself.
    Config,
}

impl VerdictEffect {
    /// Returns `true` if the secret was rejected, so that a new one of the same profile may be accepted.
    pub fn rejects_credential(self) -> bool {
        match self {
            Self::Dead | Self::Refresh => true,
            Self::None
            | Self::Blocked
            | Self::OutOfCredit
            | Self::SpentUntil
            | Self::CoolUntil
            | Self::CoolModelUntil
            | Self::Transient
            | Self::Feature
            | Self::Request
            | Self::Config => false,
        }
    }

    /// Returns `true` if the credential is unusable until the user acts: waiting and renewing do not help.
    pub(super) fn needs_user(self) -> bool {
        match self {
            Self::Dead | Self::Blocked | Self::OutOfCredit => true,
            Self::None
            | Self::Refresh
            | Self::SpentUntil
            | Self::CoolUntil
            | Self::CoolModelUntil
            | Self::Transient
            | Self::Feature
            | Self::Request
            | Self::Config => false,
        }
    }

    /// Returns `true` for a rate limit or plan limit, which ends without user action.
    pub(crate) fn is_limit(self) -> bool {
        matches!(self, Self::CoolUntil | Self::CoolModelUntil)
    }

    /// Returns `true` if any credential would have got the same response.
    pub fn is_about_request(self) -> bool {
        match self {
            Self::None | Self::Request | Self::Config => true,
            Self::Dead
            | Self::Refresh
            | Self::Blocked
            | Self::OutOfCredit
            | Self::SpentUntil
            | Self::CoolUntil
            | Self::CoolModelUntil
            | Self::Transient
            | Self::Feature => false,
        }
    }
}
