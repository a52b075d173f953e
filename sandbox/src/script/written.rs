//! Reads a script as people write it, and says by number and word what cannot be meant.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BadScript, Effect, MOST_STEPS, Step};
use crate::delivery::{Delivery, How};
use crate::errors::{self, Place};

/// Reads a script as `PUT /_sandbox/keys/{fingerprint}/script` takes it: a JSON array of steps.
///
/// # Errors
/// See [`BadScript`]; each names the step.
pub fn read_script(json: &str) -> Result<Vec<Step>, BadScript> {
    let steps: Vec<Box<RawValue>> = serde_json::from_str(json).map_err(BadScript::NotAList)?;
    if steps.len() > MOST_STEPS {
        return Err(BadScript::TooLong);
    }
    let numbered = (1..).zip(steps);
    numbered
        .map(|(number, step)| {
            let written: Written = serde_json::from_str(step.get())
                .map_err(|source| BadScript::Unreadable { number, source })?;
            written.understand(number)
        })
        .collect()
}

/// A step as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    ok: Option<Yes>,
    error: Option<String>,
    status: Option<u16>,
    stream_error: Option<String>,
    no_answer: Option<Yes>,
    body: Option<Box<RawValue>>,
    #[serde(default)]
    headers: BTreeMap<String, Text>,
    delay_ms: Option<u64>,
    pace_ms: Option<u64>,
    silent_ms: Option<u64>,
    after_events: Option<usize>,
    cut_after_bytes: Option<usize>,
    how: Option<How>,
    times: Option<NonZeroU32>,
}

/// `true`, which is all that `ok` and `no_answer` can say.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "bool")]
struct Yes;

impl TryFrom<bool> for Yes {
    type Error = &'static str;

    fn try_from(said: bool) -> Result<Self, Self::Error> {
        if said {
            Ok(Self)
        } else {
            Err("only true can be said here")
        }
    }
}

/// A header's value: people write `"retry-after": 3` as readily as `"3"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    String(String),
    Number(u64),
}

impl Written {
    fn understand(self, number: usize) -> Result<Step, BadScript> {
        if let Some(word) = self.idle_word() {
            return Err(BadScript::Idle { number, word });
        }
        let delivery = self.delivery();
        let headers = self.headers(number)?;
        let changes_nothing = delivery == Delivery::default() && headers.is_empty();
        let times = self.times.map_or(1, NonZeroU32::get);
        let effect = match self.effect(number)? {
            Some(effect) => effect,
            None if changes_nothing => return Err(BadScript::NotOneEffect { number }),
            None => Effect::Normal,
        };
        Ok(Step {
            effect,
            headers,
            delivery,
            times,
        })
    }

    /// What the step answers; none where it does not say.
    fn effect(self, number: usize) -> Result<Option<Effect>, BadScript> {
        let after = self.after_events.unwrap_or(0);
        let said = (
            self.ok,
            self.error,
            self.status,
            self.stream_error,
            self.no_answer,
        );
        let effect = match said {
            (None, None, None, None, None) => return Ok(None),
            (Some(Yes), None, None, None, None) => Effect::Normal,
            (None, Some(name), None, None, None) => {
                let case = errors::named(&name).ok_or(BadScript::UnknownError { number })?;
                Effect::Case(case, after)
            }
            (None, None, Some(status @ 200..=599), None, None) => {
                let status =
                    StatusCode::from_u16(status).map_err(|_| BadScript::NotHttp { number })?;
                Effect::Status(status, self.body.as_deref().map(bytes_of))
            }
            (None, None, Some(_), None, None) => return Err(BadScript::NotHttp { number }),
            (None, None, None, Some(kind), None) => Effect::StreamError(kind, after),
            (None, None, None, None, Some(Yes)) => Effect::NoAnswer(self.how.unwrap_or_default()),
            _ => return Err(BadScript::NotOneEffect { number }),
        };
        Ok(Some(effect))
    }

    /// The word that changes nothing beside the others, if there is one.
    fn idle_word(&self) -> Option<&'static str> {
        let case = self.error.as_deref().and_then(errors::named);
        let breaks_a_stream =
            self.stream_error.is_some() || case.is_some_and(|case| case.place == Place::Stream);
        if self.body.is_some() && self.status.is_none() {
            return Some("body");
        }
        if self.after_events.is_some() && !breaks_a_stream && self.silent_ms.is_none() {
            return Some("after_events");
        }
        let is_cut = self.cut_after_bytes.is_some() || self.no_answer.is_some();
        (self.how.is_some() && !is_cut).then_some("how")
    }

    fn delivery(&self) -> Delivery {
        let millis = |said: Option<u64>| Duration::from_millis(said.unwrap_or(0));
        let how = self.how.unwrap_or_default();
        Delivery {
            delay: millis(self.delay_ms),
            pace: millis(self.pace_ms),
            silence: self
                .silent_ms
                .map(|_| (self.after_events.unwrap_or(1), millis(self.silent_ms))),
            cut: self.cut_after_bytes.map(|after| (after, how)),
        }
    }

    fn headers(&self, number: usize) -> Result<Vec<(HeaderName, HeaderValue)>, BadScript> {
        let header = |(name, value): (&String, &Text)| {
            let value = match value {
                Text::String(text) => text.clone(),
                Text::Number(number) => number.to_string(),
            };
            let header = name.parse().ok().zip(value.parse().ok());
            header.ok_or(BadScript::NotHttp { number })
        };
        self.headers.iter().map(header).collect()
    }
}

/// The bytes of a body: a string stands for text, anything else for itself.
fn bytes_of(body: &RawValue) -> Bytes {
    let text = serde_json::from_str::<String>(body.get());
    text.map_or_else(|_| body.get().to_owned().into(), Bytes::from)
}
