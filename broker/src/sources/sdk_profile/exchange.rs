//! One request to the token endpoint, `POST {base}/v1/oauth/token` (docs/facts.md#sdk-profiles).
//!
//! Invariants: it goes to the base URL the profile is bound to and no further, since no redirect is followed; it says who
//! we are and pretends to be nobody else; of an answer at most 1 MiB is read, and of one that refuses only the three fields
//! of RFC 6749 are shown, made inert and without anything that looks like a key.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use jiff::SignedDuration;
use keyreeve_core::inert::inert_line;
use keyreeve_core::inject::OAUTH_BETA;
use keyreeve_core::origin::BaseUrl;
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::token::looks_like_a_key;
use keyreeve_os::world;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::config::Federation;
use super::{Access, SdkProfileError};
use crate::upstream::Upstream;

/// Who we are.
const AGENT: &str = concat!("keyreeve/", env!("CARGO_PKG_VERSION"));
/// What an exchange of an identity token needs and a renewal must not have.
const FEDERATION_BETA: &str = "oauth-2025-04-20,oidc-federation-2026-04-01";
/// How long the endpoint may take, to the last byte.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// The longest answer.
const LONGEST_ANSWER: usize = 1024 * 1024;
/// How much is shown of a field of a refusal, in characters.
const LONGEST_FIELD: usize = 200;
/// The longest life believed: no token lives for ten years.
const LONGEST_LIFE: u64 = 10 * 366 * 24 * 3_600;

/// What is asked for a token with.
pub(super) enum Grant<'a> {
    /// An identity token.
    Federation {
        rules: &'a Federation,
        assertion: &'a Secret,
    },
    /// A refresh token, of the client that the profile names.
    Refresh {
        token: &'a Secret,
        client_id: &'a str,
    },
}

/// What was given.
pub(super) struct Granted {
    pub(super) access: Access,
    /// The refresh token that takes the old one's place.
    pub(super) refresh: Option<Secret>,
}

/// Why nothing was given, where the endpoint itself says so.
pub(super) struct Refused {
    pub(super) status: u16,
    /// RFC 6749's `error`.
    pub(super) error: String,
    /// All three fields, to be shown.
    pub(super) told: String,
}

/// What the endpoint said.
pub(super) enum Said {
    Granted(Granted),
    Refused(Refused),
}

/// Asks for a token.
pub(super) async fn ask(
    upstream: &Upstream,
    base_url: &BaseUrl,
    grant: &Grant<'_>,
) -> Result<Said, SdkProfileError> {
    let request = request(base_url, grant)?;
    let exchange = async {
        let answer = upstream.send(request).await;
        let (head, body) = answer.map_err(SdkProfileError::NoAnswer)?.into_parts();
        Ok((head.status, whole(body).await?))
    };
    let (status, body) = timeout(TIME_LIMIT, exchange)
        .await
        .map_err(|_| SdkProfileError::TimedOut)??;
    match status {
        StatusCode::OK => granted(&body).map(Said::Granted),
        status if status.is_redirection() => Err(SdkProfileError::BadAnswer(
            "it is a redirect, and those are not followed",
        )),
        status => Ok(Said::Refused(refused(status, &body))),
    }
}

/// What is posted, by its grant.
#[derive(Serialize)]
#[serde(tag = "grant_type")]
enum Asked<'a> {
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

impl<'a> Asked<'a> {
    fn of(grant: &'a Grant<'_>, base_url: &'a BaseUrl) -> Self {
        let sink = Sink::Origin(base_url.origin());
        match grant {
            Grant::Federation { rules, assertion } => Self::Federation {
                assertion: assertion.expose_for(sink),
                federation_rule_id: &rules.rule,
                organization_id: &rules.organization,
                service_account_id: rules.service_account.as_deref(),
                workspace_id: rules.workspace.as_deref(),
            },
            Grant::Refresh { token, client_id } => Self::Refresh {
                refresh_token: token.expose_for(sink),
                client_id,
            },
        }
    }
}

fn request(base_url: &BaseUrl, grant: &Grant<'_>) -> Result<Request<Full<Bytes>>, SdkProfileError> {
    let unsendable = || SdkProfileError::BadAnswer("the request to it cannot be written");
    let beta = match grant {
        Grant::Federation { .. } => FEDERATION_BETA,
        Grant::Refresh { .. } => OAUTH_BETA,
    };
    // Large enough for the longest of both, so that it never grows and leaves no copy behind.
    let mut body = Zeroizing::new(Vec::with_capacity(128 * 1024));
    serde_json::to_writer(&mut *body, &Asked::of(grant, base_url)).map_err(|_| unsendable())?;
    Request::builder()
        .method(Method::POST)
        .uri(format!("{base_url}/v1/oauth/token"))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(ACCEPT, HeaderValue::from_static("application/json"))
        .header(USER_AGENT, HeaderValue::from_static(AGENT))
        .header("anthropic-beta", HeaderValue::from_static(beta))
        .body(Full::new(Bytes::from_owner(body)))
        .map_err(|_| unsendable())
}

async fn whole(mut body: Incoming) -> Result<Zeroizing<Vec<u8>>, SdkProfileError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_ANSWER));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| SdkProfileError::BadAnswer("it broke off"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > LONGEST_ANSWER {
            return Err(SdkProfileError::BadAnswer("it is longer than 1 MiB"));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

#[derive(Deserialize)]
struct Answered {
    access_token: Hidden,
    token_type: Option<String>,
    expires_in: u64,
    refresh_token: Option<Hidden>,
}

/// A string that is overwritten when dropped, from the moment it was read.
struct Hidden(Zeroizing<String>);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

fn granted(body: &[u8]) -> Result<Granted, SdkProfileError> {
    // What the parser says of a value could be a piece of it.
    let answered: Answered = serde_json::from_slice(body).map_err(|_| {
        SdkProfileError::BadAnswer("it is no JSON with an `access_token` and its `expires_in`")
    })?;
    let kind = answered.token_type.as_deref().unwrap_or("Bearer");
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(SdkProfileError::BadAnswer("its `token_type` is not Bearer"));
    }
    if answered.access_token.0.is_empty() {
        return Err(SdkProfileError::BadAnswer("its `access_token` is empty"));
    }
    let life = i64::try_from(answered.expires_in.min(LONGEST_LIFE)).unwrap_or_default();
    let refresh = answered.refresh_token.filter(|token| !token.0.is_empty());
    Ok(Granted {
        access: Access {
            token: answered.access_token.0,
            expires_at: world::now()
                .checked_add(SignedDuration::from_secs(life))
                .ok(),
        },
        refresh: refresh.map(|mut token| Secret::new(std::mem::take(&mut *token.0))),
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Told {
    error: Option<String>,
    error_description: Option<String>,
    error_uri: Option<String>,
}

fn refused(status: StatusCode, body: &[u8]) -> Refused {
    let told: Told = serde_json::from_slice(body).unwrap_or_default();
    let fields = [&told.error, &told.error_description, &told.error_uri];
    let shown: Vec<_> = fields
        .into_iter()
        .flatten()
        .map(|text| shown(text))
        .collect();
    Refused {
        status: status.as_u16(),
        told: if shown.is_empty() {
            "without a reason".to_owned()
        } else {
            shown.join(": ")
        },
        error: told.error.unwrap_or_default(),
    }
}

fn shown(field: &str) -> String {
    if looks_like_a_key(field) {
        "a text with a key in it, which is not shown".to_owned()
    } else {
        inert_line(field, LONGEST_FIELD).into_owned()
    }
}
