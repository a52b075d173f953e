//! The parts of an error response: status, error type, message and retry advice, in Anthropic's error envelope.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

/// The HTTP status, error type and retry advice of an error.
pub(super) struct ErrorStatus {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    /// A stable code, for tests and the log.
    pub(super) code: &'static str,
    pub(super) retry: RetryAdvice,
}

/// The advice to the client whether and when to retry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryAdvice {
    /// A retry gets the same response.
    Never,
    /// A retry may succeed in a moment.
    Soon,
    /// A retry may succeed after this many seconds.
    After(u64),
}

#[derive(Serialize)]
pub(super) struct ErrorEnvelope<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) error: ErrorDetail<'a>,
    pub(super) request_id: &'a str,
}

#[derive(Serialize)]
pub(super) struct ErrorDetail<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) message: &'a str,
}

pub(super) const AUTHENTICATION: &str = "authentication_error";
pub(super) const PERMISSION: &str = "permission_error";
pub(super) const OVERLOADED: &str = "overloaded_error";
pub(super) const API: &str = "api_error";
pub(super) const REQUEST: &str = "invalid_request_error";
pub(super) const NOT_FOUND: &str = "not_found_error";

/// The maximum wait in seconds that clients are asked for. A longer one would not help the user, so they must not
/// retry.
const MAX_CLIENT_WAIT_SECONDS: u64 = 60;

impl RetryAdvice {
    pub(super) fn set_headers(self, headers: &mut HeaderMap) {
        let no = HeaderValue::from_static("false");
        match self {
            Self::Never => {
                headers.insert("x-should-retry", no);
            }
            Self::Soon => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(1));
            }
            Self::After(seconds) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                if seconds > MAX_CLIENT_WAIT_SECONDS {
                    headers.insert("x-should-retry", no);
                }
            }
        }
    }
}

impl ErrorStatus {
    pub(super) fn new(
        status: u16,
        kind: &'static str,
        code: &'static str,
        retry: RetryAdvice,
    ) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            kind,
            code,
            retry,
        }
    }
}

/// Returns the text with its first letter in upper case.
pub(super) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
