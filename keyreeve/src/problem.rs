//! A problem with an argument or a setting, in one line.

use std::fmt;

use keyreeve_core::token::contains_token;

use crate::error::{CommandError, Exit};

/// A problem with one argument or setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    location: ProblemLocation,
    text: String,
}

/// Verbs that make a problem's text a predicate of its location.
const VERBS: [&str; 6] = ["is ", "must ", "cannot ", "needs ", "takes ", "names "];

#[derive(Clone, PartialEq, Eq, Debug)]
enum ProblemLocation {
    /// An argument.
    Flag(&'static str),
    /// An environment variable.
    Variable(&'static str),
    /// A key of the configuration file.
    Key(String),
}

impl Problem {
    /// Creates a problem with an argument; `text` is a predicate ("must be …") or a text after a colon.
    pub(crate) fn flag(flag: &'static str, text: impl Into<String>) -> Self {
        Self {
            location: ProblemLocation::Flag(flag),
            text: text.into(),
        }
    }

    /// Creates a problem with an environment variable.
    pub(crate) fn variable(variable: &'static str, text: impl Into<String>) -> Self {
        Self {
            location: ProblemLocation::Variable(variable),
            text: text.into(),
        }
    }

    /// Creates a problem with a key of the configuration file.
    pub(crate) fn key(key: &str, text: impl Into<String>) -> Self {
        Self {
            location: ProblemLocation::Key(key.to_owned()),
            text: text.into(),
        }
    }

    fn is_argument(&self) -> bool {
        matches!(self.location, ProblemLocation::Flag(_))
    }

    fn is_in_file(&self) -> bool {
        matches!(self.location, ProblemLocation::Key(_))
    }
}

/// Returns `true` if a problem's text is a predicate of its location.
pub(crate) fn is_predicate(text: &str) -> bool {
    VERBS.iter().any(|verb| text.starts_with(verb))
}

/// Replaces a text that seems to contain a key.
pub(crate) fn redact_keys(text: String) -> String {
    if contains_token(&text) {
        return "(hidden, because it looks like a key)".to_owned();
    }
    text
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { location, text } = self;
        match location {
            ProblemLocation::Flag(name) => write!(f, "`{name}`")?,
            ProblemLocation::Variable(name) => f.write_str(name)?,
            ProblemLocation::Key(key) => write!(f, "`{key}`")?,
        }
        let separator = if is_predicate(text) { " " } else { ": " };
        write!(f, "{separator}{text}")
    }
}

impl From<Problem> for CommandError {
    fn from(problem: Problem) -> Self {
        vec![problem].into()
    }
}

impl From<Vec<Problem>> for CommandError {
    /// Exit 2 if only arguments are invalid, else 3.
    fn from(problems: Vec<Problem>) -> Self {
        let texts = problems.iter().map(ToString::to_string);
        let error = if !problems.iter().all(Problem::is_argument) {
            Self::new(Exit::Configuration, "invalid configuration").with_causes(texts)
        } else if let [problem] = problems.as_slice() {
            Self::new(Exit::Usage, problem.to_string())
        } else {
            Self::new(Exit::Usage, "invalid arguments").with_causes(texts)
        };
        if problems.iter().any(Problem::is_in_file) {
            error.hint("`keyreeve config path` prints the path of the file")
        } else {
            error
        }
    }
}
