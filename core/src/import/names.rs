//! Names for imported profiles: valid, telling, and never one for two.

use crate::inert::inert_line;
use crate::profile::Name;
use crate::token::looks_like_a_key;

/// The longest name of something found, as shown.
const LONGEST_SHOWN: usize = 80;

/// Room that a name leaves for what tells it from its like.
const LONGEST: usize = 56;

/// Shows what something is called over there; a name that holds a key is not repeated.
pub(super) fn shown(text: &str) -> String {
    if looks_like_a_key(text) {
        "an entry named by a key".to_owned()
    } else {
        inert_line(text, LONGEST_SHOWN).into_owned()
    }
}

/// Makes `prefix-text` a name: other characters become hyphens, and what is too long is cut.
pub(super) fn name(prefix: &str, text: &str) -> Option<Name> {
    let text = if looks_like_a_key(text) { "" } else { text };
    let mut made = prefix.to_owned();
    for c in text.chars() {
        if made.len() >= LONGEST {
            break;
        }
        let inside = !made.ends_with(['-', '.']) && made.len() > prefix.len();
        if c.is_ascii_alphanumeric() || (matches!(c, '.' | '_') && inside) {
            if made.len() == prefix.len() {
                made.push('-');
            }
            made.push(c);
        } else if !made.ends_with('-') {
            made.push('-');
        }
    }
    made.trim_end_matches('-').parse().ok()
}

/// The name, or the same with a number behind it that none of the taken has.
pub(super) fn free(name: &Name, is_taken: impl Fn(&Name) -> bool) -> Name {
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
    fn whatever_it_is_called_over_there_it_gets_a_name() {
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
        assert!(!shown(&key).contains("AAAA"));
    }

    #[test]
    fn no_name_stands_for_two() {
        let taken: Vec<Name> = ["a", "a-2"]
            .iter()
            .map(|name| name.parse().unwrap())
            .collect();
        let free = free(&taken[0], |name| taken.contains(name));
        assert_eq!(free.as_str(), "a-3");
    }
}
