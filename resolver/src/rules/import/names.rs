//! Names for imported profiles: valid, descriptive and unique.

use keyreeve_core::profile::Name;
use keyreeve_core::sanitize::sanitize_line;
use keyreeve_core::token::contains_token;

/// The maximum length of an item's name as shown, in characters.
const MAX_SHOWN_CHARS: usize = 80;

/// The maximum length of a generated name, which leaves room for a number.
const MAX_NAME_LEN: usize = 56;

/// Sanitizes the name of an item for display; a name that contains a key is replaced.
pub(super) fn display_name(text: &str) -> String {
    if contains_token(text) {
        "an entry named after a key".to_owned()
    } else {
        sanitize_line(text, MAX_SHOWN_CHARS).into_owned()
    }
}

/// Returns `prefix-text` as a valid name: other characters become hyphens, and long text is cut.
pub(super) fn name(prefix: &str, text: &str) -> Option<Name> {
    let text = if contains_token(text) { "" } else { text };
    let mut result = prefix.to_owned();
    for c in text.chars() {
        if result.len() >= MAX_NAME_LEN {
            break;
        }
        let is_inside = !result.ends_with(['-', '.']) && result.len() > prefix.len();
        if c.is_ascii_alphanumeric() || (matches!(c, '.' | '_') && is_inside) {
            if result.len() == prefix.len() {
                result.push('-');
            }
            result.push(c);
        } else if !result.ends_with('-') {
            result.push('-');
        }
    }
    result.trim_end_matches('-').parse().ok()
}

/// Returns the name, or the name with the first number that makes it unique.
pub(super) fn unique(name: &Name, is_taken: impl Fn(&Name) -> bool) -> Name {
    let numbered = (2..1000_u32).filter_map(|number| format!("{name}-{number}").parse().ok());
    std::iter::once(name.clone())
        .chain(numbered)
        .find(|name| !is_taken(name))
        .unwrap_or_else(|| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_name_becomes_a_valid_name() {
        let key = ["sk-", "ant-", "api03-", &"A".repeat(93), "AA"].concat();
        for (text, expected) in [
            ("default", "claw-default"),
            ("me@example.com", "claw-me-example.com"),
            ("", "claw"),
            ("\u{1b}[31m", "claw-31m"),
            ("-- a  b --", "claw-a-b"),
            ("ä", "claw"),
            ("../../etc", "claw-etc"),
            (key.as_str(), "claw"),
        ] {
            assert_eq!(name("claw", text).unwrap().as_str(), expected, "{text:?}");
        }
        assert!(name("claw", &"x".repeat(500)).unwrap().as_str().len() <= 64);
        assert!(!display_name(&key).contains("AAAA"));
    }

    #[test]
    fn duplicate_name_gets_a_number() {
        let taken: Vec<Name> = ["a", "a-2"]
            .iter()
            .map(|name| name.parse().unwrap())
            .collect();
        let unique = unique(&taken[0], |name| taken.contains(name));
        assert_eq!(unique.as_str(), "a-3");
    }
}
