//! The API at a profile's base URL: its token grammar, its billing class and its default credential header.

use crate::inject::UpstreamKind;
use crate::origin::BaseUrl;
use crate::profile::{Auth, BillingClass, Profile, Provenance, Source};
use crate::token::{Family, Grammar};

/// The API behind a profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Api {
    /// Anthropic's own API.
    Anthropic,
    /// keyreeve's sandbox, which simulates it.
    Sandbox,
    /// Another gateway.
    Gateway,
}

impl Api {
    /// Derives the API from the origin. A sandbox is known only from the profile.
    pub fn from_base_url(base_url: &BaseUrl) -> Self {
        if base_url.origin().is_first_party() {
            Self::Anthropic
        } else {
            Self::Gateway
        }
    }

    /// Returns the token grammar to validate with: Anthropic's only where Anthropic's tokens are sent.
    pub fn grammar(self) -> Grammar {
        match self {
            Self::Anthropic | Self::Sandbox => Grammar::Anthropic,
            Self::Gateway => Grammar::Printable,
        }
    }

    /// Returns the billing class of its requests.
    pub fn billing(self) -> BillingClass {
        match self {
            Self::Anthropic | Self::Sandbox => BillingClass::Metered,
            Self::Gateway => BillingClass::Gateway,
        }
    }

    /// Returns the default header for the credential.
    pub fn default_auth(self) -> Auth {
        match self {
            Self::Anthropic | Self::Sandbox => Auth::ApiKey,
            Self::Gateway => Auth::Bearer,
        }
    }

    /// Returns the kind of upstream: Anthropic and the sandbox choose the header by token family, a gateway by the
    /// profile.
    pub fn upstream_kind(self, auth: Auth) -> UpstreamKind {
        match self {
            Self::Anthropic | Self::Sandbox => UpstreamKind::FirstParty,
            Self::Gateway => UpstreamKind::Gateway(auth),
        }
    }

    /// Returns the provenance of a token from this source, as far as it can be known. A pasted OAuth token is always a
    /// person's plan, whatever its target (docs/facts.md#tokens).
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
    /// Returns the API at the profile's base URL.
    pub fn api(&self) -> Api {
        if self.simulated {
            Api::Sandbox
        } else {
            Api::from_base_url(&self.base_url)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::{InjectError, decide};
    use crate::origin::PlainHttp;

    #[test]
    fn only_the_exact_origin_is_anthropic() {
        for (url, api) in [
            ("https://api.anthropic.com", Api::Anthropic),
            ("https://api.anthropic.com:8443", Api::Gateway),
            ("https://gateway.example", Api::Gateway),
        ] {
            let base_url = BaseUrl::parse(url, PlainHttp::Forbidden).unwrap();
            assert_eq!(Api::from_base_url(&base_url), api, "{url}");
        }
    }

    #[test]
    fn pasted_oauth_token_is_refused_for_every_api() {
        for api in [Api::Anthropic, Api::Sandbox, Api::Gateway] {
            let provenance = api.provenance(&Source::Sealed, Family::OauthAccess);
            let upstream = api.upstream_kind(api.default_auth());
            assert_eq!(
                decide(upstream, Family::OauthAccess, provenance),
                Err(InjectError::PlanLogin)
            );
        }
    }
}
