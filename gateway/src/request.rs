//! The client's request, read whole: it is inspected before it is forwarded, and a retry must be able to send it again.
//!
//! Invariants: the bytes are never changed; each body is limited by its route and all bodies together by one budget,
//! reserved before the bytes are read; a client that stalls is disconnected after a timeout.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use keyreeve_broker::{Client, LeaseRequest};
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::peek::{BodyError, Peek, peek};
use keyreeve_core::sanitize::sanitize_line;
use keyreeve_core::select::Conversation;
use keyreeve_core::token::contains_token;
use keyreeve_store::{Operation, RequestId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::Gateway;
use crate::error::GatewayError;
use crate::routes::{ForwardedRoute, strip_version};

/// The memory budget for request bodies, in units of 1 KiB.
pub(crate) struct BodyBudget(Arc<Semaphore>);

const UNIT: usize = 1024;

/// The timeout of the SDKs if the request does not name one (docs/facts.md#endpoints).
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(10);

/// The maximum timeout, whatever the client asks for.
const MAX_TIMEOUT: Duration = Duration::from_hours(24);

/// The headers in which SDKs send their timeout, in order of precedence. In the Python SDK the first has the timeout
/// set for this one request, or a placeholder (`NOT_GIVEN`) if none is set (docs/facts.md#endpoints).
const TIMEOUT_HEADERS: [&str; 2] = ["x-stainless-timeout", "x-stainless-read-timeout"];

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
    /// The headers, unchanged.
    pub(crate) headers: HeaderMap,
    /// The body, unchanged.
    pub(crate) body: Bytes,
    /// The lifetime to set in the body's cache markers, if they may be edited.
    pub(crate) cache_ttl: Option<Ttl>,
    /// The fields read from the body; empty for a request without one.
    peek: Peek,
    body_hash: [u8; 32],
    /// The body's share of the budget.
    budget_permit: Option<OwnedSemaphorePermit>,
}

impl BodyBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            (bytes / UNIT).min(Semaphore::MAX_PERMITS),
        )))
    }

    /// Reserves memory, or fails at once if there is none: requests that wait with half a body read could deadlock.
    fn try_reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, GatewayError> {
        let units =
            u32::try_from(bytes.div_ceil(UNIT)).map_err(|_| GatewayError::BodyBudgetExhausted)?;
        Arc::clone(&self.0)
            .try_acquire_many_owned(units)
            .map_err(|_| GatewayError::BodyBudgetExhausted)
    }
}

