//! What stands at a profile's base URL, and what follows from it: whose grammar judges, who is billed, how a credential
//! is sent there.

use crate::inject::Facing;
use crate::origin::BaseUrl;
use crate::profile::{Auth, BillingClass, Profile, Provenance, Source};
use crate::token::{Family, Grammar};

/// An API that a profile leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Api {
    /// The vendor's own API.
    Anthropic,
    /// keyreeve's sandbox, which simulates the vendor's.
    Sandbox,
    /// Another gateway.
    Gateway,
}

impl Api {
    /// Tells by the origin; that a sandbox stands there is known from the profile alone.
    pub fn at(base_url: &BaseUrl) -> Self {
        if base_url.origin().is_first_party() {
            Self::Anthropic
        } else {
            Self::Gateway
        }
    }

    /// Whose grammar judges tokens: the vendor's only where the vendor's tokens go.
    pub fn grammar(self) -> Grammar {
        match self {
            Self::Anthropic | Self::Sandbox => Grammar::Anthropic,
            Self::Gateway => Grammar::Printable,
        }
    }

    /// Who is billed for what is asked there.
    pub fn billing(self) -> BillingClass {
        match self {
            Self::Anthropic | Self::Sandbox => BillingClass::Metered,
            Self::Gateway => BillingClass::Gateway,
        }
    }

    /// How a credential is sent there, where the person did not say.
    pub fn usual_auth(self) -> Auth {
        match self {
            Self::Anthropic | Self::Sandbox => Auth::ApiKey,
            Self::Gateway => Auth::Bearer,
        }
    }

    /// How it judges credentials: the vendor and its simulation by family, a gateway as the profile says.
    pub fn facing(self, auth: Auth) -> Facing {
        match self {
            Self::Anthropic | Self::Sandbox => Facing::FirstParty,
            Self::Gateway => Facing::Gateway(auth),
        }
    }

    /// How a token from this source came to be, as far as anybody can know. A pasted OAuth token is a person's plan,
    /// wherever it is meant to go (docs/facts.md#tokens).
    pub fn provenance(self, source: &Source, family: Family) -> Provenance {
        match (self, source, family) {
            (_, Source::Sealed, Family::OauthAccess) => Provenance::SetupToken,
            (_, Source::Ant { .. }, _) => Provenance::AntLogin,
            (
                Self::Gateway,
                Source::Sealed
                | Source::Environment { .. }
                | Source::File { .. }
                | Source::Command { .. },
                _,
            ) => Provenance::Gateway,
            (Self::Anthropic | Self::Sandbox, Source::Sealed, _) => Provenance::Console,
            (
                _,
                Source::Environment { .. }
                | Source::File { .. }
                | Source::Command { .. }
                | Source::SdkProfile { .. }
                | Source::ClaudeLogin { .. },
                _,
            ) => Provenance::Unknown,
        }
    }
}

impl Profile {
    /// What stands at the profile's base URL.
    pub fn api(&self) -> Api {
        if self.simulated {
            Api::Sandbox
        } else {
            Api::at(&self.base_url)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::{Refusal, decide};
    use crate::origin::PlainHttp;

    #[test]
    fn only_the_vendors_origin_is_the_vendor() {
        for (url, api) in [
            ("https://api.anthropic.com", Api::Anthropic),
            ("https://api.anthropic.com:8443", Api::Gateway),
            ("https://gateway.example", Api::Gateway),
        ] {
            let base_url = BaseUrl::parse(url, PlainHttp::Refused).unwrap();
            assert_eq!(Api::at(&base_url), api, "{url}");
        }
    }

    #[test]
    fn a_pasted_oauth_token_is_refused_wherever_it_is_meant_to_go() {
        for api in [Api::Anthropic, Api::Sandbox, Api::Gateway] {
            let provenance = api.provenance(&Source::Sealed, Family::OauthAccess);
            let facing = api.facing(api.usual_auth());
            assert_eq!(
                decide(facing, Family::OauthAccess, provenance),
                Err(Refusal::PlanLogin)
            );
        }
    }
}
