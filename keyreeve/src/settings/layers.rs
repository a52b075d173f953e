//! The layers of a setting: flag, variable, file, default.

use keyreeve_os::environment::Environment;

use crate::problem::{Problem, redact_keys};

/// Names of a setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Setting {
    /// In the configuration file.
    pub(crate) key: &'static str,
    /// In the environment.
    pub(crate) variable: Option<&'static str>,
    /// On the command line.
    pub(crate) flag: Option<&'static str>,
}

/// Source of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layer {
    /// This argument.
    Flag(&'static str),
    /// This environment variable.
    Variable(&'static str),
    /// This key of the configuration file.
    File(&'static str),
    /// The built-in default.
    Default,
}

impl Layer {
    /// Creates a problem with the value of this layer; `key` is the setting's name in the file.
    pub(super) fn problem(self, key: &str, text: impl Into<String>) -> Problem {
        match self {
            Self::Flag(flag) => Problem::flag(flag, text),
            Self::Variable(variable) => Problem::variable(variable, text),
            Self::File(_) | Self::Default => Problem::key(key, text),
        }
    }
}

/// A value and its source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sourced<T> {
    /// The value.
    pub(crate) value: T,
    /// Its source.
    pub(crate) from: Layer,
}

/// The value of the layer that wins, not parsed yet.
pub(super) struct RawValue {
    setting: Setting,
    from: Layer,
    values: Vec<String>,
}

/// Parses raw values and collects the problems.
#[derive(Default)]
pub(super) struct Layers {
    problems: Vec<Problem>,
}

impl Layers {
    /// Adds a problem found by the caller.
    pub(super) fn add(&mut self, problem: impl Into<Option<Problem>>) {
        self.problems.extend(problem.into());
    }

    /// Returns the problems, or `None` without any.
    pub(super) fn into_problems(self) -> Option<Vec<Problem>> {
        (!self.problems.is_empty()).then_some(self.problems)
    }

    /// Parses a list; in a variable, its items are separated by commas.
    pub(super) fn list<T>(
        &mut self,
        raw: Option<RawValue>,
        parse: impl Fn(&str) -> Result<T, String>,
        default: Vec<T>,
    ) -> Sourced<Vec<T>> {
        let Some(raw) = raw else {
            return Sourced {
                value: default,
                from: Layer::Default,
            };
        };
        let words: Vec<&str> = match raw.from {
            Layer::Variable(_) => raw
                .values
                .iter()
                .flat_map(|it| it.split(','))
                .map(str::trim)
                .collect(),
            Layer::Flag(_) | Layer::File(_) | Layer::Default => {
                raw.values.iter().map(String::as_str).collect()
            }
        };
        let value = words
            .iter()
            .filter_map(|word| self.accept(&raw, word, parse(word)))
            .collect();
        Sourced {
            value,
            from: raw.from,
        }
    }

    /// Parses a single value.
    pub(super) fn one<T>(
        &mut self,
        raw: Option<RawValue>,
        parse: impl Fn(&str) -> Result<T, String>,
        default: T,
    ) -> Sourced<T> {
        let Some(raw) = raw else {
            return Sourced {
                value: default,
                from: Layer::Default,
            };
        };
        let word = raw.values.last().map_or("", String::as_str);
        let value = self.accept(&raw, word, parse(word)).unwrap_or(default);
        Sourced {
            value,
            from: raw.from,
        }
    }

    fn accept<T>(&mut self, raw: &RawValue, word: &str, parsed: Result<T, String>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(requirement) => {
                let text = redact_keys(format!("must be {requirement}, not `{word}`"));
                self.problems.push(raw.from.problem(raw.setting.key, text));
                None
            }
        }
    }
}

/// Returns the value of the first layer that sets a setting; an empty variable counts as unset.
pub(super) fn raw_value(
    environment: &Environment,
    setting: Setting,
    flags: &[String],
    file: Option<Vec<String>>,
) -> Option<RawValue> {
    if let Some(flag) = setting.flag.filter(|_| !flags.is_empty()) {
        return Some(RawValue {
            setting,
            from: Layer::Flag(flag),
            values: flags.to_vec(),
        });
    }
    let value = |name| environment.get(name).filter(|value| !value.is_empty());
    if let Some((name, value)) = setting.variable.and_then(|name| Some((name, value(name)?))) {
        return Some(RawValue {
            setting,
            from: Layer::Variable(name),
            values: vec![value.to_owned()],
        });
    }
    file.map(|values| RawValue {
        setting,
        from: Layer::File(setting.key),
        values,
    })
}

/// Converts a single value of the file.
pub(super) fn single(value: Option<impl ToString>) -> Option<Vec<String>> {
    value.map(|value| vec![value.to_string()])
}
