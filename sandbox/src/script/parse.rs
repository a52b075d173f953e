//! Parser for scripts; an error names the step and the field.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{MAX_STEPS, ScriptError, ScriptStep, StepEffect};
use crate::delivery::{CloseMode, Delivery};
use crate::errors::{self, CaseForm};

/// Parses a script in the format of `PUT /_sandbox/keys/{fingerprint}/script`: a JSON array of steps.
///
/// # Errors
/// See [`ScriptError`]; each error names the step.
pub fn read_script(json: &str) -> Result<Vec<ScriptStep>, ScriptError> {
    let steps: Vec<Box<RawValue>> = serde_json::from_str(json).map_err(ScriptError::NotAnArray)?;
    if steps.len() > MAX_STEPS {
        return Err(ScriptError::TooManySteps);
    }
    (1..)
        .zip(steps)
        .map(|(number, step)| {
            let raw: RawStep = serde_json::from_str(step.get())
                .map_err(|source| ScriptError::InvalidStep { number, source })?;
            raw.into_step(number)
        })
        .collect()
}

/// A step as in the JSON of a script.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    ok: Option<True>,
    error: Option<String>,
    status: Option<u16>,
    stream_error: Option<String>,
    no_answer: Option<True>,
    body: Option<Box<RawValue>>,
    #[serde(default)]
    headers: BTreeMap<String, HeaderText>,
    delay_ms: Option<u64>,
    pace_ms: Option<u64>,
    silent_ms: Option<u64>,
    after_events: Option<usize>,
    cut_after_bytes: Option<usize>,
    how: Option<CloseMode>,
    times: Option<NonZeroU32>,
}

/// `true`, the only value of `ok` and `no_answer`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "bool")]
struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value {
            Ok(Self)
        } else {
            Err("only true is allowed")
        }
    }
}

/// A header value: a string, or a number such as `"retry-after": 3`.
#[derive(Deserialize)]
#[serde(untagged)]
enum HeaderText {
    String(String),
    Number(u64),
}

impl RawStep {
    fn into_step(self, number: usize) -> Result<ScriptStep, ScriptError> {
        if let Some(field) = self.unused_field() {
            return Err(ScriptError::UnusedField { number, field });
        }
        let delivery = self.delivery();
        let headers = self.headers(number)?;
        let changes_nothing = delivery == Delivery::default() && headers.is_empty();
        let times = self.times.map_or(1, NonZeroU32::get);
        let effect = match self.effect(number)? {
            Some(effect) => effect,
            None if changes_nothing => return Err(ScriptError::AmbiguousEffect { number }),
            None => StepEffect::Normal,
        };
        Ok(ScriptStep {
            effect,
            headers,
            delivery,
            times,
        })
    }

    /// Returns the response of the step, or `None` if it defines none.
    fn effect(self, number: usize) -> Result<Option<StepEffect>, ScriptError> {
        let after = self.after_events.unwrap_or(0);
        let effects = (
            self.ok,
            self.error,
            self.status,
            self.stream_error,
            self.no_answer,
        );
        let effect = match effects {
            (None, None, None, None, None) => return Ok(None),
            (Some(True), None, None, None, None) => StepEffect::Normal,
            (None, Some(name), None, None, None) => {
                let case = errors::find_case(&name).ok_or(ScriptError::UnknownError { number })?;
                StepEffect::Case(case, after)
            }
            (None, None, Some(status @ 200..=599), None, None) => {
                let status = StatusCode::from_u16(status)
                    .map_err(|_| ScriptError::InvalidHttp { number })?;
                StepEffect::Status(status, self.body.as_deref().map(body_bytes))
            }
            (None, None, Some(_), None, None) => return Err(ScriptError::InvalidHttp { number }),
            (None, None, None, Some(kind), None) => StepEffect::StreamError(kind, after),
            (None, None, None, None, Some(True)) => {
                StepEffect::NoResponse(self.how.unwrap_or_default())
            }
            _ => return Err(ScriptError::AmbiguousEffect { number }),
        };
        Ok(Some(effect))
    }

    /// Returns a field without effect in combination with the others, if there is one.
    fn unused_field(&self) -> Option<&'static str> {
        let case = self.error.as_deref().and_then(errors::find_case);
        let is_stream_error =
            self.stream_error.is_some() || case.is_some_and(|case| case.form == CaseForm::Stream);
        if self.body.is_some() && self.status.is_none() {
            return Some("body");
        }
        if self.after_events.is_some() && !is_stream_error && self.silent_ms.is_none() {
            return Some("after_events");
        }
        let is_cut = self.cut_after_bytes.is_some() || self.no_answer.is_some();
        (self.how.is_some() && !is_cut).then_some("how")
    }

    fn delivery(&self) -> Delivery {
        let millis = |value: Option<u64>| Duration::from_millis(value.unwrap_or(0));
        let mode = self.how.unwrap_or_default();
        Delivery {
            delay: millis(self.delay_ms),
            pace: millis(self.pace_ms),
            stall: self
                .silent_ms
                .map(|_| (self.after_events.unwrap_or(1), millis(self.silent_ms))),
            cut: self.cut_after_bytes.map(|after| (after, mode)),
        }
    }

    fn headers(&self, number: usize) -> Result<Vec<(HeaderName, HeaderValue)>, ScriptError> {
        let header = |(name, value): (&String, &HeaderText)| {
            let value = match value {
                HeaderText::String(text) => text.clone(),
                HeaderText::Number(number) => number.to_string(),
            };
            let header = name.parse().ok().zip(value.parse().ok());
            header.ok_or(ScriptError::InvalidHttp { number })
        };
        self.headers.iter().map(header).collect()
    }
}

/// Returns the bytes of a body: of a string its text, of any other value its JSON as written.
fn body_bytes(body: &RawValue) -> Bytes {
    let text = serde_json::from_str::<String>(body.get());
    text.map_or_else(|_| body.get().to_owned().into(), Bytes::from)
}
