//! PR-06: what of a token is shown.

use super::*;

const BODY: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

#[test]
fn pr_06_at_most_the_prefix_and_the_last_four_for_every_family_and_length() {
    let prefixes = PREFIXES.into_iter().chain([("", Family::Opaque)]);
    for (prefix, family) in prefixes {
        let start = if family == Family::Opaque {
            String::new()
        } else {
            token(prefix, "")
        };
        for length in 0..=200_usize {
            let value: String = start
                .chars()
                .chain(BODY.chars().cycle())
                .take(length)
                .collect();
            let known = if Family::of(&value) == family {
                start.as_str()
            } else {
                ""
            };
            let expected = match length {
                0..20 => "…".to_owned(),
                20..40 => format!("{}…", known.replace("new01-", "")),
                _ => format!("{}…{}", known.replace("new01-", ""), &value[length - 4..]),
            };
            assert_eq!(redact(&value), expected, "{family:?} of {length}");
        }
    }
}

#[test]
fn pr_06_an_end_that_could_speak_to_a_terminal_is_left_out() {
    for end in ["\u{1b}[2J", "a\u{202e}bc", "äöüß", "a\nbc"] {
        let value = token("api03-", &["a".repeat(95).as_str(), end].concat());
        assert_eq!(redact(&value), token("api03-", "…"));
    }
}
