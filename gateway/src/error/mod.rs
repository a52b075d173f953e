//! Errors of the gateway itself, sent in Anthropic's error envelope, so that every client shows them.
//!
//! Invariants: the message names what to do and contains no secret, path or other tenant; the underlying error goes to
//! the log only; if waiting cannot help, `x-should-retry: false` stops clients from retrying, because both SDKs and
//! Claude Code would otherwise retry up to eleven times (docs/facts.md#claude-code).

mod envelope;
mod lease;
mod pass_through;
mod upstream;

use axum::http::HeaderValue;
use axum::response::Response;
use keyreeve_broker::{AuthenticateError, LeaseError};
use keyreeve_core::peek::BodyError;
use keyreeve_core::virtual_key::MalformedKeyError;
use keyreeve_os::system;
use keyreeve_store::RequestId;

use self::envelope::{
    AUTHENTICATION, ErrorDetail, ErrorEnvelope, ErrorStatus, NOT_FOUND, OVERLOADED, PERMISSION,
    REQUEST, RetryAdvice, capitalize,
};
pub(crate) use self::lease::skipped_header;
pub(crate) use self::pass_through::PassThroughError;
use crate::attempt::ForwardError;
use crate::client_body::BodyBudgetError;
use crate::json_response::json_response;

/// The reason a request fails in the gateway. Its text is the message that the client gets, unless
/// [`GatewayError::client_message`] has a better one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatewayError {
    #[error(
        "No API key was sent. Set ANTHROPIC_AUTH_TOKEN to a keyreeve key; make one with `keyreeve key add NAME --profile PROFILE`"
    )]
    NoCredential,
    #[error(
        "The API key sent is empty. Check the variable or helper that should provide a keyreeve key (krv_…)"
    )]
    EmptyCredential,
    #[error(
        "This gateway accepts keyreeve keys (krv_…) only, not credentials of Anthropic or another service. Make one with `keyreeve key add NAME --profile PROFILE`, and remove the real credential from this tool"
    )]
    ForeignCredential,
    #[error("An admin key works for admin routes only. Use a keyreeve key that starts with krv_")]
    AdminKey,
    #[error(
        "Two different keyreeve keys were sent in one request. Unset one of ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN and apiKeyHelper"
    )]
    TwoKeys,
    #[error("This keyreeve key is incomplete or mistyped. Copy it again")]
    MistypedKey(#[source] MalformedKeyError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    PassThrough(#[from] PassThroughError),
    #[error("This key may not use the model {requested}. It may use: {allowed}")]
    ModelNotAllowed { requested: String, allowed: String },
    #[error("The request names no model, and this key may only use: {allowed}. Set `model`")]
    MissingModel { allowed: String },
    #[error("Cannot read the request body: {0}")]
    Body(BodyError),
    #[error("The request body is too large: {}", limit_text(*limit))]
    BodyTooLarge {
        /// In bytes.
        limit: usize,
    },
    #[error("The request body did not arrive completely")]
    IncompleteBody,
    #[error("Compressed request bodies are not supported. Send the body without content-encoding")]
    CompressedBody,
    #[error(transparent)]
    BodyBudget(#[from] BodyBudgetError),
    #[error(
        "This Host header is not allowed. Address the gateway as localhost or 127.0.0.1, or add the name to allowed_hosts under [serve] in the configuration"
    )]
    UnknownHost,
    #[error(
        "The request is ambiguous: send exactly one Host header that agrees with the request line"
    )]
    AmbiguousFraming,
    #[error("Requests from web pages of another origin are not allowed")]
    ForeignOrigin,
    #[error(
        "{path} is not available here. Available: POST /v1/messages, POST /v1/messages/count_tokens, GET /v1/models and GET /v1/models/ID"
    )]
    NotFound { path: String },
    #[error("{method} is not allowed for this path")]
    MethodNotAllowed { method: String },
    #[error("the request got no response")]
    Upstream {
        /// The request whose attempt is in the ledger.
        request: RequestId,
        #[source]
        error: ForwardError,
    },
}