/// Reads a request to its end and inspects its body.
///
/// # Errors
/// A [`GatewayError`] for a body that is too large, compressed, incomplete, stalled or invalid, or if the budget is
/// exhausted.
pub(crate) async fn read_request(
    gateway: &Gateway,
    route: ForwardedRoute,
    request: Request,
) -> Result<ClientRequest, GatewayError> {
    let (head, body) = request.into_parts();
    if head.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(GatewayError::CompressedBody);
    }
    let stall_timeout = gateway.config.client_stall_timeout;
    let (body, budget_permit) =
        collect(&gateway.budget, body, route.body_limit, stall_timeout).await?;
    let peek = match route.operation {
        Operation::Messages | Operation::CountTokens => peek(&body).map_err(GatewayError::Body)?,
        Operation::Models | Operation::Account => Peek::default(),
    };
    Ok(ClientRequest {
        id: gateway.broker.request_id()?,
        operation: route.operation,
        method: head.method,
        path: strip_version(head.uri.path()).to_owned(),
        query: head.uri.query().map(ToOwned::to_owned),
        headers: head.headers,
        body_hash: *blake3::hash(&body).as_bytes(),
        body,
        cache_ttl: None,
        peek,
        budget_permit,
    })
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
            body,
            cache_ttl: None,
            budget_permit: None,
        })
    }

    /// Checks the model against the key. A key limited to some models gets the whole list of models at once, since a
    /// page of it could be left with few or none after filtering.
    ///
    /// # Errors
    /// [`GatewayError::ModelNotAllowed`] or [`GatewayError::MissingModel`], with the models allowed;
    /// [`GatewayError::NotFound`] for a model name that an upstream might read as another path.
    pub(crate) fn check_allowed(mut self, client: &Client) -> Result<Self, GatewayError> {
        self.check_model(client)?;
        let is_limited = !client.key.models.is_empty();
        if is_limited && self.operation == Operation::Models && self.model().is_none() {
            self.query = Some("limit=1000".to_owned());
        }
        Ok(self)
    }

    /// Checks the model against the key, and changes nothing.
    ///
    /// # Errors
    /// The same as [`ClientRequest::check_allowed`].
    pub(crate) fn check_model(&self, client: &Client) -> Result<(), GatewayError> {
        if self.model_in_path().is_some_and(|id| !is_one_segment(id)) {
            let path = sanitize_line(&self.path, 128).into_owned();
            return Err(GatewayError::NotFound { path });
        }
        if client.key.models.is_empty() {
            return Ok(());
        }
        let allowed = || client.key.models.join(", ");
        match self.model() {
            Some(model) if client.key.allows_model(model) => Ok(()),
            Some(model) => Err(GatewayError::ModelNotAllowed {
                requested: sanitize_line(model, 128).into_owned(),
                allowed: allowed(),
            }),
            None => match self.operation {
                // An upstream with a default model would choose that one.
                Operation::Messages | Operation::CountTokens => {
                    Err(GatewayError::MissingModel { allowed: allowed() })
                }
                Operation::Models | Operation::Account => Ok(()),
            },
        }
    }

    /// Sets the lifetime for the body's cache markers: the key's, or the one configured for the model. The edited copy
    /// of the body needs its own share of the budget.
    ///
    /// # Errors
    /// [`GatewayError::BodyBudgetExhausted`].
    pub(crate) fn with_cache_ttl(
        mut self,
        gateway: &Gateway,
        client: &Client,
    ) -> Result<Self, GatewayError> {
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
        if let (Some(_), Some(permit)) = (self.cache_ttl, &mut self.budget_permit) {
            permit.merge(gateway.budget.try_reserve(self.body.len())?);
        }
        Ok(self)
    }

    /// The model requested, in the body or in the path.
    fn model(&self) -> Option<&str> {
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
            .filter_map(|name| self.headers.get(*name)?.to_str().ok())
            .find_map(parse_seconds)
            .unwrap_or(DEFAULT_TIMEOUT)
    }

    /// Returns the client's session id if it is printable ASCII. A token in its place is ignored, because the ledger
    /// would store it.
    fn session(&self) -> Option<String> {
        let value = self
            .headers
            .get("x-claude-code-session-id")?
            .to_str()
            .ok()?;
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

/// Returns `true` if a model name is one plain path segment for every parser: not dots alone, no escapes.
fn is_one_segment(id: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b':' | b'@');
    !id.is_empty() && id.bytes().all(plain) && id.bytes().any(|c| c != b'.')
}

async fn collect(
    budget: &BodyBudget,
    mut body: Body,
    limit: usize,
    stall_timeout: Duration,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), GatewayError> {
    use http_body::Body as _;

    let announced = body.size_hint();
    if announced.lower() > limit as u64 {
        return Err(GatewayError::BodyTooLarge { limit });
    }
    let announced = usize::try_from(announced.exact().unwrap_or_default()).unwrap_or_default();
    let mut permit = (announced > 0)
        .then(|| budget.try_reserve(announced))
        .transpose()?;
    let mut received = BytesMut::with_capacity(announced);
    loop {
        let frame = timeout(stall_timeout, body.frame())
            .await
            .map_err(|_| GatewayError::IncompleteBody)?;
        let Some(frame) = frame else { break };
        let Ok(chunk) = frame.map_err(|_| GatewayError::IncompleteBody)?.into_data() else {
            continue;
        };
        if received.len() + chunk.len() > limit {
            return Err(GatewayError::BodyTooLarge { limit });
        }
        received.extend_from_slice(&chunk);
        let reserved = permit
            .as_ref()
            .map_or(0, |permit| permit.num_permits() * UNIT);
        if received.len() > reserved {
            let more = budget.try_reserve(received.len() - reserved)?;
            match &mut permit {
                Some(permit) => permit.merge(more),
                None => permit = Some(more),
            }
        }
    }
    Ok((received.freeze(), permit))
}
