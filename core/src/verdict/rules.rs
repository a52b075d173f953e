//! The tables that tell an envelope's meaning by status, type and wording, and by the status alone.
//!
//! Invariants: wordings are compared without regard to case, and only under the statuses they were seen with; the first
//! row that fits decides (docs/facts.md#errors); what begins with a name that the client chose is no wording.

use super::meanings::{self as is, Meaning};

/// How a message is recognised; in lower case.
enum Wording {
    Begins(&'static str),
    Holds(&'static str, &'static str),
}

use Wording::{Begins, Holds};

/// Statuses, wording, meaning.
type Row = (&'static [u16], Wording, &'static Meaning);

const ROWS: &[Row] = &[
    (&[401], Begins("invalid x-api-key"), &is::INVALID_KEY),
    (&[401], Begins("api key is invalid"), &is::INVALID_KEY),
    (&[401], Begins("invalid bearer token"), &is::INVALID_TOKEN),
    (
        &[401],
        Begins("invalid authentication credentials"),
        &is::LOGIN_GONE,
    ),
    (&[401], Begins("oauth token has expired"), &is::LOGIN_LAPSED),
    (
        &[401],
        Begins("oauth token has been revoked"),
        &is::LOGIN_LAPSED,
    ),
    (
        &[403],
        Begins("oauth token has been revoked"),
        &is::LOGIN_REVOKED,
    ),
    (
        &[401],
        Begins("oauth authentication is currently not supported"),
        &is::OAUTH_BETA_MISSING,
    ),
    (
        &[401],
        Begins("x-api-key header is required"),
        &is::NO_CREDENTIAL_SENT,
    ),
    (
        &[401],
        Begins("cors requests are not allowed"),
        &is::ORIGIN_FORWARDED,
    ),
    (
        &[401, 403],
        Begins("oauth authentication is currently not allowed for this organization"),
        &is::LOGIN_NOT_ALLOWED,
    ),
    (
        &[403],
        Begins("oauth token does not meet scope requirement"),
        &is::SCOPE_MISSING,
    ),
    (
        &[403],
        Begins("your api key does not have permission to use the specified resource"),
        &is::NO_ACCESS,
    ),
    (
        &[400],
        Begins("your credit balance is too low"),
        &is::OUT_OF_CREDIT,
    ),
    (
        &[400],
        Begins("you have reached your specified api usage limits"),
        &is::SPEND_LIMIT,
    ),
    (
        &[400],
        Begins("you have reached your specified workspace api usage limits"),
        &is::WORKSPACE_SPEND_LIMIT,
    ),
    (
        &[429],
        Begins("you have reached your api usage limits"),
        &is::TIER_CAP,
    ),
    (
        &[400, 403],
        Begins("this organization has been disabled"),
        &is::ORGANIZATION_DISABLED,
    ),
    (
        &[400],
        Begins("this credential is only authorized for use with claude code"),
        &is::CLAUDE_CODE_ONLY,
    ),
    (
        &[400],
        Begins("third-party apps now draw from your extra usage"),
        &is::EXTRA_USAGE_ONLY,
    ),
    (
        &[429],
        Begins("extra usage is required for long context requests"),
        &is::EXTRA_USAGE,
    ),
    (
        &[429],
        Begins("usage credits are required for long context requests"),
        &is::EXTRA_USAGE,
    ),
    (
        &[429],
        Begins("you're out of extra usage"),
        &is::EXTRA_USAGE,
    ),
    (
        &[429],
        Holds("rate limit of", "per minute"),
        &is::MINUTE_LIMIT,
    ),
    (&[429], Holds("acceleration limit", ""), &is::RAMP_LIMIT),
    (&[404], Begins("model:"), &is::MODEL_NOT_FOUND),
    (&[400], Begins("prompt is too long"), &is::PROMPT_TOO_LONG),
];

/// What follows the name of a field that the API does not know. The name is the client's: it may be any sentence, and who
/// holds one key would speak against the credential of all.
const UNKNOWN_FIELD: &str = ": extra inputs are not permitted";

/// Types with the status that they come with.
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

/// What status, type and message mean, if a row of the table has them.
pub(super) fn by_wording(status: u16, kind: &str, message: &str) -> Option<&'static Meaning> {
    if !goes_with(status, kind) {
        return None;
    }
    let message = message.to_ascii_lowercase();
    if message.contains(UNKNOWN_FIELD) {
        return None;
    }
    let fits = |wording: &Wording| match wording {
        Begins(words) => message.starts_with(words),
        Holds(first, then) => message
            .split_once(first)
            .is_some_and(|(_, rest)| rest.contains(then)),
    };
    ROWS.iter()
        .find(|(statuses, wording, _)| statuses.contains(&status) && fits(wording))
        .map(|(_, _, meaning)| *meaning)
}

/// What an envelope means whose code and wording nobody knows.
pub(super) fn by_type_and_status(status: u16, kind: &str) -> &'static Meaning {
    match (status, kind) {
        (413, _) => &is::TOO_LARGE,
        (500..=599, "overloaded_error") => &is::OVERLOADED,
        (504, _) | (500..=599, "timeout_error") => &is::TIMEOUT,
        _ => by_status(status),
    }
}

/// What the status alone means.
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

/// The status that an error of this type would have had, had it come before the stream began.
pub(super) fn status_of(kind: &str) -> u16 {
    let found = TYPES.iter().find(|(known, _)| *known == kind);
    found.map_or(500, |(_, status)| *status)
}

/// Whether a type is one that comes with this status. Types not known yet do; and a 4xx may carry the type of a 400.
fn goes_with(status: u16, kind: &str) -> bool {
    let known = TYPES.iter().find(|(known, _)| *known == kind);
    known.is_none_or(|(_, own)| {
        *own == status || *own == 400 || matches!((status, *own), (401 | 403, 401 | 403))
    })
}
