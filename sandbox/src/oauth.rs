//! The token endpoint: exchanges an identity token or a refresh token for an access token (docs/facts.md#sdk-profiles).
//!
//! Invariants: any well-formed token is accepted. A refresh token is accepted once, as by the real API, so that the
//! loser of a race to refresh a login gets an error. Only fingerprints are stored. Errors follow RFC 6749, without the
//! API's envelope.

use std::collections::{HashSet, VecDeque};

use http::StatusCode;
use http::header::HeaderMap;
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::token::Family;
use serde_json::{Value, json};

use crate::credentials::{OAUTH_BETA, beta_values};
use crate::response::{ResponseIds, SimulatedResponse};

/// Path of the token endpoint.
pub(crate) const PATH: &str = "/v1/oauth/token";

const FEDERATION: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const FEDERATION_BETA: &str = "oidc-federation-2026-04-01";

/// Maximum length of an identity token, in bytes.
const MAX_ASSERTION_BYTES: usize = 16 * 1024;

/// Maximum number of stored used refresh tokens; the oldest is evicted first.
const MAX_USED_TOKENS: usize = 10_000;

/// Fingerprints of used refresh tokens.
#[derive(Default)]
pub(crate) struct UsedRefreshTokens {
    order: VecDeque<Fingerprint>,
    known: HashSet<Fingerprint>,
}

impl UsedRefreshTokens {
    /// Marks a token as used; an error if it already is.
    fn mark_used(&mut self, token: Fingerprint) -> Result<(), OauthError> {
        if !self.known.insert(token.clone()) {
            return Err(OauthError::invalid_grant(
                StatusCode::BAD_REQUEST,
                "Refresh token not found or invalid",
            ));
        }
        self.order.push_back(token);
        if self.order.len() > MAX_USED_TOKENS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        Ok(())
    }
}

/// An error response of RFC 6749.
struct OauthError {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
}

impl OauthError {
    fn invalid_request(description: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_request",
            description,
        }
    }

    fn invalid_grant(status: StatusCode, description: &'static str) -> Self {
        Self {
            status,
            error: "invalid_grant",
            description,
        }
    }

    fn to_response(&self) -> SimulatedResponse {
        let body = json!({ "error": self.error, "error_description": self.description });
        SimulatedResponse::json_with(self.status, &body)
    }
}

/// Returns the fingerprint of the token in a request body, which selects the script.
pub(crate) fn request_fingerprint(body: &[u8]) -> Option<Fingerprint> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let token = body
        .get("refresh_token")
        .or_else(|| body.get("assertion"))?;
    token.as_str().map(Fingerprint::of)
}

/// Handles a request to the endpoint.
pub(crate) fn handle(
    headers: &HeaderMap,
    body: &[u8],
    ids: ResponseIds,
    used: &mut UsedRefreshTokens,
) -> SimulatedResponse {
    issue_tokens(headers, body, ids, used)
        .map_or_else(
            |error| error.to_response(),
            |tokens| SimulatedResponse::json(&tokens),
        )
        .with_header("request-id", &ids.request_id())
        .with_header("cache-control", "no-store")
}

fn issue_tokens(
    headers: &HeaderMap,
    body: &[u8],
    ids: ResponseIds,
    used: &mut UsedRefreshTokens,
) -> Result<Value, OauthError> {
    let Ok(body @ Value::Object(_)) = serde_json::from_slice::<Value>(body) else {
        return Err(OauthError::invalid_request("the body is not a JSON object"));
    };
    let has = |beta: &str| beta_values(headers).any(|value| value == beta);
    if !has(OAUTH_BETA) {
        return Err(OauthError::invalid_request(
            "anthropic-beta: oauth-2025-04-20 is missing",
        ));
    }
    match (body["grant_type"].as_str(), has(FEDERATION_BETA)) {
        (Some(FEDERATION), true) => exchange_assertion(&body, ids),
        (Some(FEDERATION), false) => Err(OauthError::invalid_request(
            "anthropic-beta: oidc-federation-2026-04-01 is missing",
        )),
        (Some("refresh_token"), false) => refresh_tokens(&body, ids, used),
        (Some("refresh_token"), true) => Err(OauthError::invalid_request(
            "anthropic-beta: oidc-federation-2026-04-01 is not allowed for this grant",
        )),
        (Some(_) | None, _) => Err(OauthError {
            status: StatusCode::BAD_REQUEST,
            error: "unsupported_grant_type",
            description: "grant_type is not supported",
        }),
    }
}

fn exchange_assertion(body: &Value, ids: ResponseIds) -> Result<Value, OauthError> {
    let assertion = required_text(body, "assertion")?;
    required_text(body, "federation_rule_id")?;
    required_text(body, "organization_id")?;
    let is_jwt = assertion.split('.').count() == 3 && assertion.len() <= MAX_ASSERTION_BYTES;
    if !is_jwt {
        return Err(OauthError::invalid_grant(
            StatusCode::UNAUTHORIZED,
            "assertion rejected",
        ));
    }
    Ok(json!({
        "access_token": fake_token("oat01", ids),
        "token_type": "Bearer",
        "expires_in": 3_600,
        "scope": "workspace:developer",
    }))
}

fn refresh_tokens(
    body: &Value,
    ids: ResponseIds,
    used: &mut UsedRefreshTokens,
) -> Result<Value, OauthError> {
    let token = required_text(body, "refresh_token")?;
    required_text(body, "client_id")?;
    if Family::from_prefix(token) != Family::OauthRefresh {
        return Err(OauthError::invalid_grant(
            StatusCode::BAD_REQUEST,
            "Refresh token not found or invalid",
        ));
    }
    used.mark_used(Fingerprint::of(token))?;
    Ok(json!({
        "access_token": fake_token("oat01", ids),
        "refresh_token": fake_token("ort01", ids),
        "token_type": "Bearer",
        "expires_in": 28_800,
        "scope": "user:profile user:inference user:developer",
    }))
}

fn required_text<'b>(body: &'b Value, field: &str) -> Result<&'b str, OauthError> {
    body[field]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| OauthError::invalid_request("a field that this grant requires is missing"))
}

/// Returns a fake token of the usual shape: 93 letters and digits derived from the ids, then `AA`.
fn fake_token(family: &str, ids: ResponseIds) -> String {
    let letters: String = (0..5).map(|part| ids.id(&part.to_string())).collect();
    ["sk-", "ant-", family, "-", &letters[..93], "AA"].concat()
}
