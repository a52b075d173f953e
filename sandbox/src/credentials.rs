//! Who asks: reads the credential headers and refuses as the real API does (docs/facts.md#headers).
//!
//! Any well-formed credential is valid, in the header its family demands. What the real API does when both headers
//! are there is not documented; here a wrong `x-api-key` decides, and two different values are a wrong one.

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, ORIGIN};
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::token::Family;

use crate::errors::Refusal;

/// The beta value without which an OAuth token is refused.
const OAUTH_BETA: &str = "oauth-2025-04-20";

/// Stands for a credential that is there and cannot be one: bytes that are no text, or another scheme than Bearer.
const NO_TOKEN: &str = "\u{fffd}";

/// The credentials a request carries, borrowed until the answer is made.
pub(crate) struct Presented<'a> {
    api_keys: Vec<&'a str>,
    bearers: Vec<&'a str>,
    oauth_beta: bool,
    origin: bool,
}

impl<'a> Presented<'a> {
    /// Reads the headers. Empty values count as absent.
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let api_keys = headers.get_all("x-api-key").iter().map(text);
        let bearers = headers
            .get_all(AUTHORIZATION)
            .iter()
            .map(|value| bearer(text(value)));
        Self {
            api_keys: api_keys.filter(|key| !key.is_empty()).collect(),
            bearers: bearers.filter(|token| !token.is_empty()).collect(),
            oauth_beta: betas(headers).any(|beta| beta == OAUTH_BETA),
            origin: headers.contains_key(ORIGIN),
        }
    }

    /// The fingerprint of the one credential; none where there is none, or where there are several.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        let mut all = self.api_keys.iter().chain(&self.bearers);
        let first = all.next()?;
        all.all(|other| other == first)
            .then(|| Fingerprint::of(first))
    }

    /// Whether it is a person's plan login: an OAuth access token whose part of its own begins with `plan`. The real API
    /// knows it by its account; the prefix is the same for an organization's.
    pub(crate) fn is_plan(&self) -> bool {
        self.api_keys.is_empty()
            && self.bearers.iter().any(|token| {
                Family::of(token) == Family::OauthAccess
                    && token
                        .splitn(4, '-')
                        .nth(3)
                        .is_some_and(|own| own.starts_with("plan"))
            })
    }

    /// Lets a valid credential in and names it.
    pub(crate) fn check(&self) -> Result<Fingerprint, Refusal> {
        if self.origin {
            return Err(Refusal::like("cors_not_allowed"));
        }
        if let Some(key) = self.api_keys.first() {
            let valid = Family::of(key) == Family::ApiKey && is_well_formed(key);
            let fingerprint = self.fingerprint().filter(|_| valid);
            return fingerprint.ok_or_else(|| Refusal::like("invalid_x_api_key"));
        }
        let Some(token) = self.bearers.first() else {
            return Err(Refusal::like("x_api_key_header_required"));
        };
        let valid = match Family::of(token) {
            Family::OauthAccess if !self.oauth_beta => {
                return Err(Refusal::like("oauth_not_supported"));
            }
            Family::ApiKey | Family::OauthAccess => true,
            Family::AdminKey
            | Family::OauthRefresh
            | Family::ClaudeSession
            | Family::WorkToken
            | Family::UnknownAnthropic
            | Family::VirtualKey
            | Family::AdminVirtualKey
            | Family::OtherVendor
            | Family::Opaque => false,
        };
        let fingerprint = self
            .fingerprint()
            .filter(|_| valid && is_well_formed(token));
        fingerprint.ok_or_else(|| Refusal::like("invalid_bearer_token"))
    }
}

/// The values of `anthropic-beta`, whether in one header or in several.
pub(crate) fn betas(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all("anthropic-beta")
        .iter()
        .flat_map(|value| text(value).split(','))
        .map(str::trim)
}

/// The value as text.
fn text(value: &HeaderValue) -> &str {
    std::str::from_utf8(value.as_bytes()).map_or(NO_TOKEN, str::trim)
}

/// The token behind `Bearer`.
fn bearer(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ if value.eq_ignore_ascii_case("bearer") => "",
        _ if value.is_empty() => "",
        _ => NO_TOKEN,
    }
}

/// Says whether a token has the letters of one: `sk-ant-` and two parts of letters, digits, `_` and `-`.
fn is_well_formed(token: &str) -> bool {
    let letters = token
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'));
    letters
        && token
            .splitn(4, '-')
            .nth(3)
            .is_some_and(|rest| !rest.is_empty())
}
