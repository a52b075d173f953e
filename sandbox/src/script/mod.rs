//! Scripts: make a key misbehave, one step per request; after the last step, responses are normal again.
//!
//! `docs/sandbox.md` lists the fields of a step. A step with an unknown field is rejected: a script that is silently
//! ignored would prove nothing.

mod parse;

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use keyreeve_core::secret::Fingerprint;

use crate::delivery::{CloseMode, Delivery};
use crate::errors::ErrorCase;

pub use parse::read_script;

/// One step of a script: the response to one request, or to several in a row.
#[derive(Clone, Debug)]
pub struct ScriptStep {
    pub(crate) effect: StepEffect,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) delivery: Delivery,
    times: u32,
}

/// The response of a step.
#[derive(Clone, Debug)]
pub(crate) enum StepEffect {
    /// The default response.
    Normal,
    /// A named case of `errors.json`; a stream event comes after this many events.
    Case(&'static ErrorCase, usize),
    /// A status with a body, or with the API's envelope if none is given.
    Status(StatusCode, Option<Bytes>),
    /// The default stream, ended by an `error` event of this type after this many events.
    StreamError(String, usize),
    /// No response: the connection is closed before the head.
    NoResponse(CloseMode),
}

/// An invalid script.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The text is not a JSON array.
    #[error("a script must be a JSON array of steps")]
    NotAnArray(#[source] serde_json::Error),
    /// A step has an unknown field or an invalid value.
    #[error("step {number} is invalid")]
    InvalidStep {
        /// Number of the step, from 1.
        number: usize,
        /// The parse error.
        #[source]
        source: serde_json::Error,
    },
    /// A step names an unknown error.
    #[error("step {number} names an unknown error: GET /_sandbox lists the known ones")]
    UnknownError {
        /// Number of the step, from 1.
        number: usize,
    },
    /// A step defines no response, or more than one.
    #[error(
        "step {number} must have exactly one of ok, error, status, stream_error and no_answer, or change the delivery"
    )]
    AmbiguousEffect {
        /// Number of the step, from 1.
        number: usize,
    },
    /// A step has a status or a header that is invalid in HTTP.
    #[error("step {number} has an invalid status or header")]
    InvalidHttp {
        /// Number of the step, from 1.
        number: usize,
    },
    /// A step has a field without effect in combination with its other fields.
    #[error("step {number} has `{field}`, which has no effect there")]
    UnusedField {
        /// Number of the step, from 1.
        number: usize,
        /// The field.
        field: &'static str,
    },
    /// The script has too many steps.
    #[error("a script can have at most {MAX_STEPS} steps")]
    TooManySteps,
}

/// Maximum number of steps of a script.
const MAX_STEPS: usize = 1_000;
/// Maximum number of keys with a script.
const MAX_KEYS: usize = 10_000;

/// Scripts of all keys.
#[derive(Default)]
pub(crate) struct Scripts(HashMap<String, VecDeque<ScriptStep>>);

impl Scripts {
    /// Sets a key's script, replacing its previous one. An empty list removes it.
    pub(crate) fn set(&mut self, fingerprint: &str, steps: Vec<ScriptStep>) {
        if steps.is_empty() {
            self.0.remove(fingerprint);
        } else {
            self.0.insert(fingerprint.to_owned(), steps.into());
        }
    }

    /// Returns `true` if the maximum number of keys have a script.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MAX_KEYS
    }

    /// Takes the step for a key's next request.
    pub(crate) fn take_step(&mut self, fingerprint: &Fingerprint) -> Option<ScriptStep> {
        let steps = self.0.get_mut(fingerprint.as_str())?;
        let step = steps.front_mut()?;
        step.times = step.times.saturating_sub(1);
        let current = step.clone();
        if current.times == 0 {
            steps.pop_front();
        }
        if steps.is_empty() {
            self.0.remove(fingerprint.as_str());
        }
        Some(current)
    }

    /// Removes all scripts.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
