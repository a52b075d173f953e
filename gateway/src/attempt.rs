//! One attempt: the request as it is sent upstream, and the start of the response or the reason there is none.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::Request;
use axum::http::response::Parts;
use hyper::body::Incoming;
use keyreeve_broker::HeaderValueError;
use keyreeve_broker::upstream::{RequestBody, UpstreamError};

use crate::redact::Redactor;

/// A request ready to be sent, and the redactor of its credential for the response.
pub(crate) struct OutgoingRequest {
    pub(crate) request: Request<RequestBody>,
    pub(crate) redactor: Redactor,
}

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

/// The buffered start of a response body.
pub(crate) struct BufferedPrefix {
    /// The bytes received, or `None` if the body is empty.
    pub(crate) bytes: Option<Bytes>,
    /// The kind of response, as far as its start shows.
    pub(crate) kind: ResponseKind,
    /// The error that cut the body after these bytes.
    pub(crate) cut: Option<hyper::Error>,
}

/// The kind of a response, as far as its start shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ResponseKind {
    /// A successful response, or an error that is too long or too slow to be buffered whole.
    Content,
    /// An error status, buffered to the last byte.
    Error,
    /// A stream that consists of one error, buffered to the last byte.
    StreamedError {
        /// The error's type.
        kind: String,
        /// The error's message.
        message: Option<String>,
    },
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
