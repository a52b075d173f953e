//! The payer of a request: the class of account, and the confidence in it.

use keyreeve_core::profile::{BillingClass, Profile};

/// The account that would pay, and the confidence in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payer {
    /// The class of the account.
    pub class: PayerClass,
    /// The confidence.
    pub confidence: Confidence,
}

/// The class of account that would pay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PayerClass {
    /// An organization's API credit.
    OrganizationCredit,
    /// A person's subscription.
    Plan,
    /// A cloud account.
    Cloud,
    /// An account that another gateway chooses.
    Gateway,
    /// The request carries two different credentials, and the API decides.
    Conflict,
    /// No account: there is no credential, or none that can be used.
    NoPayer,
    /// The account is unknown.
    Unknown,
}

/// The confidence in a payer, given the snapshot alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Confidence {
    /// The known behaviour of the client leaves no doubt.
    Certain,
    /// It is the most likely one.
    Likely,
}

impl PayerClass {
    /// Returns the class of the account that pays for a profile.
    pub(crate) fn of_profile(profile: &Profile) -> Self {
        if profile.is_plan_login() {
            Self::Plan
        } else {
            profile.billing.into()
        }
    }

    /// Returns its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::OrganizationCredit => "organization_credit",
            Self::Plan => "plan",
            Self::Cloud => "cloud",
            Self::Gateway => "gateway",
            Self::Conflict => "conflict",
            Self::NoPayer => "none",
            Self::Unknown => "unknown",
        }
    }

    /// Returns a noun phrase for the account.
    pub fn description(self) -> &'static str {
        match self {
            Self::OrganizationCredit => "organization credit",
            Self::Plan => "a plan",
            Self::Cloud => "a cloud account",
            Self::Gateway => "an account that the gateway chooses",
            Self::Conflict => "an account that the API chooses",
            Self::NoPayer => "no account",
            Self::Unknown => "an unknown account",
        }
    }
}

impl From<BillingClass> for PayerClass {
    fn from(billing: BillingClass) -> Self {
        match billing {
            BillingClass::Metered => Self::OrganizationCredit,
            BillingClass::Cloud => Self::Cloud,
            BillingClass::Gateway => Self::Gateway,
            BillingClass::Plan => Self::Plan,
        }
    }
}

/// Returns a payer that is certain.
pub(super) fn certain(class: PayerClass) -> Payer {
    Payer {
        class,
        confidence: Confidence::Certain,
    }
}

/// Returns a payer that is only likely.
pub(super) fn likely(class: PayerClass) -> Payer {
    Payer {
        class,
        confidence: Confidence::Likely,
    }
}
