//! One request to the token endpoint, `POST {base}/v1/oauth/token` (docs/facts.md#sdk-profiles).
//!
//! Invariants: it is sent only to the base URL the profile is bound to, since no redirect is followed; its user agent
//! is keyreeve's own; at most 1 MiB of a response is read, and of an error only the three fields of RFC 6749 are shown,
//! sanitized and with keys redacted.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use jiff::SignedDuration;
use keyreeve_core::inject::OAUTH_BETA;
use keyreeve_core::origin::BaseUrl;
use keyreeve_core::sanitize::sanitize_line;
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::token::contains_token;
use keyreeve_os::system;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::config::FederationRule;
use super::{AccessToken, SdkProfileError};
use crate::upstream::{self, RequestBody, Upstream};

/// The beta header of an identity token exchange; a refresh must not have it.
const FEDERATION_BETA: &str = "oauth-2025-04-20,oidc-federation-2026-04-01";
/// Timeout of an exchange, to the last byte.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size of a response in bytes.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;
/// Maximum length shown of an error field, in characters.
const MAX_FIELD_CHARS: usize = 200;
/// Maximum lifetime accepted for a token, in seconds: ten years.
const MAX_LIFETIME_SECS: u64 = 10 * 366 * 24 * 3_600;

/// The credential that is exchanged for an access token.
pub(super) enum GrantRequest<'a> {
    /// An identity token.
    Federation {
        rule: &'a FederationRule,
        assertion: &'a Secret,
    },
    /// A refresh token, with the profile's client id.
    Refresh {
        token: &'a Secret,
        client_id: &'a str,
    },
}

/// The tokens in a successful response.
pub(super) struct TokenGrant {
    pub(super) access: AccessToken,
    /// The refresh token that replaces the old one.
    pub(super) refresh: Option<Secret>,
}

/// An error response of the endpoint.
pub(super) struct TokenRefusal {
    pub(super) status: u16,
    /// RFC 6749's `error`.
    pub(super) error: String,
    /// All three fields, for display.
    pub(super) message: String,
}

/// The response of the endpoint.
pub(super) enum TokenResponse {
    Granted(TokenGrant),
    Refused(TokenRefusal),
}

/// Requests a token.
pub(super) async fn request_token(
    upstream: &Upstream,
    base_url: &BaseUrl,
    grant: &GrantRequest<'_>,
) -> Result<TokenResponse, SdkProfileError> {
    let request = build_request(base_url, grant)?;
    let exchange = async {
        let response = upstream.send(request).await;
        let (head, body) = response.map_err(SdkProfileError::NoResponse)?.into_parts();
        Ok((head.status, read_body(body).await?))
    };
    let (status, body) = timeout(EXCHANGE_TIMEOUT, exchange)
        .await
        .map_err(|_| SdkProfileError::TimedOut)??;
    match status {
        StatusCode::OK => parse_grant(&body).map(TokenResponse::Granted),
        status if status.is_redirection() => Err(SdkProfileError::InvalidResponse(
            "a redirect, which keyreeve does not follow",
        )),
        status => Ok(TokenResponse::Refused(parse_refusal(status, &body))),
    }
}

/// The body of the request.
#[derive(Serialize)]
#[serde(tag = "grant_type")]
enum TokenRequest<'a> {
    #[serde(rename = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    Federation {
        assertion: &'a str,
        federation_rule_id: &'a str,
        organization_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        service_account_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        workspace_id: Option<&'a str>,
    },
    #[serde(rename = "refresh_token")]
    Refresh {
        refresh_token: &'a str,
        client_id: &'a str,
    },
}

impl<'a> TokenRequest<'a> {
    fn new(grant: &'a GrantRequest<'_>, base_url: &'a BaseUrl) -> Self {
        let sink = Sink::Origin(base_url.origin());
        match grant {
            GrantRequest::Federation { rule, assertion } => Self::Federation {
                assertion: assertion.expose_for(sink),
                federation_rule_id: &rule.rule,
                organization_id: &rule.organization,
                service_account_id: rule.service_account.as_deref(),
                workspace_id: rule.workspace.as_deref(),
            },
            GrantRequest::Refresh { token, client_id } => Self::Refresh {
                refresh_token: token.expose_for(sink),
                client_id,
            },
        }
    }
}

