//! Error shapes of Bedrock, Vertex and Foundry, which differ from the API's envelope.
//!
//! Invariants: only the clouds' own fields and headers count; the only message text compared is Foundry's, which has no
//! error type (docs/facts.md#errors).

use serde_json::Value;

use super::meanings::{
    BEDROCK_THROTTLED, CLOUD_LOGIN_LAPSED, CLOUD_NO_ACCESS, FOUNDRY_KEY, Meaning, NOT_FOUND,
    OVERLOADED, REQUEST, UPSTREAM, VERTEX_QUOTA,
};
use super::response::ErrorResponse;

const BEDROCK: [(&str, &Meaning); 9] = [
    ("ThrottlingException", &BEDROCK_THROTTLED),
    ("AccessDeniedException", &CLOUD_NO_ACCESS),
    ("ExpiredTokenException", &CLOUD_LOGIN_LAPSED),
    ("UnrecognizedClientException", &CLOUD_LOGIN_LAPSED),
    ("ValidationException", &REQUEST),
    ("ResourceNotFoundException", &NOT_FOUND),
    ("ModelNotReadyException", &OVERLOADED),
    ("ServiceUnavailableException", &OVERLOADED),
    ("InternalServerException", &UPSTREAM),
];

const VERTEX: [(&str, &Meaning); 7] = [
    ("RESOURCE_EXHAUSTED", &VERTEX_QUOTA),
    ("UNAUTHENTICATED", &CLOUD_LOGIN_LAPSED),
    ("PERMISSION_DENIED", &CLOUD_NO_ACCESS),
    ("INVALID_ARGUMENT", &REQUEST),
    ("NOT_FOUND", &NOT_FOUND),
    ("UNAVAILABLE", &OVERLOADED),
    ("INTERNAL", &UPSTREAM),
];

const FOUNDRY_INVALID_KEY: &str = "access denied due to invalid subscription key";

/// Returns the meaning of a cloud's error, or `None` if it is not one.
pub(super) fn meaning(response: &ErrorResponse<'_>, body: &Value) -> Option<&'static Meaning> {
    bedrock(response).or_else(|| {
        // Google sometimes wraps the object in an array.
        let body = body.get(0).unwrap_or(body);
        let error = body.get("error")?;
        vertex(error).or_else(|| foundry(response.status, error))
    })
}

fn bedrock(response: &ErrorResponse<'_>) -> Option<&'static Meaning> {
    let kind = response.header("x-amzn-errortype")?;
    // It may be followed by `:http://…`.
    let kind = kind.split(':').next().unwrap_or(kind);
    find(&BEDROCK, kind)
}

fn vertex(error: &Value) -> Option<&'static Meaning> {
    error.get("code").filter(|code| code.is_number())?;
    find(&VERTEX, error.get("status")?.as_str()?)
}

fn foundry(status: u16, error: &Value) -> Option<&'static Meaning> {
    let is_invalid_key = status == 401
        && error.get("code")?.as_str()? == "401"
        && error
            .get("message")?
            .as_str()?
            .to_ascii_lowercase()
            .starts_with(FOUNDRY_INVALID_KEY);
    is_invalid_key.then_some(&FOUNDRY_KEY)
}

fn find(rows: &[(&str, &'static Meaning)], name: &str) -> Option<&'static Meaning> {
    rows.iter()
        .find(|(known, _)| *known == name)
        .map(|(_, meaning)| *meaning)
}
