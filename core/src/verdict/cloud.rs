//! Knows the error shapes of Bedrock, Vertex and Foundry, which are not the API's envelope.
//!
//! Invariants: only what the cloud states in a field or a header of its own counts; the one text read is Foundry's, which
//! has no type (docs/facts.md#errors).

use serde_json::Value;

use super::answer::ErrorAnswer;
use super::meanings::{
    BEDROCK_THROTTLED, CLOUD_LOGIN_LAPSED, CLOUD_NO_ACCESS, FOUNDRY_KEY, Meaning, NOT_FOUND,
    OVERLOADED, REQUEST, UPSTREAM, VERTEX_QUOTA,
};

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

const FOUNDRY_REFUSES: &str = "access denied due to invalid subscription key";

/// What a cloud's own body means, if it is one.
pub(super) fn meaning(answer: &ErrorAnswer<'_>, body: &Value) -> Option<&'static Meaning> {
    bedrock(answer).or_else(|| {
        // Google wraps its object in an array at times.
        let body = body.get(0).unwrap_or(body);
        let error = body.get("error")?;
        vertex(error).or_else(|| foundry(answer.status, error))
    })
}

fn bedrock(answer: &ErrorAnswer<'_>) -> Option<&'static Meaning> {
    let kind = answer.header("x-amzn-errortype")?;
    // It may go on with `:http://…`.
    let kind = kind.split(':').next().unwrap_or(kind);
    find(&BEDROCK, kind)
}

fn vertex(error: &Value) -> Option<&'static Meaning> {
    error.get("code").filter(|code| code.is_number())?;
    find(&VERTEX, error.get("status")?.as_str()?)
}

fn foundry(status: u16, error: &Value) -> Option<&'static Meaning> {
    let refuses = status == 401
        && error.get("code")?.as_str()? == "401"
        && error
            .get("message")?
            .as_str()?
            .to_ascii_lowercase()
            .starts_with(FOUNDRY_REFUSES);
    refuses.then_some(&FOUNDRY_KEY)
}

fn find(rows: &[(&str, &'static Meaning)], name: &str) -> Option<&'static Meaning> {
    rows.iter()
        .find(|(known, _)| *known == name)
        .map(|(_, meaning)| *meaning)
}
