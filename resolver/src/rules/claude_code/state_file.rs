//! Claude Code's state file, `.claude.json`, as far as it decides who pays (docs/facts.md#claude-code-files).
//!
//! Invariant: no key is ever shown; of a rejected key the file contains only the end.

use serde::Deserialize;
use serde_json::Value;

use super::settings::{
    ClaudeSettings, Entries, Lines, SettingsFile, SettingsFileError, SettingsScope, SettingsState,
    variables,
};
use crate::rules::hidden_text::HiddenText;

/// Number of trailing characters of a rejected key that Claude Code stores.
const SUFFIX_CHARS: usize = 20;

/// The parts of the state file that decide.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateFile {
    /// The variables in `env`.
    pub settings: SettingsFile,
    /// The key of a Console sign-in.
    pub stored_key: Option<StoredKey>,
    /// The keys that the user rejected.
    pub rejected_keys: RejectedKeys,
    /// The keys that the user approved.
    pub approved_keys: ApprovedKeys,
}

/// `primaryApiKey`: the API key that Claude Code stores after a sign-in to the Console.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredKey {
    /// The state file.
    pub path: String,
    /// Its value.
    pub value: StoredKeyValue,
    /// The line, counted from 1.
    pub line: usize,
}

/// The value of `primaryApiKey`; a value that JavaScript takes as false counts as absent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoredKeyValue {
    /// A key.
    Key(HiddenText),
    /// Only whitespace, which is sent as an empty key.
    Blank,
    /// No text: it replaces a profile, and is sent only in the background.
    NotText,
}

/// The keys that a terminal session ignores because the user rejected them.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct RejectedKeys(Vec<HiddenText>);

/// The keys that Claude Code in VS Code uses because the user approved them.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ApprovedKeys(Vec<HiddenText>);

impl StateFile {
    /// Parses the text of the file. JSON that is not an object decides nothing, nor does a value of another type; with
    /// text that is not JSON Claude Code does not start.
    pub fn parse(path: String, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (entries, damage) = match serde_json::from_str(text) {
            Ok(Entries(entries)) => (entries, None),
            Err(error) if error.is_data() => (Vec::new(), None),
            Err(error) => {
                let damage = SettingsFileError {
                    line: error.line().max(1),
                    is_object: false,
                    is_empty: text.trim().is_empty(),
                };
                (Vec::new(), Some(damage))
            }
        };
        let lines = Lines(text);
        let mut settings = ClaudeSettings::default();
        let (mut stored_key, mut answers) = (None, Answers::default());
        for (key, raw) in entries {
            match key.as_str() {
                "env" => settings.env = variables(raw, lines).unwrap_or_default(),
                "primaryApiKey" => {
                    stored_key = StoredKeyValue::parse(raw.get()).map(|value| StoredKey {
                        path: path.clone(),
                        value,
                        line: lines.line_of(raw),
                    });
                }
                "customApiKeyResponses" => answers = Answers::parse(raw.get()),
                _ => {}
            }
        }
        Self {
            settings: SettingsFile {
                scope: SettingsScope::State,
                path,
                state: damage.map_or(SettingsState::Read(settings), SettingsState::Damaged),
            },
            stored_key,
            rejected_keys: RejectedKeys(hidden(answers.rejected)),
            approved_keys: ApprovedKeys(hidden(answers.approved)),
        }
    }
}

impl StoredKeyValue {
    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        match value {
            Value::Null | Value::Bool(false) => None,
            Value::Number(number) if number.as_f64() == Some(0.0) => None,
            Value::String(key) if key.is_empty() => None,
            Value::String(key) if key.trim().is_empty() => Some(Self::Blank),
            Value::String(key) => Some(Self::Key(HiddenText::new(key))),
            Value::Bool(true) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Some(Self::NotText)
            }
        }
    }
}

impl RejectedKeys {
    /// Returns `true` if the user rejected this key.
    pub(crate) fn contains(&self, key: &str) -> bool {
        contains_end(&self.0, key)
    }
}

