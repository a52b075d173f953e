//! Redaction of tokens.

use super::*;

const BODY: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

/// PR-06: at most the prefix and the last four characters are shown, for every family and length.
#[test]
fn at_most_prefix_and_last_four_are_shown() {
    let prefixes = PREFIXES.into_iter().chain([("", Family::Opaque)]);
    for (word, family) in prefixes {
        let start = if family == Family::Opaque {
            String::new()
        } else {
            token(word, "")
        };
        for length in 0..=200_usize {
            let value: String = start
                .chars()
                .chain(BODY.chars().cycle())
                .take(length)
                .collect();
            let prefix = if Family::from_prefix(&value) == family {
                start.as_str()
            } else {
                ""
            };
            let expected = match length {
                0..20 => "…".to_owned(),
                20..40 => format!("{}…", prefix.replace("new01-", "")),
                _ => format!("{}…{}", prefix.replace("new01-", ""), &value[length - 4..]),
            };
            assert_eq!(redact(&value), expected, "{family:?} of {length}");
        }
    }
}

/// PR-06: an end with terminal control characters is not shown.
#[test]
fn end_with_control_characters_is_not_shown() {
    for end in ["\u{1b}[2J", "a\u{202e}bc", "äöüß", "a\nbc"] {
        let value = token("api03-", &["a".repeat(95).as_str(), end].concat());
        assert_eq!(redact(&value), token("api03-", "…"));
    }
}
