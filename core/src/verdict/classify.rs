//! Parses an error response and applies the rules in their order.
//!
//! Invariants: no body makes this fail. A body that is neither the API's envelope nor a known cloud's shape means only
//! that another server responded; if the body was cut or is missing, headers and status decide.

use jiff::Timestamp;
use serde_json::Value;

use super::meanings::{FOREIGN_RESPONSE, Meaning, TIER_CAP};
use super::response::{ErrorResponse, MAX_ERROR_BODY_BYTES};
use super::{DecidedBy, Verdict, VerdictEffect, cloud, codes, rate_limit_headers, rules, times};

/// The kind of body.
enum ParsedBody {
    /// The API's own envelope: type, message, code.
    Envelope {
        kind: String,
        message: String,
        code: Option<String>,
    },
    /// JSON of another shape.
    Other(Value),
    /// Empty, or incomplete JSON.
    Unfinished,
    /// A page or plain text: not from the API.
    Foreign,
}

pub(super) fn classify(response: &ErrorResponse<'_>, now: Timestamp) -> Verdict {
    if (200..300).contains(&response.status) {
        return Verdict::ok();
    }
    match parse(response.body) {
        ParsedBody::Envelope {
            kind,
            message,
            code,
        } => by_envelope(response, (&kind, &message, code.as_deref()), now),
        ParsedBody::Other(value) => match cloud::meaning(response, &value) {
            Some(meaning) => Verdict::new(meaning, DecidedBy::Shape).until_at(
                meaning
                    .effect
                    .is_limit()
                    .then(|| times::retry_after(response, now))
                    .flatten(),
            ),
            None => Verdict::new(&FOREIGN_RESPONSE, DecidedBy::Shape),
        },
        ParsedBody::Unfinished => {
            rate_limit_headers::by_headers(response, now).unwrap_or_else(|| {
                Verdict::new(rules::by_status(response.status), DecidedBy::Status).without_proof()
            })
        }
        ParsedBody::Foreign => Verdict::new(&FOREIGN_RESPONSE, DecidedBy::Shape),
    }
}

fn by_envelope(
    response: &ErrorResponse<'_>,
    (kind, message, code): (&str, &str, Option<&str>),
    now: Timestamp,
) -> Verdict {
    let decided = code
        .and_then(codes::meaning)
        .map(|meaning| (meaning, DecidedBy::Code))
        .or_else(|| {
            rules::by_wording(response.status, kind, message)
                .map(|meaning| (meaning, DecidedBy::Wording))
        });
    if let Some((meaning, decided_by)) = decided {
        return Verdict::new(meaning, decided_by).until_at(until(meaning, response, message, now));
    }
    rate_limit_headers::by_headers(response, now)
        .or_else(|| rate_limit_headers::without_limit_headers(response))
        .unwrap_or_else(|| {
            Verdict::new(
                rules::by_type_and_status(response.status, kind),
                DecidedBy::Status,
            )
        })
}

/// Returns the end of a limit.
fn until(
    meaning: &'static Meaning,
    response: &ErrorResponse<'_>,
    message: &str,
    now: Timestamp,
) -> Option<Timestamp> {
    match meaning.effect {
        VerdictEffect::SpentUntil if *meaning == TIER_CAP => {
            times::regain_access(message, now).or_else(|| times::first_of_next_month(now))
        }
        VerdictEffect::SpentUntil => times::regain_access(message, now),
        _ if meaning.effect.is_limit() => times::retry_after(response, now)
            .or_else(|| rate_limit_headers::minute_reset(response, now)),
        _ => None,
    }
}

fn parse(body: &[u8]) -> ParsedBody {
    let body = body
        .get(..MAX_ERROR_BODY_BYTES)
        .unwrap_or(body)
        .trim_ascii();
    let starts_as_json = matches!(body.first(), None | Some(b'{' | b'['));
    match serde_json::from_slice::<Value>(body) {
        Ok(value) if starts_as_json => envelope(&value).unwrap_or(ParsedBody::Other(value)),
        Err(_) if starts_as_json => ParsedBody::Unfinished,
        Ok(_) | Err(_) => ParsedBody::Foreign,
    }
}

fn envelope(value: &Value) -> Option<ParsedBody> {
    if value.get("type")?.as_str()? != "error" {
        return None;
    }
    let error = value.get("error")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(ParsedBody::Envelope {
        kind: error.get("type").and_then(text)?,
        message: error.get("message").and_then(text).unwrap_or_default(),
        code: error.pointer("/details/error_code").and_then(text),
    })
}
