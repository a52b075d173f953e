//! The client's request, read whole: it is inspected before it is forwarded, and a retry must be able to send it again.
//!
//! Invariant: the bytes are never changed.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, Method};
use keyreeve_broker::{Client, LeaseRequest};
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::peek::{BodyError, Peek, peek};
use keyreeve_core::sanitize::sanitize_line;
use keyreeve_core::select::Conversation;
use keyreeve_core::token::contains_token;
use keyreeve_store::{Operation, RequestId};

use crate::client_body::{BodyBudgetError, ClientBody};
use crate::headers::SESSION_ID;
use crate::state::Gateway;

/// The timeout of the SDKs if the request does not name one (docs/facts.md#endpoints).
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(10);

/// The maximum timeout, whatever the client asks for.
const MAX_TIMEOUT: Duration = Duration::from_hours(24);

/// The headers in which SDKs send their timeout, in order of precedence. In the Python SDK the first has the timeout
/// set for this one request, or a placeholder (`NOT_GIVEN`) if none is set (docs/facts.md#endpoints).
static TIMEOUT_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("x-stainless-timeout"),
    HeaderName::from_static("x-stainless-read-timeout"),
];

/// A client request that has been read whole.
pub(crate) struct ClientRequest {
    /// The id of the client's request in the ledger.
    pub(crate) id: RequestId,
    /// The API endpoint.
    pub(crate) operation: Operation,
    /// `GET` or `POST`.
    pub(crate) method: Method,
    /// The path below the version, such as `/messages`.
    pub(crate) path: String,
    /// The query, unchanged.
    pub(crate) query: Option<String>,
    /// The headers that are forwarded.
    pub(crate) headers: HeaderMap,
    /// The body, unchanged.
    pub(crate) body: ClientBody,
    /// The lifetime to set in the body's cache markers, if they may be edited.
    pub(crate) cache_ttl: Option<Ttl>,
    /// The fields read from the body; empty for a request without one.
    pub(crate) peek: Peek,
    /// The hash of the body, for the ledger.
    pub(crate) body_hash: [u8; 32],
}

impl ClientRequest {
    /// Creates a message request of the owner, which did not come through the server.
    ///
    /// # Errors
    /// [`BodyError`].
    pub(crate) fn from_owner(
        id: RequestId,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, BodyError> {
        Ok(Self {
            id,
            operation: Operation::Messages,
            method: Method::POST,
            path: "/messages".to_owned(),
            query: None,
            headers,
            body_hash: *blake3::hash(&body).as_bytes(),
            peek: peek(&body)?,
            body: ClientBody::from_owner(body),
            cache_ttl: None,
        })
    }

    /// Sets the lifetime for the body's cache markers: the key's, or the one configured for the model. The edited copy
    /// of the body needs its own share of the budget.
    ///
    /// # Errors
    /// [`BodyBudgetError`].
    pub(crate) fn with_cache_ttl(
        mut self,
        gateway: &Gateway,
        client: &Client,
    ) -> Result<Self, BodyBudgetError> {
        let for_model = || {
            gateway
                .config
                .cache_ttl
                .for_model(self.peek.model.as_deref()?)
        };
        self.cache_ttl = match self.operation {
            Operation::Messages => client.key.cache_ttl.or_else(for_model),
            Operation::CountTokens | Operation::Models | Operation::Account => None,
        };
        if self.cache_ttl.is_some() {
            self.body.reserve_copy()?;
        }
        Ok(self)
    }

    /// The model requested, in the body or in the path.
    pub(crate) fn model(&self) -> Option<&str> {
        self.peek.model.as_deref().or_else(|| self.model_in_path())
    }

    /// The model of `/models/{id}`.
    pub(crate) fn model_in_path(&self) -> Option<&str> {
        self.path.strip_prefix("/models/")
    }

    /// Returns the part of the request that the broker needs for a lease.
    pub(crate) fn lease_request(&self) -> LeaseRequest {
        LeaseRequest {
            request_id: self.id,
            operation: self.operation,
            session: self.session(),
            conversation: Conversation::from_client_ids(
                self.session().as_deref(),
                self.peek.user_id.as_deref(),
            ),
            model: self
                .model()
                .filter(|model| !contains_token(model))
                .map(|model| sanitize_line(model, 128).into_owned()),
            stream: self.peek.stream,
            max_tokens: self.peek.max_tokens,
            body_hash: self.body_hash,
            body_bytes: self.body.len(),
        }
    }

    /// Returns the client's timeout, which starts when the head of its request has arrived.
    pub(crate) fn timeout(&self) -> Duration {
        TIMEOUT_HEADERS
            .iter()
            .filter_map(|name| self.headers.get(name)?.to_str().ok())
            .find_map(parse_seconds)
            .unwrap_or(DEFAULT_TIMEOUT)
    }

    /// Returns the client's session id if it is printable ASCII. A token in its place is ignored, because the ledger
    /// would store it.
    fn session(&self) -> Option<String> {
        let value = self.headers.get(&SESSION_ID)?.to_str().ok()?;
        let short = !value.is_empty() && value.len() <= 128;
        (short && !contains_token(value)).then(|| value.to_owned())
    }
}

/// Parses a number of seconds, whole or not; `None` for zero or anything else.
fn parse_seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    (!time.is_zero()).then(|| time.min(MAX_TIMEOUT))
}
