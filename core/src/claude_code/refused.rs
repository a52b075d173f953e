//! The keys that a person told Claude Code not to use, as it remembers them (docs/facts.md#claude-code).
//!
//! Invariant: of a key only its end is there to be kept, and that is never shown.

use serde::Deserialize;

use crate::snapshot::Hidden;

/// So many characters of a key's end are remembered.
const REMEMBERED: usize = 20;

/// What a terminal session passes over because the person said no, once.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct RefusedKeys(Vec<Hidden>);

impl RefusedKeys {
    /// Reads the text of Claude Code's own memory, `.claude.json`. A text that is none has no answers in it.
    pub fn read(text: &str) -> Self {
        let file: File = serde_json::from_str(text).unwrap_or_default();
        let answers = file.answers.unwrap_or_default();
        Self(answers.rejected.into_iter().map(Hidden::new).collect())
    }

    /// Whether the person said no to this key.
    pub fn hold(&self, key: &str) -> bool {
        let end = key.char_indices().rev().take(REMEMBERED).last();
        let end = end.map_or("", |(at, _)| &key[at..]);
        !end.is_empty() && self.0.iter().any(|refused| refused.judge() == end)
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
    fn a_key_is_known_by_its_end() {
        let refused = |text: &str, key: &str| RefusedKeys::read(text).hold(key);
        let text = r#"{"numStartups": 3, "customApiKeyResponses": {"approved": ["abcdefghijklmnopqrsu"], "rejected": ["abcdefghijklmnopqrst", "short"]}}"#;
        for (key, expected) in [
            ("1234abcdefghijklmnopqrst", true),
            ("abcdefghijklmnopqrst", true),
            ("1234abcdefghijklmnopqrsu", false),
            ("bcdefghijklmnopqrst", false),
            ("short", true),
            ("", false),
        ] {
            assert_eq!(refused(text, key), expected, "{key}");
        }
    }

    #[test]
    fn what_is_no_memory_has_no_answers() {
        for text in [
            "",
            "[]",
            "{",
            "{}",
            r#"{"customApiKeyResponses": null}"#,
            r#"{"customApiKeyResponses": {"rejected": 3}}"#,
            r#"{"customApiKeyResponses": {"rejected": [""]}}"#,
        ] {
            assert!(!RefusedKeys::read(text).hold("a"), "{text}");
            assert!(!RefusedKeys::read(text).hold(""), "{text}");
        }
    }
}
