//! Errors of the API: the named cases of `data/errors.json`, and the errors that the sandbox produces itself.
//!
//! A named case is returned byte for byte as in the data. An error of the sandbox itself has the API's envelope and the
//! `request-id` of its response (docs/facts.md#errors).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::response::SimulatedResponse;

/// A response of the real API, or of a proxy in front of it, that a script can request by name.
#[derive(Debug)]
pub(crate) struct ErrorCase {
    pub(crate) name: String,
    pub(crate) form: CaseForm,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
    pub(crate) meaning: String,
}

/// The form in which a case reaches a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CaseForm {
    /// A response with this status.
    Status(StatusCode),
    /// An event inside a stream that started with a 200.
    Stream,
    /// Text that old clients print; sent as a 200, to test that it is not mistaken for an error response.
    Text,
}

/// Short names of the most used cases.
pub(crate) const ALIASES: [(&str, &str); 12] = [
    ("overloaded", "overloaded_529"),
    ("rate_limited", "rate_limit_rpm"),
    ("plan_limit", "plan_five_hour_limit"),
    ("invalid_key", "invalid_x_api_key"),
    ("expired", "oauth_token_expired"),
    ("revoked", "oauth_token_revoked_403"),
    ("credit", "credit_too_low_400"),
    ("spend_limit", "org_spend_limit_400"),
    ("disabled", "organization_disabled_400"),
    ("internal", "api_error_500"),
    ("bad_gateway", "bad_gateway_html"),
    ("timeout", "timeout_504"),
];

static CASES: LazyLock<Vec<ErrorCase>> = LazyLock::new(|| {
    let raw: Vec<RawCase> = serde_json::from_str(include_str!("../data/errors.json"))
        .expect("tests parse the embedded cases");
    raw.into_iter().map(ErrorCase::from).collect()
});

/// Returns all named cases.
pub(crate) fn cases() -> &'static [ErrorCase] {
    &CASES
}

/// Finds a case by its name or alias.
pub(crate) fn find_case(name: &str) -> Option<&'static ErrorCase> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = alias.map_or(name, |(_, name)| name);
    CASES.iter().find(|case| case.name == name)
}

impl ErrorCase {
    /// Returns the response exactly as in the data; a stream event gets the status of its error type.
    pub(crate) fn to_response(&self) -> SimulatedResponse {
        let status = match self.form {
            CaseForm::Status(status) => status,
            CaseForm::Stream => {
                status_for_kind(self.envelope().as_ref().map_or("", |envelope| &envelope.0))
            }
            CaseForm::Text => StatusCode::OK,
        };
        let mut response =
            SimulatedResponse::with_body(status, "application/json", self.body.clone());
        self.add_headers(&mut response);
        response
    }

    /// Adds the case's headers to a response.
    pub(crate) fn add_headers(&self, response: &mut SimulatedResponse) {
        for (name, value) in &self.headers {
            response.set_header(name, value);
        }
    }

    /// Returns the error's type and message if the body is the API's envelope.
    fn envelope(&self) -> Option<(String, String)> {
        #[derive(Deserialize)]
        struct ParsedEnvelope {
            error: ParsedError,
        }
        #[derive(Deserialize)]
        struct ParsedError {
            r#type: String,
            message: String,
        }
        let parsed: ParsedEnvelope = serde_json::from_slice(&self.body).ok()?;
        Some((parsed.error.r#type, parsed.error.message))
    }
}

/// An error that the sandbox produces itself.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: Cow<'static, str>,
    message: String,
    code: Option<&'static str>,
}

impl ApiError {
    /// Returns a 400.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// Returns a 404.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Returns an error with this status and the error type that belongs to it.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: kind_for_status(status).into(),
            message: message.into(),
            code: None,
        }
    }

    /// Returns an error with the status, type and message of a named case.
    pub(crate) fn from_case(name: &'static str) -> Self {
        let case = find_case(name).expect("the case exists");
        let (kind, message) = case.envelope().expect("the case has an envelope");
        let CaseForm::Status(status) = case.form else {
            unreachable!("the case has a status")
        };
        Self {
            status,
            kind: kind.into(),
            message,
            code: None,
        }
    }

    /// Adds the stable error code that newer clients read.
    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// Returns the response in the API's envelope.
    pub(crate) fn to_response(&self, request_id: &str) -> SimulatedResponse {
        let envelope = Envelope {
            r#type: "error",
            error: ErrorBody {
                r#type: &self.kind,
                message: &self.message,
                details: self.code.map(|error_code| ErrorDetails { error_code }),
            },
            request_id,
        };
        SimulatedResponse::json_with(self.status, &envelope).with_header("request-id", request_id)
    }
}

/// Error types with their statuses (docs/facts.md#errors).
const KINDS: [(&str, u16); 10] = [
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("conflict_error", 409),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("timeout_error", 504),
    ("overloaded_error", 529),
];

/// Returns the error type of a status.
fn kind_for_status(status: StatusCode) -> &'static str {
    let known = KINDS.iter().find(|(_, code)| status == *code);
    match known {
        Some((kind, _)) => kind,
        None if status.is_client_error() => "invalid_request_error",
        None => "api_error",
    }
}

/// Returns the status of an error type.
pub(crate) fn status_for_kind(kind: &str) -> StatusCode {
    let known = KINDS.iter().find(|(known, _)| *known == kind);
    let code = known.map_or(500, |(_, code)| *code);
    StatusCode::from_u16(code).expect("all codes are valid")
}

/// Returns the data of an `error` event, which is also the body of an error response.
pub(crate) fn error_json(kind: &str, request_id: &str) -> Vec<u8> {
    let message = match kind {
        "overloaded_error" => "Overloaded",
        "rate_limit_error" => "Rate limited",
        "api_error" => "Internal server error",
        _ => "This error was requested by a sandbox script",
    };
    let error = ErrorBody {
        r#type: kind,
        message,
        details: None,
    };
    let envelope = Envelope {
        r#type: "error",
        error,
        request_id,
    };
    serde_json::to_vec(&envelope).expect("an envelope consists of strings")
}

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'static str,
    error: ErrorBody<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    r#type: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<ErrorDetails>,
}

#[derive(Serialize)]
struct ErrorDetails {
    error_code: &'static str,
}

/// A case as in `data/errors.json`.
#[derive(Deserialize)]
struct RawCase {
    name: String,
    status: RawStatus,
    headers: BTreeMap<String, String>,
    body: Box<RawValue>,
    meaning: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawStatus {
    Number(u16),
    Word(String),
}

impl From<RawCase> for ErrorCase {
    fn from(raw: RawCase) -> Self {
        let form = match raw.status {
            RawStatus::Number(code) => CaseForm::Status(
                StatusCode::from_u16(code).expect("tests parse the embedded cases"),
            ),
            RawStatus::Word(word) if word == "sse" => CaseForm::Stream,
            RawStatus::Word(_) => CaseForm::Text,
        };
        // A JSON string holds a body that is not JSON.
        let body = serde_json::from_str::<String>(raw.body.get())
            .unwrap_or_else(|_| raw.body.get().to_owned());
        Self {
            name: raw.name,
            form,
            headers: raw.headers,
            body: body.into(),
            meaning: raw.meaning,
        }
    }
}
