//! Log of received requests, for tests of clients: method, path, headers, hash of the body, times, response status.
//!
//! Invariant: no secret and no body is stored, because users will send the sandbox real keys. A credential header, and
//! any other text that looks like a token, is replaced by its fingerprint. The newest [`MAX_REQUESTS`] requests are
//! stored.

use std::collections::VecDeque;

use http::header::HeaderMap;
use http::request::Parts;
use jiff::Timestamp;
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::token::{Family, contains_token};
use serde::{Serialize, Serializer};

/// A received request.
#[derive(Clone, Debug, Serialize)]
pub struct RecordedRequest {
    /// Number of the request since the start or since the log was cleared, from 1.
    pub number: u64,
    /// Time at which its body had been read.
    #[serde(serialize_with = "as_text")]
    pub arrived_at: Timestamp,
    /// Time at which the head of its response was ready; `None` while it is pending.
    #[serde(serialize_with = "as_optional_text")]
    pub answered_at: Option<Timestamp>,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: RedactedText,
    /// Query, without the `?`.
    pub query: Option<RedactedText>,
    /// Headers in the order received, names in lower case.
    pub headers: Vec<(String, RedactedText)>,
    /// BLAKE3 hash of the body, as 64 hexadecimal digits.
    pub body_blake3: String,
    /// Length of the body in bytes.
    pub body_bytes: u64,
    /// Status of the response; `None` while it is pending, or if the connection was closed instead.
    pub status: Option<u16>,
}

/// Text of a request, or its fingerprint if it is or might be a secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum RedactedText {
    /// Text that contains no secret.
    Text(String),
    /// A credential.
    Credential {
        /// Scheme before it in an `authorization` header.
        #[serde(skip_serializing_if = "Option::is_none")]
        scheme: Option<String>,
        /// Fingerprint of the credential, without the scheme.
        #[serde(serialize_with = "as_text")]
        fingerprint: Fingerprint,
        /// Token family: `api_key`, `oauth_access`, `opaque`, …
        family: &'static str,
    },
}

/// Maximum number of stored requests.
pub(crate) const MAX_REQUESTS: usize = 1_000;

/// Stored requests, newest last.
#[derive(Default)]
pub(crate) struct RequestLog {
    requests: VecDeque<RecordedRequest>,
    count: u64,
}

/// Parts of the names of headers that carry credentials, here or in other APIs.
const CREDENTIAL_NAMES: [&str; 5] = ["auth", "key", "token", "cookie", "secret"];

impl RequestLog {
    /// Adds a request and returns its number.
    pub(crate) fn record_request(
        &mut self,
        head: &Parts,
        body: &BodyDigest,
        now: Timestamp,
    ) -> u64 {
        self.count += 1;
        if self.requests.len() == MAX_REQUESTS {
            self.requests.pop_front();
        }
        self.requests.push_back(RecordedRequest {
            number: self.count,
            arrived_at: now,
            answered_at: None,
            method: head.method.to_string(),
            path: redact_url_part(head.uri.path()),
            query: head.uri.query().map(redact_url_part),
            headers: redact_headers(&head.headers),
            body_blake3: body.hash.to_hex().to_string(),
            body_bytes: body.length,
            status: None,
        });
        self.count
    }

    /// Records the response to a request, if the request is still stored.
    pub(crate) fn record_response(&mut self, number: u64, status: u16, now: Timestamp) {
        if let Some(request) = self
            .requests
            .iter_mut()
            .rev()
            .find(|request| request.number == number)
        {
            request.answered_at = Some(now);
            request.status = Some(status);
        }
    }

    /// Returns the stored requests, newest last.
    pub(crate) fn list(&self) -> Vec<RecordedRequest> {
        self.requests.iter().cloned().collect()
    }

    /// Removes all requests.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Hash and length of a body.
pub(crate) struct BodyDigest {
    /// BLAKE3 hash.
    pub(crate) hash: blake3::Hash,
    /// Length in bytes.
    pub(crate) length: u64,
}

fn redact_headers(headers: &HeaderMap) -> Vec<(String, RedactedText)> {
    let redact = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let is_credential = CREDENTIAL_NAMES
            .iter()
            .any(|part| name.as_str().contains(part));
        let text = if is_credential || contains_token(&value) {
            redact_credential(&value)
        } else {
            RedactedText::Text(value.into_owned())
        };
        (name.to_string(), text)
    };
    headers.iter().map(redact).collect()
}

/// Redacts a part of a URL. Percent-encoded text is always redacted, because it may hide a secret.
fn redact_url_part(text: &str) -> RedactedText {
    if text.contains('%') || contains_token(text) {
        redact_credential(text)
    } else {
        RedactedText::Text(text.to_owned())
    }
}

fn redact_credential(value: &str) -> RedactedText {
    let (scheme, token) = match value.split_once(' ') {
        Some((scheme, token)) if is_scheme(scheme) => (Some(scheme.to_owned()), token.trim()),
        _ => (None, value),
    };
    let family = Family::from_prefix(token).code();
    RedactedText::Credential {
        scheme,
        fingerprint: Fingerprint::of(token),
        family,
    }
}

fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "digest"]
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme))
}

fn as_text<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn as_optional_text<S: Serializer>(
    value: &Option<impl ToString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value
        .as_ref()
        .map(ToString::to_string)
        .serialize(serializer)
}