impl ApprovedKeys {
    /// Returns `true` if the user approved this key.
    pub(crate) fn contains(&self, key: &str) -> bool {
        contains_end(&self.0, key)
    }
}

fn contains_end(ends: &[HiddenText], key: &str) -> bool {
    let suffix = key.char_indices().rev().take(SUFFIX_CHARS).last();
    let suffix = suffix.map_or("", |(at, _)| &key[at..]);
    !suffix.is_empty() && ends.iter().any(|end| end.inspect() == suffix)
}

fn hidden(ends: Vec<String>) -> Vec<HiddenText> {
    ends.into_iter().map(HiddenText::new).collect()
}

#[derive(Default, Deserialize)]
struct Answers {
    #[serde(default)]
    rejected: Vec<String>,
    #[serde(default)]
    approved: Vec<String>,
}

impl Answers {
    fn parse(text: &str) -> Self {
        let answers: Option<Self> = serde_json::from_str(text).unwrap_or_default();
        answers.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> StateFile {
        StateFile::parse("~/.claude.json".to_owned(), text)
    }

    #[test]
    fn key_is_matched_by_its_suffix() {
        let is_rejected = |text: &str, key: &str| parse(text).rejected_keys.contains(key);
        let text = r#"{"numStartups": 3, "customApiKeyResponses": {"approved": ["abcdefghijklmnopqrsu"], "rejected": ["abcdefghijklmnopqrst", "short"]}}"#;
        for (key, expected) in [
            ("1234abcdefghijklmnopqrst", true),
            ("abcdefghijklmnopqrst", true),
            ("1234abcdefghijklmnopqrsu", false),
            ("bcdefghijklmnopqrst", false),
            ("short", true),
            ("", false),
        ] {
            assert_eq!(is_rejected(text, key), expected, "{key}");
        }
    }

    #[test]
    fn invalid_state_file_rejects_no_key() {
        for text in [
            "",
            "[]",
            "{",
            "{}",
            r#"{"customApiKeyResponses": null}"#,
            r#"{"customApiKeyResponses": {"rejected": 3}}"#,
            r#"{"customApiKeyResponses": {"rejected": [""]}}"#,
        ] {
            assert!(!parse(text).rejected_keys.contains("a"), "{text}");
            assert!(!parse(text).rejected_keys.contains(""), "{text}");
        }
    }

    #[test]
    fn stored_key_and_variables_are_read_with_their_lines() {
        let text =
            "{\n\"env\": {\"A\": \"one\"},\n\"hooks\": 3,\n\"primaryApiKey\": \" made-up\"\n}";
        let state = parse(text);
        let stored = state.stored_key.unwrap();
        let key = StoredKeyValue::Key(HiddenText::new(" made-up".to_owned()));
        assert_eq!((stored.value, stored.line), (key, 4));
        let SettingsState::Read(settings) = state.settings.state else {
            panic!("{:?}", state.settings);
        };
        assert_eq!(settings.variable("A").map(|found| found.line), Some(2));
        assert!(settings.others.is_empty());
    }

    #[test]
    fn values_of_another_type_decide_nothing() {
        for value in ["null", "0", "false", "\"\""] {
            let text = format!("{{\"primaryApiKey\": {value}, \"env\": {value}}}");
            assert_eq!(parse(&text), parse("{}"), "{value}");
        }
        for (value, expected) in [
            ("5", StoredKeyValue::NotText),
            ("true", StoredKeyValue::NotText),
            ("[]", StoredKeyValue::NotText),
            ("{}", StoredKeyValue::NotText),
            ("\" \"", StoredKeyValue::Blank),
        ] {
            let text = format!("{{\"primaryApiKey\": {value}, \"env\": {value}}}");
            let state = parse(&text);
            assert_eq!(
                state.stored_key.map(|key| key.value),
                Some(expected),
                "{value}"
            );
            assert_eq!(state.settings, parse("{}").settings, "{value}");
        }
    }
}