fn build_request(
    base_url: &BaseUrl,
    grant: &GrantRequest<'_>,
) -> Result<Request<RequestBody>, SdkProfileError> {
    let build_error = || SdkProfileError::InvalidResponse("the request could not be built");
    let beta = match grant {
        GrantRequest::Federation { .. } => FEDERATION_BETA,
        GrantRequest::Refresh { .. } => OAUTH_BETA,
    };
    // Large enough for both kinds of request, so that it never grows and no copy remains in memory.
    let mut body = Zeroizing::new(Vec::with_capacity(128 * 1024));
    serde_json::to_writer(&mut *body, &TokenRequest::new(grant, base_url))
        .map_err(|_| build_error())?;
    Request::builder()
        .method(Method::POST)
        .uri(format!("{base_url}/v1/oauth/token"))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(ACCEPT, HeaderValue::from_static("application/json"))
        .header(USER_AGENT, HeaderValue::from_static(upstream::USER_AGENT))
        .header("anthropic-beta", HeaderValue::from_static(beta))
        .body(RequestBody::from_iter([Bytes::from_owner(body)]))
        .map_err(|_| build_error())
}

async fn read_body(mut body: Incoming) -> Result<Zeroizing<Vec<u8>>, SdkProfileError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_RESPONSE_BYTES));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            SdkProfileError::InvalidResponse("the connection closed before its end")
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > MAX_RESPONSE_BYTES {
            return Err(SdkProfileError::InvalidResponse("it is longer than 1 MiB"));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

#[derive(Deserialize)]
struct TokenResponseBody {
    access_token: ZeroizedString,
    token_type: Option<String>,
    expires_in: u64,
    refresh_token: Option<ZeroizedString>,
}

/// A string that is zeroized when dropped, from the moment it was read.
struct ZeroizedString(Zeroizing<String>);

impl<'de> Deserialize<'de> for ZeroizedString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

fn parse_grant(body: &[u8]) -> Result<TokenGrant, SdkProfileError> {
    // The parser's error could contain a part of a value.
    let body: TokenResponseBody = serde_json::from_slice(body).map_err(|_| {
        SdkProfileError::InvalidResponse("it is not JSON with `access_token` and `expires_in`")
    })?;
    let kind = body.token_type.as_deref().unwrap_or("Bearer");
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(SdkProfileError::InvalidResponse(
            "its `token_type` is not Bearer",
        ));
    }
    if body.access_token.0.is_empty() {
        return Err(SdkProfileError::InvalidResponse(
            "its `access_token` is empty",
        ));
    }
    let lifetime = i64::try_from(body.expires_in.min(MAX_LIFETIME_SECS)).unwrap_or_default();
    let refresh = body.refresh_token.filter(|token| !token.0.is_empty());
    Ok(TokenGrant {
        access: AccessToken {
            token: body.access_token.0,
            expires_at: system::now()
                .checked_add(SignedDuration::from_secs(lifetime))
                .ok(),
        },
        refresh: refresh.map(|mut token| Secret::new(std::mem::take(&mut *token.0))),
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct TokenErrorBody {
    error: Option<String>,
    error_description: Option<String>,
    error_uri: Option<String>,
}

fn parse_refusal(status: StatusCode, body: &[u8]) -> TokenRefusal {
    let error_body: TokenErrorBody = serde_json::from_slice(body).unwrap_or_default();
    let fields = [
        &error_body.error,
        &error_body.error_description,
        &error_body.error_uri,
    ];
    let displayed: Vec<_> = fields
        .into_iter()
        .flatten()
        .map(|text| display_field(text))
        .collect();
    TokenRefusal {
        status: status.as_u16(),
        message: if displayed.is_empty() {
            "no error details".to_owned()
        } else {
            displayed.join(": ")
        },
        error: error_body.error.unwrap_or_default(),
    }
}

fn display_field(field: &str) -> String {
    if contains_token(field) {
        "a text with a key, not shown".to_owned()
    } else {
        sanitize_line(field, MAX_FIELD_CHARS).into_owned()
    }
}
