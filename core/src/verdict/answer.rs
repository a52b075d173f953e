//! Reads an error answer and asks the rules in their order.
//!
//! Invariants: no body makes this fail. A body that is neither the API's envelope nor a known cloud's shape says only
//! that somebody else answered; one that was cut, or was not there, leaves the headers and the status to speak.

use jiff::Timestamp;
use serde_json::Value;

use super::meanings::{FOREIGN_ANSWER, Meaning, TIER_CAP};
use super::{Effect, Evidence, Verdict, cloud, codes, plan, rules, times};

/// How many bytes of a body are read: 64 KiB.
pub const LONGEST_BODY: usize = 64 * 1024;

/// An answer with a status that is no success.
#[derive(Clone, Copy, Debug)]
pub struct ErrorAnswer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// Names and values; names in any case, values as text.
    pub headers: &'a [(&'a str, &'a str)],
    /// The beginning of the body; what is beyond [`LONGEST_BODY`] is not read.
    pub body: &'a [u8],
}

impl<'a> ErrorAnswer<'a> {
    /// The first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

/// What the body is.
enum Body {
    /// The API's own envelope: type, message, code.
    Envelope {
        kind: String,
        message: String,
        code: Option<String>,
    },
    /// JSON of another shape.
    Other(Value),
    /// Nothing, or the beginning of some JSON.
    Unfinished,
    /// A page or a line of text: not from the API.
    Foreign,
}

pub(super) fn judge(answer: &ErrorAnswer<'_>, now: Timestamp) -> Verdict {
    if (200..300).contains(&answer.status) {
        return Verdict::ok();
    }
    match read(answer.body) {
        Body::Envelope {
            kind,
            message,
            code,
        } => by_envelope(answer, (&kind, &message, code.as_deref()), now),
        Body::Other(value) => match cloud::meaning(answer, &value) {
            Some(meaning) => Verdict::new(meaning, Evidence::Shape).until_at(
                cools(meaning)
                    .then(|| times::retry_after(answer, now))
                    .flatten(),
            ),
            None => Verdict::new(&FOREIGN_ANSWER, Evidence::Shape),
        },
        Body::Unfinished => plan::by_headers(answer, now).unwrap_or_else(|| {
            Verdict::new(rules::by_status(answer.status), Evidence::Status).unproven()
        }),
        Body::Foreign => Verdict::new(&FOREIGN_ANSWER, Evidence::Shape),
    }
}

fn by_envelope(
    answer: &ErrorAnswer<'_>,
    (kind, message, code): (&str, &str, Option<&str>),
    now: Timestamp,
) -> Verdict {
    let decided = code
        .and_then(codes::meaning)
        .map(|meaning| (meaning, Evidence::Code))
        .or_else(|| {
            rules::by_wording(answer.status, kind, message)
                .map(|meaning| (meaning, Evidence::Wording))
        });
    if let Some((meaning, evidence)) = decided {
        return Verdict::new(meaning, evidence).until_at(until(meaning, answer, message, now));
    }
    plan::by_headers(answer, now)
        .or_else(|| plan::by_their_absence(answer))
        .unwrap_or_else(|| {
            Verdict::new(
                rules::by_type_and_status(answer.status, kind),
                Evidence::Status,
            )
        })
}

/// When a limit of this meaning ends.
fn until(
    meaning: &'static Meaning,
    answer: &ErrorAnswer<'_>,
    message: &str,
    now: Timestamp,
) -> Option<Timestamp> {
    match meaning.effect {
        Effect::SpentUntil if *meaning == TIER_CAP => {
            times::regain_access(message, now).or_else(|| times::first_of_next_month(now))
        }
        Effect::SpentUntil => times::regain_access(message, now),
        _ if cools(meaning) => {
            times::retry_after(answer, now).or_else(|| plan::minute_reset(answer, now))
        }
        _ => None,
    }
}

fn cools(meaning: &Meaning) -> bool {
    matches!(meaning.effect, Effect::CoolUntil | Effect::CoolModelUntil)
}

fn read(body: &[u8]) -> Body {
    let body = body.get(..LONGEST_BODY).unwrap_or(body).trim_ascii();
    let begins_as_json = matches!(body.first(), None | Some(b'{' | b'['));
    match serde_json::from_slice::<Value>(body) {
        Ok(value) if begins_as_json => envelope(&value).unwrap_or(Body::Other(value)),
        Err(_) if begins_as_json => Body::Unfinished,
        Ok(_) | Err(_) => Body::Foreign,
    }
}

fn envelope(value: &Value) -> Option<Body> {
    if value.get("type")?.as_str()? != "error" {
        return None;
    }
    let error = value.get("error")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(Body::Envelope {
        kind: error.get("type").and_then(text)?,
        message: error.get("message").and_then(text).unwrap_or_default(),
        code: error.pointer("/details/error_code").and_then(text),
    })
}