impl From<AuthenticateError> for GatewayError {
    fn from(error: AuthenticateError) -> Self {
        Self::Lease(LeaseError::Authenticate(error))
    }
}

impl GatewayError {
    /// The error's stable code.
    pub(crate) fn code(&self) -> &'static str {
        self.status().code
    }

    /// Builds the response with its own request id, and logs the underlying error.
    pub(crate) fn into_response(self) -> Response {
        let status = self.status();
        let id = self.request_id();
        let message = self.client_message();
        tracing::info!(request = %id, status = status.status.as_u16(), code = self.code(), cause = %chain(&self), "request failed");
        let envelope = ErrorEnvelope {
            kind: "error",
            error: ErrorDetail {
                kind: status.kind,
                message: &message,
            },
            request_id: &id,
        };
        let mut response = json_response(status.status, &envelope);
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert("request-id", id);
        }
        status.retry.set_headers(headers);
        response
    }

    fn request_id(&self) -> String {
        match self {
            Self::Upstream { request, .. } => request.to_string(),
            _ => new_request_id(),
        }
    }

    /// The message for the client: what happened, why, and what to do.
    fn client_message(&self) -> String {
        match self {
            Self::Lease(error) => lease::client_message(error),
            Self::Upstream { error, .. } => upstream::client_message(error),
            other => capitalize(&other.to_string()),
        }
    }

    fn status(&self) -> ErrorStatus {
        use RetryAdvice::{Never, Soon};
        let (status, kind, code, retry) = match self {
            Self::NoCredential => (401, AUTHENTICATION, "no_credential", Never),
            Self::EmptyCredential => (401, AUTHENTICATION, "empty_credential", Never),
            Self::ForeignCredential => (401, AUTHENTICATION, "foreign_credential", Never),
            Self::AdminKey => (401, AUTHENTICATION, "admin_key", Never),
            Self::TwoKeys => (400, REQUEST, "two_keys", Never),
            Self::MistypedKey(_) => (401, AUTHENTICATION, "mistyped_key", Never),
            Self::Lease(error) => return lease::status(error),
            Self::PassThrough(error) => return pass_through::status(*error),
            Self::ModelNotAllowed { .. } => (403, PERMISSION, "model_not_allowed", Never),
            Self::MissingModel { .. } => (400, REQUEST, "missing_model", Never),
            Self::Body(_) => (400, REQUEST, "invalid_body", Never),
            Self::BodyTooLarge { .. } => (413, "request_too_large", "body_too_large", Never),
            Self::IncompleteBody => (400, REQUEST, "incomplete_body", Never),
            Self::CompressedBody => (415, REQUEST, "compressed_body", Never),
            Self::BodyBudget(_) => (529, OVERLOADED, "body_budget_exhausted", Soon),
            Self::UnknownHost => (421, REQUEST, "unknown_host", Never),
            Self::AmbiguousFraming => (400, REQUEST, "ambiguous_framing", Never),
            Self::ForeignOrigin => (403, PERMISSION, "foreign_origin", Never),
            Self::NotFound { .. } => (404, NOT_FOUND, "not_found", Never),
            Self::MethodNotAllowed { .. } => (405, REQUEST, "method_not_allowed", Never),
            Self::Upstream { error, .. } => return upstream::status(error),
        };
        ErrorStatus::new(status, kind, code, retry)
    }
}

fn limit_text(bytes: usize) -> String {
    if bytes == 0 {
        "this route accepts no body".to_owned()
    } else {
        format!("this route accepts at most {} MiB", bytes >> 20)
    }
}

/// Creates an id for a request that has no ledger entry.
fn new_request_id() -> String {
    let random = system::random_for_id::<12>().unwrap_or_default();
    format!("req_kr_{}", hex::encode(random))
}

/// Formats an error and its causes on one line, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
