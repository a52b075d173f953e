//! The status of a credential as shown to people, derived from a verdict.
//!
//! Invariant: network and upstream errors never count against a credential, and a credential that was refused is never
//! shown as working.

use super::meanings::{self as is, Meaning};
use super::{Verdict, VerdictEffect, VerdictScope};

/// The status of a credential after a test request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CredentialStatus {
    /// The request succeeded.
    Works,
    /// Unknown to the upstream, or no longer valid.
    RevokedOrMistyped,
    /// Its login must be renewed.
    Lapsed,
    /// Valid, but out of credit.
    OutOfCredit,
    /// Valid, but a spend limit is reached.
    SpendLimit,
    /// Valid, but rate limited.
    RateLimited,
    /// Valid, but its plan's usage window is used up.
    PlanWindow,
    /// Valid, but requires a subscription, or an organization that allows such logins.
    SubscriptionRequired,
    /// Its organization is disabled or on hold.
    OrganizationDisabled,
    /// Its licence does not cover this client.
    LicenceRestriction,
    /// Blocked by a rule of its workspace.
    BlockedByRule,
    /// Valid, but not for this request.
    NotForThis,
    /// The upstream or the network failed: nothing is known about the credential.
    UpstreamTrouble,
    /// keyreeve sent an invalid request.
    OwnFault,
}

impl CredentialStatus {
    /// Returns the stable name used in JSON.
    pub fn code(self) -> &'static str {
        self.name_and_description().0
    }

    /// Returns the text shown to people.
    pub fn description(self) -> &'static str {
        self.name_and_description().1
    }

    fn name_and_description(self) -> (&'static str, &'static str) {
        match self {
            Self::Works => ("works", "works"),
            Self::RevokedOrMistyped => ("revoked_or_mistyped", "revoked or mistyped"),
            Self::Lapsed => ("lapsed", "login has expired"),
            Self::OutOfCredit => ("out_of_credit", "out of credit"),
            Self::SpendLimit => ("spend_limit", "valid, but its spend limit is reached"),
            Self::RateLimited => ("rate_limited", "rate-limited but valid"),
            Self::PlanWindow => ("plan_window", "plan window used up"),
            Self::SubscriptionRequired => (
                "subscription_required",
                "subscription required, or such logins not allowed",
            ),
            Self::OrganizationDisabled => ("organization_disabled", "organization disabled"),
            Self::LicenceRestriction => ("licence_restriction", "licence restriction"),
            Self::BlockedByRule => ("blocked_by_rule", "blocked by a rule of its workspace"),
            Self::NotForThis => ("not_for_this", "valid, but not for this request"),
            Self::UpstreamTrouble => ("upstream_trouble", "upstream error"),
            Self::OwnFault => ("own_fault", "keyreeve sent an invalid request"),
        }
    }
}

/// Meanings whose effect alone does not determine the status.
const BY_MEANING: [(&Meaning, CredentialStatus); 11] = [
    (&is::RATE_LIMITED, CredentialStatus::RateLimited),
    (&is::SHORT_THROTTLE, CredentialStatus::RateLimited),
    (&is::PLAN_WINDOW, CredentialStatus::PlanWindow),
    (&is::PLAN_MODEL_WINDOW, CredentialStatus::PlanWindow),
    (&is::PLAN_TEXT, CredentialStatus::PlanWindow),
    (&is::EXTRA_USAGE, CredentialStatus::PlanWindow),
    (
        &is::LOGIN_NOT_ALLOWED,
        CredentialStatus::SubscriptionRequired,
    ),
    (&is::CLAUDE_CODE_ONLY, CredentialStatus::LicenceRestriction),
    (&is::EXTRA_USAGE_ONLY, CredentialStatus::LicenceRestriction),
    (&is::PLAN_BEHIND_KEY, CredentialStatus::LicenceRestriction),
    (&is::ALWAYS_REFUSED, CredentialStatus::NotForThis),
];

impl Verdict {
    /// Returns the credential's status, as far as this verdict shows it.
    pub fn credential_status(self) -> CredentialStatus {
        let by_meaning = BY_MEANING
            .iter()
            .find(|(meaning, _)| *meaning == self.meaning)
            .map(|(_, status)| *status);
        by_meaning.unwrap_or_else(|| self.status_from_effect())
    }

    fn status_from_effect(self) -> CredentialStatus {
        match self.effect {
            VerdictEffect::None => CredentialStatus::Works,
            VerdictEffect::Dead if self.scope == VerdictScope::Organization => {
                CredentialStatus::OrganizationDisabled
            }
            VerdictEffect::Dead => CredentialStatus::RevokedOrMistyped,
            VerdictEffect::Refresh => CredentialStatus::Lapsed,
            VerdictEffect::Blocked => CredentialStatus::BlockedByRule,
            VerdictEffect::OutOfCredit => CredentialStatus::OutOfCredit,
            VerdictEffect::SpentUntil => CredentialStatus::SpendLimit,
            VerdictEffect::CoolUntil | VerdictEffect::CoolModelUntil => {
                CredentialStatus::RateLimited
            }
            VerdictEffect::Transient => CredentialStatus::UpstreamTrouble,
            VerdictEffect::Feature | VerdictEffect::Request => CredentialStatus::NotForThis,
            VerdictEffect::Config => CredentialStatus::OwnFault,
        }
    }
}
