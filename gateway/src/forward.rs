//! Sends a request to its origin and buffers the start of the response.
//!
//! Invariants: a redirect is neither followed nor passed on; the head of a response is held until the start of its body
//! has arrived, so that a response that fails at once has not begun for the client and can still be retried.

use std::time::Duration;

use axum::http::response::Parts;
use hyper::body::Incoming;
use keyreeve_broker::upstream::{Upstream, UpstreamError};
use keyreeve_broker::{AttemptResult, HeaderValueError};

use crate::inject::OutgoingRequest;
use crate::prefix::{BufferedPrefix, ResponseKind, buffer_prefix};
use crate::redact::Redactor;

/// A response whose body has started to arrive.
pub(crate) struct UpstreamResponse {
    pub(crate) head: Parts,
    /// The part of the body received so far.
    pub(crate) prefix: BufferedPrefix,
    /// The remaining body.
    pub(crate) rest: Incoming,
    /// The longest pause allowed between two chunks of the remaining body.
    pub(crate) idle_timeout: Duration,
    pub(crate) redactor: Redactor,
}

/// The reason there is no response to pass on. Nothing has been sent to the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForwardError {
    #[error(transparent)]
    Unreachable(UpstreamError),
    #[error(transparent)]
    Broken(UpstreamError),
    #[error("the upstream did not respond in time")]
    TimedOut(#[source] Option<UpstreamError>),
    #[error("the upstream closed the connection before the first byte of the response body")]
    NoBody,
    #[error(
        "the upstream responded with a redirect ({0}), which is never followed: correct the profile's address"
    )]
    Redirect(u16),
    #[error("the profile's address and the request path do not form a valid URL")]
    InvalidUrl,
    #[error("cannot send the credential")]
    Credential(#[from] HeaderValueError),
}

/// Sends the request and waits for the start of the response. Returns the error of a request that could not be built.
pub(crate) async fn forward(
    upstream: &Upstream,
    outgoing: Result<OutgoingRequest, ForwardError>,
) -> Result<UpstreamResponse, ForwardError> {
    let outgoing = outgoing?;
    let response = upstream.send(outgoing.request).await?;
    let (head, mut rest) = response.into_parts();
    if head.status.is_redirection() {
        return Err(ForwardError::Redirect(head.status.as_u16()));
    }
    let idle_timeout = upstream.timeouts().idle;
    let prefix = buffer_prefix(&head, &mut rest, idle_timeout).await?;
    Ok(UpstreamResponse {
        head,
        prefix,
        rest,
        idle_timeout,
        redactor: outgoing.redactor,
    })
}

/// Returns the result of an attempt for the retry decision. A request whose response may have been produced, and so
/// billed, is not retried.
pub(crate) fn attempt_result(result: &Result<UpstreamResponse, ForwardError>) -> AttemptResult {
    match result {
        Ok(response) => match response.prefix.kind {
            ResponseKind::Error | ResponseKind::StreamedError { .. } => {
                AttemptResult::Error(response.head.status.as_u16())
            }
            ResponseKind::Content => AttemptResult::MayHaveProduced,
        },
        Err(ForwardError::Unreachable(_)) => AttemptResult::NoConnection,
        Err(
            ForwardError::Broken(_)
            | ForwardError::TimedOut(_)
            | ForwardError::NoBody
            | ForwardError::Redirect(_)
            | ForwardError::InvalidUrl
            | ForwardError::Credential(_),
        ) => AttemptResult::MayHaveProduced,
    }
}

impl From<UpstreamError> for ForwardError {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Unreachable(_) | UpstreamError::ConnectTimedOut(_) => {
                Self::Unreachable(error)
            }
            UpstreamError::ConnectionBroken(_) => Self::Broken(error),
            UpstreamError::TimedOut(_) => Self::TimedOut(Some(error)),
        }
    }
}
