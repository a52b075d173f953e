//! What the gateway says no to, in Anthropic's envelope, so that every client shows it.
//!
//! Invariants: the text for the client names what to do and holds nothing of a secret, a path or another tenant; the
//! private cause goes to the log only; where waiting cannot help, clients are told not to retry, because both SDKs and
//! Claude Code would otherwise ask up to eleven times (docs/facts.md#claude-code).

mod lease;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use keyreeve_broker::upstream::NoAnswer;
use keyreeve_broker::{LeaseError, NotAllowed};
use keyreeve_core::pass_through::NotCarried;
use keyreeve_core::peek::Unreadable;
use keyreeve_core::virtual_key::Malformed;
use keyreeve_os::world;
use keyreeve_store::RequestId;
use serde::Serialize;

pub(crate) use self::lease::left_out;
use crate::forward::Failed;
use crate::own::json;
use crate::pass_through::NotPassed;

/// Why a request ends here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "no credential: set ANTHROPIC_AUTH_TOKEN to a keyreeve key (`keyreeve key add NAME --profile PROFILE`)"
    )]
    NoCredential,
    #[error(
        "the credential is empty: the helper or variable that should hold a keyreeve key gave nothing"
    )]
    EmptyCredential,
    #[error(
        "this gateway takes a keyreeve key (krv_…), not a credential of the vendor or of another service: make one with `keyreeve key add NAME --profile PROFILE`, and keep the real one out of this tool"
    )]
    ForeignCredential,
    #[error("an admin key opens the admin routes only: use a keyreeve key that starts with krv_")]
    AdminKey,
    #[error(
        "two different keyreeve keys in one request: unset one of ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN and apiKeyHelper"
    )]
    TwoKeys,
    #[error("not a whole keyreeve key: it was cut or mistyped when it was copied")]
    MistypedKey(#[source] Malformed),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    NotPassed(#[from] NotPassed),
    #[error("this key may not use the model {asked}; it may use: {allowed}")]
    Model { asked: String, allowed: String },
    #[error("the request names no model; this key may use: {allowed}")]
    NoModel { allowed: String },
    #[error("the request body cannot be read: {0}")]
    Body(Unreadable),
    #[error("the request body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the request body did not arrive whole")]
    BodyCut,
    #[error("compressed request bodies are not taken: send it without content-encoding")]
    Compressed,
    #[error("too many request bodies are held at this moment: try again")]
    Full,
    #[error(
        "this Host is not known here: address the gateway as localhost or 127.0.0.1, or add the name to allowed_hosts"
    )]
    UnknownHost,
    #[error("the request's framing is ambiguous")]
    Framing,
    #[error("requests from web pages of another origin are not served")]
    ForeignOrigin,
    #[error(
        "{path} is not served here: POST /v1/messages, POST /v1/messages/count_tokens, GET /v1/models and GET /v1/models/ID are"
    )]
    NotServed { path: String },
    #[error("{method} is not for this path")]
    Method { method: String },
    #[error("the request got no answer")]
    Upstream {
        /// The request in the ledger, which has the attempt.
        request: RequestId,
        #[source]
        failed: Failed,
    },
}

/// How a refusal is sent.
pub(super) struct Shape {
    status: StatusCode,
    kind: &'static str,
    /// Stable, for tests and the log.
    code: &'static str,
    retry: Retry,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// Nothing changes by asking again.
    Pointless,
    /// It may work in a moment.
    Soon,
    /// It may work after so many seconds.
    After(u64),
}

/// Beyond this many seconds clients are told not to wait: it would be no help to the person before them.
const WORTH_WAITING: u64 = 60;

impl Retry {
    fn put(self, headers: &mut HeaderMap) {
        let no = HeaderValue::from_static("false");
        match self {
            Self::Pointless => {
                headers.insert("x-should-retry", no);
            }
            Self::Soon => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(1));
            }
            Self::After(seconds) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                if seconds > WORTH_WAITING {
                    headers.insert("x-should-retry", no);
                }
            }
        }
    }
}

impl From<NotAllowed> for Refusal {
    fn from(error: NotAllowed) -> Self {
        Self::Lease(LeaseError::NotAllowed(error))
    }
}

