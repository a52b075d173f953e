//! Sends a request of the owner itself, in this process: the steps of `flow.rs` without server, key or retries.
//!
//! Invariants: there is no virtual key and no socket of ours; everything else is as in `flow.rs`: the same header is
//! injected and the same ledger entry written; a body that is dropped before its end closes the entry as incomplete.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use keyreeve_broker::upstream::{USER_AGENT, Upstream};
use keyreeve_broker::{Broker, LeaseError, MIN_API_VERSION, RetryState};
use keyreeve_core::profile::Profile;
use keyreeve_core::verdict::Verdict;
use keyreeve_store::AttemptId;
use tokio::time::Instant;

use crate::auth::Leased;
use crate::error::GatewayError;
use crate::flow::{Sent, send_once};
use crate::headers::is_stream;
use crate::request::ClientRequest;

/// A response whose body has started; its ledger entry is closed when the body ends or is dropped.
#[derive(Debug)]
pub struct OwnerResponse {
    /// The attempt in the ledger.
    pub attempt: AttemptId,
    /// The verdict on the start of the response.
    pub verdict: Verdict,
    /// Status, headers and body, as a client of the gateway would get them.
    response: Response,
}

/// The response was cut off; the part received is billed.
#[derive(Debug, thiserror::Error)]
#[error("the response was cut off")]
pub struct ResponseCutError(#[source] axum::Error);

/// The reason there is no response.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There is no lease: nothing was sent.
    #[error("nothing was sent")]
    Lease(#[source] LeaseError),
    /// The request is invalid.
    #[error("cannot send the request")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The upstream did not respond.
    #[error("the request got no response")]
    NoResponse {
        /// The verdict on the missing response.
        verdict: Verdict,
        /// The underlying error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Sends a request to `/v1/messages` with a profile's credential; the body is sent unchanged.
///
/// # Errors
/// See [`SendError`]. A request that was sent is in the ledger in any case.
pub async fn send_as_owner(
    broker: &Arc<Broker>,
    upstream: &Upstream,
    profile: &Profile,
    body: Bytes,
) -> Result<OwnerResponse, SendError> {
    let id = broker.request_id().map_err(SendError::Lease)?;
    let request = ClientRequest::from_owner(id, headers(), body)
        .map_err(|error| SendError::Request(Box::new(error)))?;
    let leased = broker
        .lease_for_owner(profile, &request.lease_request())
        .await;
    let (lease, credential) = leased.map_err(SendError::Lease)?;
    let attempt = lease.attempt;
    let leased = Leased::Profile(Box::new(lease), credential);
    // The owner decides about retries.
    let mut retry = RetryState::new(Instant::now(), Duration::ZERO);
    let Sent {
        verdict, response, ..
    } = send_once(upstream, leased, &request, &mut retry).await;
    let response = response.map_err(|error| match error {
        GatewayError::Upstream { error, .. } => SendError::NoResponse {
            verdict,
            source: Box::new(error),
        },
        other => SendError::Request(Box::new(other)),
    })?;
    Ok(OwnerResponse {
        attempt,
        verdict,
        response,
    })
}

impl OwnerResponse {
    /// Returns `true` if the status is a success.
    pub fn is_success(&self) -> bool {
        self.response.status().is_success()
    }

    /// Returns `true` if the body is a stream of events.
    pub fn is_stream(&self) -> bool {
        is_stream(self.response.headers())
    }

    /// Returns a header of the response if its value is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Waits for the next chunk of the body, or returns `None` at its end.
    ///
    /// # Errors
    /// [`ResponseCutError`].
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, ResponseCutError> {
        while let Some(frame) = self.response.body_mut().frame().await {
            if let Ok(chunk) = frame.map_err(ResponseCutError)?.into_data() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (header::USER_AGENT, USER_AGENT),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(
        "anthropic-version",
        HeaderValue::from_static(MIN_API_VERSION),
    );
    headers
}
