//! A problem with a setting: where it stands and what is wrong, in one line.

use std::fmt;

use keyreeve_core::token::looks_like_a_key;

use crate::error::{CommandError, Exit};
use crate::settings::Layer;

/// What is wrong with one setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    place: Place,
    text: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Place {
    /// An argument: the person who typed it sees it.
    Flag(&'static str),
    /// A variable, and a sentence about it.
    Variable(&'static str),
    /// A key of the configuration file.
    Key(String),
}

impl Problem {
    /// A problem with an argument.
    pub(crate) fn of_flag(flag: &'static str, text: impl Into<String>) -> Self {
        Self {
            place: Place::Flag(flag),
            text: text.into(),
        }
    }

    /// A problem with an environment variable; `text` may start with a verb.
    pub(crate) fn of_variable(variable: &'static str, text: impl Into<String>) -> Self {
        Self {
            place: Place::Variable(variable),
            text: text.into(),
        }
    }

    /// A problem with the configuration file.
    pub(crate) fn of_key(key: &str, text: impl Into<String>) -> Self {
        Self {
            place: Place::Key(key.to_owned()),
            text: text.into(),
        }
    }

    /// A problem with the value of the layer that won; `key` names the setting in the file.
    pub(crate) fn of_layer(layer: Layer, key: &str, text: impl Into<String>) -> Self {
        match layer {
            Layer::Flag(flag) => Self::of_flag(flag, text),
            Layer::Variable(variable) => Self::of_variable(variable, text),
            Layer::File(_) | Layer::Default => Self::of_key(key, text),
        }
    }

    fn is_typed(&self) -> bool {
        matches!(self.place, Place::Flag(_))
    }

    fn is_in_the_file(&self) -> bool {
        matches!(self.place, Place::Key(_))
    }
}

/// A text about something that was written where no key belongs; none of it is repeated where one seems to be in it.
pub(crate) fn without_keys(text: String) -> String {
    if looks_like_a_key(&text) {
        return "something that looks like a key stands where it cannot".to_owned();
    }
    text
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, text } = self;
        match place {
            Place::Flag(flag) => write!(f, "{flag}: {text}"),
            Place::Variable(name) if text.starts_with("is ") || text.starts_with("must ") => {
                write!(f, "{name} {text}")
            }
            Place::Variable(name) => write!(f, "{name}: {text}"),
            Place::Key(key) => write!(f, "`{key}`: {text}"),
        }
    }
}

impl From<Vec<Problem>> for CommandError {
    /// Exit 2 where only arguments are wrong, else 3.
    fn from(problems: Vec<Problem>) -> Self {
        let (exit, message) = if problems.iter().all(Problem::is_typed) {
            (Exit::Usage, "the command line is wrong")
        } else {
            (Exit::Configuration, "the configuration is invalid")
        };
        let error = Self::new(exit, message).because(problems.iter().map(ToString::to_string));
        if problems.iter().any(Problem::is_in_the_file) {
            error.hint("keyreeve config path")
        } else {
            error
        }
    }
}