impl Refusal {
    /// The refusal's stable name.
    pub(crate) fn code(&self) -> &'static str {
        self.shape().code
    }

    /// Writes the refusal as an answer with a request id of its own, and tells the log why.
    pub(crate) fn into_response(self) -> Response {
        let shape = self.shape();
        let id = self.request_id();
        let text = self.for_client();
        tracing::info!(request = %id, status = shape.status.as_u16(), refused = self.code(), cause = %chain(&self), "refused");
        let envelope = Envelope {
            kind: "error",
            error: Detail {
                kind: shape.kind,
                message: &text,
            },
            request_id: &id,
        };
        let mut answer = json(shape.status, &envelope);
        let headers = answer.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert("request-id", id);
        }
        shape.retry.put(headers);
        answer
    }

    fn request_id(&self) -> String {
        match self {
            Self::Upstream { request, .. } => request.to_string(),
            _ => own_request_id(),
        }
    }

    /// The text a client sees: the outer sentence, and for leases what their owner can do.
    fn for_client(&self) -> String {
        match self {
            Self::Lease(error) => lease::text(error),
            Self::Upstream { failed, .. } => failed.to_string(),
            other => other.to_string(),
        }
    }

    fn shape(&self) -> Shape {
        use Retry::{Pointless, Soon};
        let (status, kind, code, retry) = match self {
            Self::NoCredential => (401, AUTHENTICATION, "no_credential", Pointless),
            Self::EmptyCredential => (401, AUTHENTICATION, "empty_credential", Pointless),
            Self::ForeignCredential => (401, AUTHENTICATION, "foreign_credential", Pointless),
            Self::AdminKey => (401, AUTHENTICATION, "admin_key", Pointless),
            Self::TwoKeys => (400, REQUEST, "two_keys", Pointless),
            Self::MistypedKey(_) => (401, AUTHENTICATION, "mistyped_key", Pointless),
            Self::Lease(error) => return lease::shape(error),
            Self::NotPassed(why) => return not_passed(*why),
            Self::Model { .. } => (403, PERMISSION, "model_not_allowed", Pointless),
            Self::NoModel { .. } => (400, REQUEST, "no_model", Pointless),
            Self::Body(_) => (400, REQUEST, "unreadable_body", Pointless),
            Self::TooLarge { .. } => (413, "request_too_large", "body_too_large", Pointless),
            Self::BodyCut => (400, REQUEST, "body_cut", Pointless),
            Self::Compressed => (415, REQUEST, "compressed_body", Pointless),
            Self::Full => (529, "overloaded_error", "bodies_full", Soon),
            Self::UnknownHost => (421, REQUEST, "unknown_host", Pointless),
            Self::Framing => (400, REQUEST, "framing", Pointless),
            Self::ForeignOrigin => (403, PERMISSION, "foreign_origin", Pointless),
            Self::NotServed { .. } => (404, "not_found_error", "not_served", Pointless),
            Self::Method { .. } => (405, REQUEST, "method", Pointless),
            Self::Upstream { failed, .. } => return upstream_shape(failed),
        };
        Shape::new(status, kind, code, retry)
    }
}

pub(super) const AUTHENTICATION: &str = "authentication_error";
pub(super) const PERMISSION: &str = "permission_error";
const REQUEST: &str = "invalid_request_error";
pub(super) const API: &str = "api_error";

impl Shape {
    pub(super) fn new(status: u16, kind: &'static str, code: &'static str, retry: Retry) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            kind,
            code,
            retry,
        }
    }
}

fn not_passed(why: NotPassed) -> Shape {
    let (status, kind, code) = match why {
        NotPassed::Off => (404, "not_found_error", "pass_through_off"),
        NotPassed::NoKey => (401, AUTHENTICATION, "no_key"),
        NotPassed::NotOneKey => (401, AUTHENTICATION, "not_one_key"),
        NotPassed::NotCarried(NotCarried::Nothing) => (401, AUTHENTICATION, "no_credential"),
        NotPassed::NotCarried(
            NotCarried::VirtualKey
            | NotCarried::RefreshToken
            | NotCarried::AdminKey
            | NotCarried::SessionCookie
            | NotCarried::WorkToken,
        ) => (403, PERMISSION, "not_carried"),
    };
    Shape::new(status, kind, code, Retry::Pointless)
}

fn upstream_shape(failed: &Failed) -> Shape {
    let (status, kind, code) = match failed {
        Failed::Unreachable(NoAnswer::Unconnected(_)) => {
            (504, "timeout_error", "upstream_connect_timeout")
        }
        Failed::Unreachable(_) => (502, API, "upstream_unreachable"),
        Failed::Broken(_) | Failed::CutAtOnce => (502, API, "upstream_broken"),
        Failed::TimedOut(_) => (504, "timeout_error", "upstream_timeout"),
        Failed::Redirect(_) => return Shape::new(502, API, "upstream_redirect", Retry::Pointless),
        Failed::Address => return Shape::new(502, API, "upstream_address", Retry::Pointless),
        Failed::Unsendable => {
            return Shape::new(500, API, "unsendable_credential", Retry::Pointless);
        }
    };
    Shape::new(status, kind, code, Retry::Soon)
}

/// Names a refusal before any lease, which no ledger row stands for.
fn own_request_id() -> String {
    let random = world::random::<12>().unwrap_or_default();
    format!("req_kr_{}", hex::encode(random))
}

/// An error and its causes on one line, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Detail<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Detail<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
}
