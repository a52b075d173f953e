//! The API keys that the user rejected in Claude Code, as it stores them (docs/facts.md#claude-code).
//!
//! Invariant: the file contains only the end of each key, which is never shown.

use serde::Deserialize;

use crate::rules::hidden_text::HiddenText;

/// Number of trailing characters of a rejected key that Claude Code stores.
const SUFFIX_CHARS: usize = 20;

/// The keys that a terminal session ignores because the user rejected them.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct RejectedKeys(Vec<HiddenText>);

impl RejectedKeys {
    /// Parses the text of Claude Code's state file, `.claude.json`. Invalid text contains no rejected keys.
    pub fn parse(text: &str) -> Self {
        let file: File = serde_json::from_str(text).unwrap_or_default();
        let answers = file.answers.unwrap_or_default();
        Self(answers.rejected.into_iter().map(HiddenText::new).collect())
    }

    /// Returns `true` if the user rejected this key.
    pub(crate) fn contains(&self, key: &str) -> bool {
        let suffix = key.char_indices().rev().take(SUFFIX_CHARS).last();
        let suffix = suffix.map_or("", |(at, _)| &key[at..]);
        !suffix.is_empty() && self.0.iter().any(|rejected| rejected.inspect() == suffix)
    }
}

#[derive(Default, Deserialize)]
struct File {
    #[serde(rename = "customApiKeyResponses")]
    answers: Option<Answers>,
}

#[derive(Default, Deserialize)]
struct Answers {
    #[serde(default)]
    rejected: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_matched_by_its_suffix() {
        let is_rejected = |text: &str, key: &str| RejectedKeys::parse(text).contains(key);
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
            assert!(!RejectedKeys::parse(text).contains("a"), "{text}");
            assert!(!RejectedKeys::parse(text).contains(""), "{text}");
        }
    }
}
