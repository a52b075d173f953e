//! The errors a client of the API can meet: those of `data/errors.json` by name, and those the sandbox makes itself.
//!
//! A named case is answered byte for byte as the data has it. A refusal of the sandbox's own has the API's envelope
//! and the `request-id` of its answer (docs/facts.md#errors).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use http::StatusCode;
use http::header::HeaderName;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::answer::Answer;

/// An answer of the real API, or of something before it, that a script can ask for by name.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
    pub(crate) meaning: String,
}

/// Where a case is met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// As an answer with this status.
    Status(StatusCode),
    /// Inside a stream that began with a 200.
    Stream,
    /// As text that old clients print; answered as a 200, for those who want to test that nobody takes it for more.
    Text,
}

/// Short names for what people ask for most.
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

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let written: Vec<Written> = serde_json::from_str(include_str!("../data/errors.json"))
        .expect("the embedded cases are tested");
    written.into_iter().map(Case::from).collect()
});

/// Every named case.
pub(crate) fn cases() -> &'static [Case] {
    &CASES
}

/// Finds a case by its name or by an alias.
pub(crate) fn named(name: &str) -> Option<&'static Case> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = alias.map_or(name, |(_, name)| name);
    CASES.iter().find(|case| case.name == name)
}

impl Case {
    /// The answer, exactly as the data has it; a case of the inside of a stream has the status of its error type.
    pub(crate) fn answer(&self) -> Answer {
        let status = match self.place {
            Place::Status(status) => status,
            Place::Stream => status_of(self.envelope().as_ref().map_or("", |envelope| &envelope.0)),
            Place::Text => StatusCode::OK,
        };
        let mut answer = Answer::whole(status, "application/json", self.body.clone());
        self.put_headers(&mut answer);
        answer
    }

    /// Adds the case's headers to an answer.
    pub(crate) fn put_headers(&self, answer: &mut Answer) {
        for (name, value) in &self.headers {
            if let Ok(name) = name.parse::<HeaderName>() {
                answer.set(&name, value);
            }
        }
    }

    /// The error's type and message, where the body is the API's envelope.
    fn envelope(&self) -> Option<(String, String)> {
        #[derive(Deserialize)]
        struct Outer {
            error: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            r#type: String,
            message: String,
        }
        let outer: Outer = serde_json::from_slice(&self.body).ok()?;
        Some((outer.error.r#type, outer.error.message))
    }
}

/// A refusal that the sandbox makes itself.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    kind: Cow<'static, str>,
    message: String,
    code: Option<&'static str>,
}

impl Refusal {
    /// A 400.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// A 404.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// A refusal with its status, and the type that goes with it.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: kind_of(status).into(),
            message: message.into(),
            code: None,
        }
    }

    /// The refusal with the status, type and words of a named case.
    pub(crate) fn like(name: &'static str) -> Self {
        let case = named(name).expect("refusals name cases that exist");
        let (kind, message) = case
            .envelope()
            .expect("refusals name cases with an envelope");
        let Place::Status(status) = case.place else {
            unreachable!("refusals have a status")
        };
        Self {
            status,
            kind: kind.into(),
            message,
            code: None,
        }
    }

    /// The same with the stable code newer clients look at.
    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// The answer, in the API's envelope.
    pub(crate) fn answer(&self, request_id: &str) -> Answer {
        let envelope = Envelope {
            r#type: "error",
            error: Inner {
                r#type: &self.kind,
                message: &self.message,
                details: self.code.map(|error_code| Details { error_code }),
            },
            request_id,
        };
        Answer::json_with(self.status, &envelope).with("request-id", request_id)
    }
}

/// The error type that goes with a status.
fn kind_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// The status that goes with an error type (docs/facts.md#errors).
pub(crate) fn status_of(kind: &str) -> StatusCode {
    let code = match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "conflict_error" => 409,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    };
    StatusCode::from_u16(code).expect("each is a status")
}

/// The data of an `error` event, or the body of the same error as an answer.
pub(crate) fn envelope(kind: &str, request_id: &str) -> Vec<u8> {
    let message = match kind {
        "overloaded_error" => "Overloaded",
        "rate_limit_error" => "Rate limited",
        "api_error" => "Internal server error",
        _ => "A script of the sandbox asked for this error",
    };
    let error = Inner {
        r#type: kind,
        message,
        details: None,
    };
    let envelope = Envelope {
        r#type: "error",
        error,
        request_id,
    };
    serde_json::to_vec(&envelope).expect("an envelope is made of strings")
}

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'static str,
    error: Inner<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Inner<'a> {
    r#type: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

#[derive(Serialize)]
struct Details {
    error_code: &'static str,
}

/// A case as `data/errors.json` writes it.
#[derive(Deserialize)]
struct Written {
    name: String,
    status: WrittenPlace,
    headers: BTreeMap<String, String>,
    body: Box<RawValue>,
    meaning: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenPlace {
    Number(u16),
    Word(String),
}

impl From<Written> for Case {
    fn from(written: Written) -> Self {
        let place = match written.status {
            WrittenPlace::Number(code) => {
                Place::Status(StatusCode::from_u16(code).expect("the embedded cases are tested"))
            }
            WrittenPlace::Word(word) if word == "sse" => Place::Stream,
            WrittenPlace::Word(_) => Place::Text,
        };
        // A body that is a JSON string stands for a body that is no JSON at all.
        let body = serde_json::from_str::<String>(written.body.get())
            .unwrap_or_else(|_| written.body.get().to_owned());
        Self {
            name: written.name,
            place,
            headers: written.headers,
            body: body.into(),
            meaning: written.meaning,
        }
    }
}
