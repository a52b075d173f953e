//! Authentication: reads the credential headers and rejects invalid ones as the real API does (docs/facts.md#headers).
//!
//! Any well-formed credential is valid, in the header that its family requires. The real API's behavior with both
//! headers present is not documented; here an invalid `x-api-key` decides, and two different values are invalid.

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, ORIGIN};
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::token::Family;

use crate::errors::ApiError;

/// Beta value that OAuth tokens require.
pub(crate) const OAUTH_BETA: &str = "oauth-2025-04-20";

/// Placeholder for a credential that cannot be valid: bytes that are not text, or a scheme other than Bearer.
const INVALID_TOKEN: &str = "\u{fffd}";

/// Credentials of a request, borrowed from its headers.
pub(crate) struct RequestCredentials<'a> {
    api_keys: Vec<&'a str>,
    bearers: Vec<&'a str>,
    has_oauth_beta: bool,
    has_origin: bool,
}

impl<'a> RequestCredentials<'a> {
    /// Reads the headers. Empty values count as missing.
    pub(crate) fn from_headers(headers: &'a HeaderMap) -> Self {
        let api_keys = headers.get_all("x-api-key").iter().map(text);
        let bearers = headers
            .get_all(AUTHORIZATION)
            .iter()
            .map(|value| bearer(text(value)));
        Self {
            api_keys: api_keys.filter(|key| !key.is_empty()).collect(),
            bearers: bearers.filter(|token| !token.is_empty()).collect(),
            has_oauth_beta: beta_values(headers).any(|beta| beta == OAUTH_BETA),
            has_origin: headers.contains_key(ORIGIN),
        }
    }

    /// Returns the fingerprint of the credential, or `None` if there is none or there are several.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        let mut all = self.api_keys.iter().chain(&self.bearers);
        let first = all.next()?;
        all.all(|other| other == first)
            .then(|| Fingerprint::of(first))
    }

    /// Returns `true` for a plan login: an OAuth access token that starts with `plan` after its family prefix. The real
    /// API knows this from the account; the prefix of an organization's token is the same.
    pub(crate) fn is_plan(&self) -> bool {
        self.api_keys.is_empty()
            && self.bearers.iter().any(|token| {
                Family::from_prefix(token) == Family::OauthAccess
                    && token
                        .splitn(4, '-')
                        .nth(3)
                        .is_some_and(|rest| rest.starts_with("plan"))
            })
    }

    /// Accepts a valid credential and returns its fingerprint.
    pub(crate) fn check(&self) -> Result<Fingerprint, ApiError> {
        if self.has_origin {
            return Err(ApiError::from_case("cors_not_allowed"));
        }
        if let Some(key) = self.api_keys.first() {
            let valid = Family::from_prefix(key) == Family::ApiKey && is_well_formed(key);
            let fingerprint = self.fingerprint().filter(|_| valid);
            return fingerprint.ok_or_else(|| ApiError::from_case("invalid_x_api_key"));
        }
        let Some(token) = self.bearers.first() else {
            return Err(ApiError::from_case("x_api_key_header_required"));
        };
        let valid = match Family::from_prefix(token) {
            Family::OauthAccess if !self.has_oauth_beta => {
                return Err(ApiError::from_case("oauth_not_supported"));
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
        fingerprint.ok_or_else(|| ApiError::from_case("invalid_bearer_token"))
    }
}

/// Returns the values of `anthropic-beta`, from one or several headers.
pub(crate) fn beta_values(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all("anthropic-beta")
        .iter()
        .flat_map(|value| text(value).split(','))
        .map(str::trim)
}

/// Returns the value as text.
fn text(value: &HeaderValue) -> &str {
    std::str::from_utf8(value.as_bytes()).map_or(INVALID_TOKEN, str::trim)
}

/// Returns the token after `Bearer`.
fn bearer(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ if value.eq_ignore_ascii_case("bearer") => "",
        _ if value.is_empty() => "",
        _ => INVALID_TOKEN,
    }
}

/// Returns `true` if a token has the form `sk-ant-` and two parts of letters, digits, `_` and `-`.
fn is_well_formed(token: &str) -> bool {
    let is_plain = token
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'));
    is_plain
        && token
            .splitn(4, '-')
            .nth(3)
            .is_some_and(|rest| !rest.is_empty())
}
