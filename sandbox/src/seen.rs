//! What arrived, for whoever tests a client: method, path, headers, the body's hash, times, the status answered.
//!
//! Invariant: neither a secret nor a body is in here, because people will send the sandbox real keys. What is in a
//! credential header, and whatever looks like a token elsewhere, is kept as its fingerprint. The newest
//! [`MOST`] requests are kept.

use std::collections::VecDeque;

use http::header::HeaderMap;
use http::request::Parts;
use jiff::Timestamp;
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::token::{Family, looks_like_a_key};
use serde::{Serialize, Serializer};

/// A request that arrived.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// Counts the requests since the start or the last clearing, from 1.
    pub number: u64,
    /// When its body had been read.
    #[serde(serialize_with = "in_words")]
    pub arrived_at: Timestamp,
    /// When its answer's head was ready; none while it waits.
    #[serde(serialize_with = "in_words_if_any")]
    pub answered_at: Option<Timestamp>,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: Shown,
    /// What stood behind the `?`.
    pub query: Option<Shown>,
    /// The headers in the order in which they came, names in lower case.
    pub headers: Vec<(String, Shown)>,
    /// The BLAKE3 hash of the body, as 64 hexadecimal digits.
    pub body_blake3: String,
    /// The length of the body in bytes.
    pub body_bytes: u64,
    /// The status answered; none while it waits, or where the connection was broken off instead.
    pub status: Option<u16>,
}

/// A text that came from outside, or what stands for it when it is or might be a secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Shown {
    /// The text.
    Text(String),
    /// A credential.
    Credential {
        /// The scheme before it in an `authorization` header.
        #[serde(skip_serializing_if = "Option::is_none")]
        scheme: Option<String>,
        /// By which it can be recognised: the fingerprint of the credential alone, without the scheme.
        #[serde(serialize_with = "in_words")]
        fingerprint: Fingerprint,
        /// What it looks like: `api_key`, `oauth_access`, `opaque`, …
        family: &'static str,
    },
}

/// The most requests kept.
pub(crate) const MOST: usize = 1_000;

/// The requests kept, newest last.
#[derive(Default)]
pub(crate) struct Ring {
    seen: VecDeque<Seen>,
    count: u64,
}

/// The headers that carry credentials, and parts of names of headers that do in other places.
const CREDENTIAL_NAMES: [&str; 5] = ["auth", "key", "token", "cookie", "secret"];

impl Ring {
    /// Adds a request and gives its number.
    pub(crate) fn arrived(&mut self, head: &Parts, body: &Digest, now: Timestamp) -> u64 {
        self.count += 1;
        if self.seen.len() == MOST {
            self.seen.pop_front();
        }
        self.seen.push_back(Seen {
            number: self.count,
            arrived_at: now,
            answered_at: None,
            method: head.method.to_string(),
            path: shown_in_url(head.uri.path()),
            query: head.uri.query().map(shown_in_url),
            headers: shown_headers(&head.headers),
            body_blake3: body.hash.to_hex().to_string(),
            body_bytes: body.length,
            status: None,
        });
        self.count
    }

    /// Notes the answer to a request, if it is still kept.
    pub(crate) fn answered(&mut self, number: u64, status: u16, now: Timestamp) {
        if let Some(seen) = self
            .seen
            .iter_mut()
            .rev()
            .find(|seen| seen.number == number)
        {
            seen.answered_at = Some(now);
            seen.status = Some(status);
        }
    }

    /// The requests kept, newest last.
    pub(crate) fn list(&self) -> Vec<Seen> {
        self.seen.iter().cloned().collect()
    }

    /// Forgets them all.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What is kept of a body.
pub(crate) struct Digest {
    /// Its BLAKE3 hash.
    pub(crate) hash: blake3::Hash,
    /// Its length in bytes.
    pub(crate) length: u64,
}

fn shown_headers(headers: &HeaderMap) -> Vec<(String, Shown)> {
    let shown = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let is_credential = CREDENTIAL_NAMES
            .iter()
            .any(|part| name.as_str().contains(part));
        let shown = if is_credential || looks_like_a_key(&value) {
            credential(&value)
        } else {
            Shown::Text(value.into_owned())
        };
        (name.to_string(), shown)
    };
    headers.iter().map(shown).collect()
}

/// Part of a URL. Where it is percent-encoded nobody can tell at a glance what it holds, so it is not shown.
fn shown_in_url(text: &str) -> Shown {
    if text.contains('%') || looks_like_a_key(text) {
        credential(text)
    } else {
        Shown::Text(text.to_owned())
    }
}

fn credential(value: &str) -> Shown {
    let (scheme, token) = match value.split_once(' ') {
        Some((scheme, token)) if is_scheme(scheme) => (Some(scheme.to_owned()), token.trim()),
        _ => (None, value),
    };
    let family = Family::of(token).code();
    Shown::Credential {
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

fn in_words<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

#[expect(clippy::ref_option, reason = "serde hands the field over by reference")]
fn in_words_if_any<S: Serializer>(
    value: &Option<impl ToString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value
        .as_ref()
        .map(ToString::to_string)
        .serialize(serializer)
}
