//! The token endpoint: an identity token or a refresh token in, an access token out (docs/facts.md#sdk-profiles).
//!
//! Invariants: any well-formed token is taken, once each where it is a refresh token, as the real one does: whoever loses
//! a race to renew a login sees it. Only fingerprints are remembered. Errors are those of RFC 6749, in no envelope.

use std::collections::{HashSet, VecDeque};

use http::StatusCode;
use http::header::HeaderMap;
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::token::Family;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::credentials::betas;
use crate::state::Mark;

/// Where it is.
pub(crate) const PATH: &str = "/v1/oauth/token";

const FEDERATION: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const OAUTH_BETA: &str = "oauth-2025-04-20";
const FEDERATION_BETA: &str = "oidc-federation-2026-04-01";

/// The longest identity token taken, in bytes.
const LONGEST_ASSERTION: usize = 16 * 1024;

/// The most refresh tokens remembered as used; the oldest goes first.
const MOST: usize = 10_000;

/// The refresh tokens that were used, by their fingerprints.
#[derive(Default)]
pub(crate) struct Used {
    order: VecDeque<Fingerprint>,
    known: HashSet<Fingerprint>,
}

impl Used {
    /// Notes one as used, unless it was already.
    fn take(&mut self, token: Fingerprint) -> Result<(), Refused> {
        if !self.known.insert(token.clone()) {
            return Err(Refused::grant(
                StatusCode::BAD_REQUEST,
                "Refresh token not found or invalid",
            ));
        }
        self.order.push_back(token);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        Ok(())
    }
}

/// A refusal in the words of RFC 6749.
struct Refused {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
}

impl Refused {
    fn request(description: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_request",
            description,
        }
    }

    fn grant(status: StatusCode, description: &'static str) -> Self {
        Self {
            status,
            error: "invalid_grant",
            description,
        }
    }

    fn answer(&self) -> Answer {
        let body = json!({ "error": self.error, "error_description": self.description });
        Answer::json_with(self.status, &body)
    }
}

/// The token that a request to the endpoint brings, by its fingerprint: its scripts are named after it.
pub(crate) fn presented(body: &[u8]) -> Option<Fingerprint> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let token = body
        .get("refresh_token")
        .or_else(|| body.get("assertion"))?;
    token.as_str().map(Fingerprint::of)
}

/// Answers a request to the endpoint.
pub(crate) fn answer(headers: &HeaderMap, body: &[u8], mark: Mark, used: &mut Used) -> Answer {
    granted(headers, body, mark, used)
        .map_or_else(|refused| refused.answer(), |answer| Answer::json(&answer))
        .with("request-id", &mark.request_id())
        .with("cache-control", "no-store")
}

fn granted(
    headers: &HeaderMap,
    body: &[u8],
    mark: Mark,
    used: &mut Used,
) -> Result<Value, Refused> {
    let Ok(body @ Value::Object(_)) = serde_json::from_slice::<Value>(body) else {
        return Err(Refused::request("the body is no JSON object"));
    };
    let has = |beta: &str| betas(headers).any(|given| given == beta);
    if !has(OAUTH_BETA) {
        return Err(Refused::request(
            "anthropic-beta: oauth-2025-04-20 is missing",
        ));
    }
    match (body["grant_type"].as_str(), has(FEDERATION_BETA)) {
        (Some(FEDERATION), true) => federated(&body, mark),
        (Some(FEDERATION), false) => Err(Refused::request(
            "anthropic-beta: oidc-federation-2026-04-01 is missing",
        )),
        (Some("refresh_token"), false) => renewed(&body, mark, used),
        (Some("refresh_token"), true) => Err(Refused::request(
            "anthropic-beta: oidc-federation-2026-04-01 has no place here",
        )),
        (Some(_) | None, _) => Err(Refused {
            status: StatusCode::BAD_REQUEST,
            error: "unsupported_grant_type",
            description: "grant_type is neither of the two",
        }),
    }
}

fn federated(body: &Value, mark: Mark) -> Result<Value, Refused> {
    let assertion = text(body, "assertion")?;
    text(body, "federation_rule_id")?;
    text(body, "organization_id")?;
    let is_jwt = assertion.split('.').count() == 3 && assertion.len() <= LONGEST_ASSERTION;
    if !is_jwt {
        return Err(Refused::grant(
            StatusCode::UNAUTHORIZED,
            "assertion rejected",
        ));
    }
    Ok(json!({
        "access_token": token("oat01", mark),
        "token_type": "Bearer",
        "expires_in": 3_600,
        "scope": "workspace:developer",
    }))
}

fn renewed(body: &Value, mark: Mark, used: &mut Used) -> Result<Value, Refused> {
    let refresh = text(body, "refresh_token")?;
    text(body, "client_id")?;
    if Family::of(refresh) != Family::OauthRefresh {
        return Err(Refused::grant(
            StatusCode::BAD_REQUEST,
            "Refresh token not found or invalid",
        ));
    }
    used.take(Fingerprint::of(refresh))?;
    Ok(json!({
        "access_token": token("oat01", mark),
        "refresh_token": token("ort01", mark),
        "token_type": "Bearer",
        "expires_in": 28_800,
        "scope": "user:profile user:inference user:developer",
    }))
}

fn text<'b>(body: &'b Value, field: &str) -> Result<&'b str, Refused> {
    body[field]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Refused::request("a field that this grant needs is missing"))
}

/// A token that is none, of the usual shape: 93 letters and digits read off the mark, then `AA`.
fn token(family: &str, mark: Mark) -> String {
    let letters: String = (0..5).map(|part| mark.id(&part.to_string())).collect();
    ["sk-", "ant-", family, "-", &letters[..93], "AA"].concat()
}
