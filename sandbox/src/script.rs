//! Scripts: what makes a key misbehave, step by step, one step per request, then back to normal.
//!
//! `docs/sandbox.md` has the table of what a step may say. A step with an unknown word in it is refused by name: a
//! script that silently does nothing would prove nothing.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use keyreeve_core::secret::Fingerprint;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::delivery::{Delivery, How};
use crate::errors::{self, Case, Place};

/// One step of a script: what one request, or several in a row, get.
#[derive(Clone, Debug)]
pub struct Step {
    pub(crate) effect: Effect,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) delivery: Delivery,
    times: u32,
}

/// What a step answers.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// What would be answered without a script.
    Normal,
    /// A named case of `errors.json`; one of the inside of a stream comes after so many events.
    Case(&'static Case, usize),
    /// Any status, with its body; the API's envelope where none was given.
    Status(StatusCode, Option<Bytes>),
    /// The normal stream, which ends with an `error` event of this type after so many events.
    StreamError(String, usize),
    /// Nothing: the connection is broken off before the head.
    NoAnswer(How),
}

/// A script that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum BadScript {
    /// The text is no JSON array.
    #[error("a script is a JSON array of steps")]
    NotAList(#[source] serde_json::Error),
    /// A step has a word or a value that steps do not have.
    #[error("step {number} cannot be read")]
    Unreadable {
        /// Which step, counted from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A step names an error that is not known.
    #[error("step {number} names an error that errors.json does not have")]
    UnknownError {
        /// Which step, counted from 1.
        number: usize,
    },
    /// A step says nothing, or two things of which a request can get only one.
    #[error(
        "step {number} must say one of ok, error, status, stream_error and no_answer, or change the delivery"
    )]
    NotOneEffect {
        /// Which step, counted from 1.
        number: usize,
    },
    /// A step has a status or a header that HTTP does not have.
    #[error("step {number} has a status or header that HTTP does not have")]
    NotHttp {
        /// Which step, counted from 1.
        number: usize,
    },
    /// A step has a word that changes nothing beside its other words.
    #[error("step {number} says `{word}`, which does nothing there")]
    Idle {
        /// Which step, counted from 1.
        number: usize,
        /// The word.
        word: &'static str,
    },
    /// There are too many steps.
    #[error("a script has {MOST_STEPS} steps at most")]
    TooLong,
}

/// The most steps of one script.
const MOST_STEPS: usize = 1_000;
/// The most keys that have a script at one time.
const MOST_KEYS: usize = 10_000;

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

/// The scripts of all keys.
#[derive(Default)]
pub(crate) struct Scripts(HashMap<String, VecDeque<Step>>);

impl Scripts {
    /// Sets a key's script in place of the one it had; no steps take it away.
    pub(crate) fn set(&mut self, fingerprint: &str, steps: Vec<Step>) {
        if steps.is_empty() {
            self.0.remove(fingerprint);
        } else {
            self.0.insert(fingerprint.to_owned(), steps.into());
        }
    }

    /// Says whether so many keys have a script that no other one should get one.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MOST_KEYS
    }

    /// Takes the step for a key's next request.
    pub(crate) fn next(&mut self, fingerprint: &Fingerprint) -> Option<Step> {
        let steps = self.0.get_mut(fingerprint.as_str())?;
        let step = steps.front_mut()?;
        step.times = step.times.saturating_sub(1);
        let taken = step.clone();
        if taken.times == 0 {
            steps.pop_front();
        }
        if steps.is_empty() {
            self.0.remove(fingerprint.as_str());
        }
        Some(taken)
    }

    /// Takes all scripts away.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
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
    times: Option<u32>,
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
        let delivery = self.delivery();
        let headers = self.headers(number)?;
        let changes_delivery = delivery != Delivery::default() || !headers.is_empty();
        let after = self.after_events.unwrap_or(0);
        if let Some(word) = self.idle_word() {
            return Err(BadScript::Idle { number, word });
        }
        let how = self.how.unwrap_or_default();
        let body = self.body.map(|body| {
            serde_json::from_str::<String>(body.get())
                .map_or_else(|_| body.get().to_owned().into(), Bytes::from)
        });
        let effect = match (
            self.ok,
            self.error,
            self.status,
            self.stream_error,
            self.no_answer,
        ) {
            (Some(Yes), None, None, None, None) => Effect::Normal,
            (None, None, None, None, None) if changes_delivery => Effect::Normal,
            (None, Some(name), None, None, None) => {
                let case = errors::named(&name).ok_or(BadScript::UnknownError { number })?;
                Effect::Case(case, after)
            }
            (None, None, Some(status), None, None) => match StatusCode::from_u16(status) {
                Ok(status) if (200..=599).contains(&status.as_u16()) => {
                    Effect::Status(status, body)
                }
                Ok(_) | Err(_) => return Err(BadScript::NotHttp { number }),
            },
            (None, None, None, Some(kind), None) => Effect::StreamError(kind, after),
            (None, None, None, None, Some(Yes)) => Effect::NoAnswer(how),
            _ => return Err(BadScript::NotOneEffect { number }),
        };
        Ok(Step {
            effect,
            headers,
            delivery,
            times: self.times.unwrap_or(1).max(1),
        })
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
