//! Parsers of argument values. An error's text is a predicate of the argument: "must be …".

use std::str::FromStr;

use clap::builder::{BoolValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};

use keyreeve_core::binding::Expected;
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::profile::{Auth, BillingClass};
use keyreeve_core::token::contains_token;
use keyreeve_core::virtual_key::Strategy;

use crate::suggestion::{did_you_mean, suggest};

/// Source of a secret that must not be an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SecretInput {
    /// A prompt on the terminal.
    Prompt,
    /// Standard input.
    Stdin,
}

/// The user's consent to changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Consent {
    /// Each change is a question.
    Ask,
    /// Given for all changes, by `--yes`.
    Given,
}

/// A word, its value, and its help.
pub(super) type Choice<T> = (&'static str, T, &'static str);

pub(super) const AUTHS: &[Choice<Auth>] = &[
    ("api-key", Auth::ApiKey, "`x-api-key: …`"),
    ("bearer", Auth::Bearer, "`Authorization: Bearer …`"),
];

pub(super) const STRATEGIES: &[Choice<Strategy>] = &[
    (
        "ordered",
        Strategy::Ordered,
        "The first one, in the given order",
    ),
    ("spread", Strategy::Spread, "The least recently used one"),
];

pub(super) const CACHE_TTLS: &[Choice<Ttl>] = &[
    (
        "5m",
        Ttl::FiveMinutes,
        "Five minutes; writes cost 1.25 times the input price",
    ),
    (
        "1h",
        Ttl::OneHour,
        "One hour; writes cost twice the input price",
    ),
];

const BILLING_CLASSES: [(BillingClass, &str); 3] = [
    (BillingClass::Metered, "API credit of an organization"),
    (BillingClass::Cloud, "A cloud account"),
    (BillingClass::Gateway, "The operator of another gateway"),
];

/// Parses one of several words.
pub(super) fn choice<T: Copy + Send + Sync + 'static>(
    choices: &'static [Choice<T>],
) -> impl TypedValueParser<Value = T> {
    let words = choices
        .iter()
        .map(|(word, _, help)| PossibleValue::new(*word).help(*help));
    PossibleValuesParser::new(words).try_map(|typed| {
        let found = choices.iter().find(|(word, ..)| *word == typed);
        found
            .map(|(_, value, _)| *value)
            .ok_or("must be a possible value")
    })
}

/// Parses an additional billing class of a key. A plan is refused with an explanation.
pub(super) fn billing_class() -> impl TypedValueParser<Value = BillingClass> {
    let classes = BILLING_CLASSES.map(|(class, help)| PossibleValue::new(class.name()).help(help));
    let plan = PossibleValue::new(BillingClass::Plan.name()).hide(true);
    PossibleValuesParser::new(classes.into_iter().chain([plan])).try_map(|typed| {
        let mut classes = BILLING_CLASSES.into_iter().map(|(class, _)| class);
        classes.find(|class| class.name() == typed).ok_or(
            "cannot be plan: a plan serves its owner's Claude Code only, never a virtual key. Run it with `keyreeve exec -- claude`.",
        )
    })
}

/// Parses an expected payer: a class, or what can be the name of a profile.
pub(super) fn expected_payer(word: &str) -> Result<Expected, String> {
    word.parse().map_err(|_| {
        let suggestion = did_you_mean(word, Expected::CLASSES);
        format!(
            "must be plan, metered, cloud, gateway or the name of a profile, not `{word}`{suggestion}"
        )
    })
}

/// Parses a client, with or without a version.
pub(super) fn client_program<T: FromStr>(word: &str) -> Result<T, String> {
    const NAMES: [&str; 5] = [
        "claude-code",
        "bare",
        "sdk-python",
        "sdk-typescript",
        "keyreeve",
    ];
    const OTHER_WORDS: [(&str, &str); 8] = [
        ("python", "sdk-python"),
        ("python3", "sdk-python"),
        ("py", "sdk-python"),
        ("typescript", "sdk-typescript"),
        ("javascript", "sdk-typescript"),
        ("node", "sdk-typescript"),
        ("ts", "sdk-typescript"),
        ("js", "sdk-typescript"),
    ];
    word.parse().map_err(|_| {
        let name = word.split('@').next().unwrap_or_default();
        let suggestion = suggest(name, NAMES, &OTHER_WORDS);
        format!(
            "must be claude-code (@VERSION), bare, sdk-python (@0, @1, @2), sdk-typescript (@0, @1) or keyreeve, not `{word}`{suggestion}"
        )
    })
}

/// Parses a flag without a value: `off` if it is absent, `on` if it is given.
pub(super) fn switch<T: Copy + Send + Sync + 'static>(
    off: T,
    on: T,
) -> impl TypedValueParser<Value = T> {
    BoolValueParser::new().map(move |is_given| if is_given { on } else { off })
}

/// Parses a `--stdin` flag.
pub(super) fn secret_input() -> impl TypedValueParser<Value = SecretInput> {
    switch(SecretInput::Prompt, SecretInput::Stdin)
}

/// Parses the name of a model.
pub(super) fn model_name(word: &str) -> Result<String, String> {
    if is_graphic_word(word) {
        Ok(word.to_owned())
    } else {
        Err(format!("must be a model name, not `{word}`"))
    }
}

/// Returns `true` if a word can be a model name or a pattern of model names. A key cannot.
pub(crate) fn is_model_glob(word: &str) -> bool {
    is_graphic_word(word) && !contains_token(word)
}

fn is_graphic_word(word: &str) -> bool {
    !word.is_empty() && word.len() <= 128 && word.bytes().all(|c| c.is_ascii_graphic())
}

/// Parses the name of an environment variable, by POSIX.
pub(super) fn variable_name(word: &str) -> Result<String, &'static str> {
    let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    let is_name = !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit());
    if is_name && word.len() <= 128 && word.bytes().all(fits) {
        Ok(word.to_owned())
    } else {
        Err("must be the name of a variable, such as ANTHROPIC_API_KEY")
    }
}

/// Parses an absolute path, which means the same wherever keyreeve is started later.
pub(super) fn absolute_path(path: &str) -> Result<String, &'static str> {
    if path.starts_with('/') {
        Ok(path.to_owned())
    } else {
        Err("must be an absolute path: it is read later, from another directory")
    }
}

/// Returns each value once.
pub(crate) fn unique<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut unique = Vec::with_capacity(values.len());
    for value in values {
        if !unique.contains(&value) {
            unique.push(value);
        }
    }
    unique
}
