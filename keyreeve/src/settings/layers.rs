//! Flag, variable, file, default: which of them speaks for a setting.

use keyreeve_core::snapshot::Environment;

use crate::settings::Problem;
use crate::settings::problem::without_keys;

/// A setting's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Setting {
    /// In the configuration file.
    pub(crate) key: &'static str,
    /// In the environment.
    pub(crate) variable: Option<&'static str>,
    /// On the command line.
    pub(crate) flag: Option<&'static str>,
}

/// Where a value came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layer {
    /// This argument.
    Flag(&'static str),
    /// This environment variable.
    Variable(&'static str),
    /// This key of the configuration file.
    File(&'static str),
    /// keyreeve itself.
    Default,
}

/// A value and where it came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sourced<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it came from.
    pub(crate) from: Layer,
}

/// What the nearest layer that speaks for a setting says, not parsed yet.
pub(super) struct Spoken {
    setting: Setting,
    from: Layer,
    words: Vec<String>,
}

/// Parses what was spoken and collects what is wrong with it.
#[derive(Default)]
pub(super) struct Layers {
    problems: Vec<Problem>,
}

impl Layers {
    /// Takes in a problem that is not one setting's that has layers.
    pub(super) fn add(&mut self, problem: impl Into<Option<Problem>>) {
        self.problems.extend(problem.into());
    }

    /// The problems found, if any.
    pub(super) fn into_problems(self) -> Option<Vec<Problem>> {
        (!self.problems.is_empty()).then_some(self.problems)
    }

    /// Parses a list; in the environment its words are separated by commas.
    pub(super) fn list<T>(
        &mut self,
        spoken: Option<Spoken>,
        parse: impl Fn(&str) -> Result<T, String>,
        default: Vec<T>,
    ) -> Sourced<Vec<T>> {
        let Some(spoken) = spoken else {
            return Sourced {
                value: default,
                from: Layer::Default,
            };
        };
        let words: Vec<&str> = match spoken.from {
            Layer::Variable(_) => spoken
                .words
                .iter()
                .flat_map(|it| it.split(','))
                .map(str::trim)
                .collect(),
            Layer::Flag(_) | Layer::File(_) | Layer::Default => {
                spoken.words.iter().map(String::as_str).collect()
            }
        };
        let value = words
            .iter()
            .filter_map(|word| self.accept(&spoken, word, parse(word)))
            .collect();
        Sourced {
            value,
            from: spoken.from,
        }
    }

    /// Parses a single value.
    pub(super) fn one<T>(
        &mut self,
        spoken: Option<Spoken>,
        parse: impl Fn(&str) -> Result<T, String>,
        default: T,
    ) -> Sourced<T> {
        let Some(spoken) = spoken else {
            return Sourced {
                value: default,
                from: Layer::Default,
            };
        };
        let word = spoken.words.last().map_or("", String::as_str);
        let value = self.accept(&spoken, word, parse(word)).unwrap_or(default);
        Sourced {
            value,
            from: spoken.from,
        }
    }

    fn accept<T>(&mut self, spoken: &Spoken, word: &str, parsed: Result<T, String>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(why) => {
                let text = without_keys(format!("`{word}` {why}"));
                self.problems
                    .push(Problem::of_layer(spoken.from, spoken.setting.key, text));
                None
            }
        }
    }
}

/// Finds the nearest layer that speaks for a setting; an empty variable counts as unset.
pub(super) fn spoken(
    environment: &Environment,
    setting: Setting,
    flags: &[String],
    file: Option<Vec<String>>,
) -> Option<Spoken> {
    if let Some(flag) = setting.flag.filter(|_| !flags.is_empty()) {
        return Some(Spoken {
            setting,
            from: Layer::Flag(flag),
            words: flags.to_vec(),
        });
    }
    let value = |name| environment.get(name).filter(|value| !value.is_empty());
    if let Some((name, value)) = setting.variable.and_then(|name| Some((name, value(name)?))) {
        return Some(Spoken {
            setting,
            from: Layer::Variable(name),
            words: vec![value.to_owned()],
        });
    }
    file.map(|words| Spoken {
        setting,
        from: Layer::File(setting.key),
        words,
    })
}

/// What the file says, as a word.
pub(super) fn word(said: Option<impl ToString>) -> Option<Vec<String>> {
    said.map(|said| vec![said.to_string()])
}
