//! How well a credential is, as a person asks after it: one of a few words for each verdict.
//!
//! Invariant: trouble on the way never counts against a credential, and whoever was refused something is not called
//! well.

use super::meanings::{self as is, Meaning};
use super::{Effect, Scope, Verdict};

/// How well a credential is, by the answer to a request made with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Health {
    /// It was served.
    Works,
    /// Nobody knows it (any more).
    RevokedOrMistyped,
    /// Its login has to be renewed.
    Lapsed,
    /// It is good, but there is no money behind it.
    OutOfCredit,
    /// It is good, but a spend limit is reached.
    SpendLimit,
    /// It is good, but asks too often just now.
    RateLimited,
    /// It is good, but its plan's window is used up.
    PlanWindow,
    /// It is good, but needs a subscription, or an organization that allows such logins.
    SubscriptionRequired,
    /// Its organization is disabled or on hold.
    OrganizationDisabled,
    /// Its licence does not cover this client.
    LicenceRestriction,
    /// A rule of its workspace stands in the way.
    BlockedByRule,
    /// It is good, but not for what was asked.
    NotForThis,
    /// The upstream, or the way to it, is in trouble: nothing is known of the credential.
    UpstreamTrouble,
    /// keyreeve asked wrongly.
    OwnFault,
}

impl Health {
    /// Its stable name in JSON.
    pub fn code(self) -> &'static str {
        self.named().0
    }

    /// Its words for a person.
    pub fn words(self) -> &'static str {
        self.named().1
    }

    fn named(self) -> (&'static str, &'static str) {
        match self {
            Self::Works => ("works", "works"),
            Self::RevokedOrMistyped => ("revoked_or_mistyped", "revoked or mistyped"),
            Self::Lapsed => ("lapsed", "login has lapsed"),
            Self::OutOfCredit => ("out_of_credit", "out of credit"),
            Self::SpendLimit => ("spend_limit", "valid, but its spend limit is reached"),
            Self::RateLimited => ("rate_limited", "rate-limited but valid"),
            Self::PlanWindow => ("plan_window", "plan window used up"),
            Self::SubscriptionRequired => (
                "subscription_required",
                "subscription required, or such logins are not allowed",
            ),
            Self::OrganizationDisabled => ("organization_disabled", "organization disabled"),
            Self::LicenceRestriction => ("licence_restriction", "licence restriction"),
            Self::BlockedByRule => ("blocked_by_rule", "blocked by a rule of its workspace"),
            Self::NotForThis => ("not_for_this", "valid, but not for this request"),
            Self::UpstreamTrouble => ("upstream_trouble", "upstream trouble"),
            Self::OwnFault => ("own_fault", "asked wrongly by keyreeve"),
        }
    }
}

/// Meanings whose effect alone would not tell.
const BY_NAME: [(&Meaning, Health); 11] = [
    (&is::RATE_LIMITED, Health::RateLimited),
    (&is::SHORT_THROTTLE, Health::RateLimited),
    (&is::PLAN_WINDOW, Health::PlanWindow),
    (&is::PLAN_MODEL_WINDOW, Health::PlanWindow),
    (&is::PLAN_TEXT, Health::PlanWindow),
    (&is::EXTRA_USAGE, Health::PlanWindow),
    (&is::LOGIN_NOT_ALLOWED, Health::SubscriptionRequired),
    (&is::CLAUDE_CODE_ONLY, Health::LicenceRestriction),
    (&is::EXTRA_USAGE_ONLY, Health::LicenceRestriction),
    (&is::PLAN_BEHIND_KEY, Health::LicenceRestriction),
    (&is::ALWAYS_REFUSED, Health::NotForThis),
];

impl Verdict {
    /// How well the credential is, as far as this verdict tells.
    pub fn health(self) -> Health {
        let named = BY_NAME
            .iter()
            .find(|(meaning, _)| *meaning == self.meaning)
            .map(|(_, health)| *health);
        named.unwrap_or_else(|| self.health_by_effect())
    }

    fn health_by_effect(self) -> Health {
        match self.effect {
            Effect::None => Health::Works,
            Effect::Dead if self.scope == Scope::Organization => Health::OrganizationDisabled,
            Effect::Dead => Health::RevokedOrMistyped,
            Effect::Refresh => Health::Lapsed,
            Effect::Blocked => Health::BlockedByRule,
            Effect::OutOfCredit => Health::OutOfCredit,
            Effect::SpentUntil => Health::SpendLimit,
            Effect::CoolUntil | Effect::CoolModelUntil => Health::RateLimited,
            Effect::Transient => Health::UpstreamTrouble,
            Effect::Feature | Effect::Request => Health::NotForThis,
            Effect::Config => Health::OwnFault,
        }
    }
}
