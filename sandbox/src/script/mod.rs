//! Scripts: what makes a key misbehave, step by step, one step per request, then back to normal.
//!
//! `docs/sandbox.md` has the table of what a step may say. A step with an unknown word in it is refused by name: a
//! script that silently does nothing would prove nothing.

mod written;

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use keyreeve_core::secret::Fingerprint;

use crate::delivery::{Delivery, How};
use crate::errors::Case;

pub use written::read_script;

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
