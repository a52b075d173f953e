//! Rule tables: the meaning of an error envelope by status, type and wording, and by the status alone.
//!
//! Invariants: wordings are compared case-insensitively, and only with the statuses they were observed with; the first
//! matching row decides (docs/facts.md#errors); a message that starts with a field name chosen by the client has no
//! known wording.

use super::meanings::{self as is, Meaning};

/// A pattern that a message must match, in lower case.
enum Wording {
    StartsWith(&'static str),
    Contains(&'static str, &'static str),
}

use Wording::{Contains, StartsWith};

/// A rule: statuses, wording, meaning.
type Row = (&'static [u16], Wording, &'static Meaning);

const ROWS: &[Row] = &[
    (&[401], StartsWith("invalid x-api-key"), &is::INVALID_KEY),
    (&[401], StartsWith("api key is invalid"), &is::INVALID_KEY),
    (
        &[401],
        StartsWith("invalid bearer token"),
        &is::INVALID_TOKEN,
    ),
    (
        &[401],
        StartsWith("invalid authentication credentials"),
        &is::LOGIN_GONE,
    ),
    (
        &[401],
        StartsWith("oauth token has expired"),
        &is::LOGIN_LAPSED,
    ),
    (
        &[401],
        StartsWith("oauth token has been revoked"),
        &is::LOGIN_LAPSED,
    ),
    (
        &[403],
        StartsWith("oauth token has been revoked"),
        &is::LOGIN_REVOKED,
    ),
    (
        &[401],
        StartsWith("oauth authentication is currently not supported"),
        &is::OAUTH_BETA_MISSING,
    ),
    (
        &[401],
        StartsWith("x-api-key header is required"),
        &is::NO_CREDENTIAL_SENT,
    ),
    (
        &[401],
        StartsWith("cors requests are not allowed"),
        &is::ORIGIN_FORWARDED,
    ),
    (
        &[401, 403],
        StartsWith("oauth authentication is currently not allowed for this organization"),
        &is::LOGIN_NOT_ALLOWED,
    ),
    (
        &[403],
        StartsWith("oauth token does not meet scope requirement"),
        &is::SCOPE_MISSING,
    ),
    (
        &[403],
        StartsWith("your api key does not have permission to use the specified resource"),
        &is::NO_ACCESS,
    ),
    (
        &[400],
        StartsWith("your credit balance is too low"),
        &is::OUT_OF_CREDIT,
    ),
    (
        &[400],
        StartsWith("you have reached your specified api usage limits"),
        &is::SPEND_LIMIT,
    ),
    (
        &[400],
        StartsWith("you have reached your specified workspace api usage limits"),
        &is::WORKSPACE_SPEND_LIMIT,
    ),
    (
        &[429],
        StartsWith("you have reached your api usage limits"),
        &is::TIER_CAP,
    ),
    (
        &[400, 403],
        StartsWith("this organization has been disabled"),
        &is::ORGANIZATION_DISABLED,
    ),
    (
        &[400],
        StartsWith("this credential is only authorized for use with claude code"),
        &is::CLAUDE_CODE_ONLY,
    ),
    (
        &[400],
        StartsWith("third-party apps now draw from your extra usage"),
        &is::EXTRA_USAGE_ONLY,
    ),
    (
        &[429],
        StartsWith("extra usage is required for long context requests"),
        &is::EXTRA_USAGE,
    ),
    (
        &[429],
        StartsWith("usage credits are required for long context requests"),
        &is::EXTRA_USAGE,
    ),
    (
        &[429],
        StartsWith("you're out of extra usage"),
        &is::EXTRA_USAGE,
    ),
    (
        &[429],
        Contains("rate limit of", "per minute"),
        &is::MINUTE_LIMIT,
    ),
    (&[429], Contains("acceleration limit", ""), &is::RAMP_LIMIT),
    (&[404], StartsWith("model:"), &is::MODEL_NOT_FOUND),
    (
        &[400],
        StartsWith("prompt is too long"),
        &is::PROMPT_TOO_LONG,
    ),
];

/// The text after the name of a field unknown to the API. The client chooses the name: it could be any wording, so a
/// single client could have the credential of all clients blocked.
const UNKNOWN_FIELD: &str = ": extra inputs are not permitted";

/// Error types and their statuses.
const TYPES: [(&str, u16); 10] = [
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

/// Returns the meaning of status, type and message, if a row matches.
pub(super) fn by_wording(status: u16, kind: &str, message: &str) -> Option<&'static Meaning> {
    if !is_type_of_status(status, kind) {
        return None;
    }
    let message = message.to_ascii_lowercase();
    if message.contains(UNKNOWN_FIELD) {
        return None;
    }
    let matches = |wording: &Wording| match wording {
        StartsWith(words) => message.starts_with(words),
        Contains(first, then) => message
            .split_once(first)
            .is_some_and(|(_, rest)| rest.contains(then)),
    };
    ROWS.iter()
        .find(|(statuses, wording, _)| statuses.contains(&status) && matches(wording))
        .map(|(_, _, meaning)| *meaning)
}

/// Returns the meaning of an envelope of unknown code and wording.
pub(super) fn by_type_and_status(status: u16, kind: &str) -> &'static Meaning {
    match (status, kind) {
        (413, _) => &is::TOO_LARGE,
        (500..=599, "overloaded_error") => &is::OVERLOADED,
        (504, _) | (500..=599, "timeout_error") => &is::TIMEOUT,
        _ => by_status(status),
    }
}

/// Returns the meaning of the status alone.
pub(super) fn by_status(status: u16) -> &'static Meaning {
    match status {
        200..=299 => &is::OK,
        401 => &is::AUTHENTICATION,
        402 => &is::BILLING,
        403 => &is::PERMISSION,
        404 => &is::NOT_FOUND,
        429 => &is::RATE_LIMITED,
        529 => &is::OVERLOADED,
        400..=499 => &is::REQUEST,
        _ => &is::UPSTREAM,
    }
}

/// Returns the status that an error of this type has outside a stream.
pub(super) fn status_for_type(kind: &str) -> u16 {
    let found = TYPES.iter().find(|(known, _)| *known == kind);
    found.map_or(500, |(_, status)| *status)
}

/// Returns `true` if a type can occur with this status. Unknown types can; and a 4xx may carry the type of a 400.
fn is_type_of_status(status: u16, kind: &str) -> bool {
    let known = TYPES.iter().find(|(known, _)| *known == kind);
    known.is_none_or(|(_, usual)| {
        *usual == status || *usual == 400 || matches!((status, *usual), (401 | 403, 401 | 403))
    })
}
