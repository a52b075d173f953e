//! No file contains a string in the full shape of a token: secret scanners would report it, and one day it may be real.

use super::{Finding, in_lines};
use crate::tree::Tree;

const FAMILIES: &[&str] = &["api", "oat", "ort", "admin"];
const MIN_BODY_LENGTH: usize = 60;

/// Finds a family's prefix followed by 60 or more token characters.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let advice = "looks like a whole token: assemble it from parts, and revoke it if it is real";
    in_lines(&tree.files, |line| {
        contains_token(line).then(|| advice.to_owned())
    })
}

fn contains_token(line: &str) -> bool {
    line.match_indices("sk-ant-").any(|(at, prefix)| {
        let rest = &line[at + prefix.len()..];
        let body = FAMILIES.iter().find_map(|family| rest.strip_prefix(family));
        body.is_some_and(|body| {
            body.bytes().take_while(|byte| is_token_byte(*byte)).count() >= MIN_BODY_LENGTH
        })
    })
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn whole_tokens_are_found_and_parts_are_not() {
        for family in ["api03", "oat01", "ort01", "admin01"] {
            let whole = format!("key = \"sk-ant-{family}-{}\"\n", "A".repeat(93));
            case::check(check, &[("a.md", &whole)], &["a.md:1"]);
            let part = format!("key = \"sk-ant-{family}-{}\"\n", "A".repeat(40));
            case::check(check, &[("a.md", &part)], &[]);
        }
        case::check(
            check,
            &[("a.rs", "concat!(\"sk-ant-api03-\", \"A\")\n")],
            &[],
        );
    }
}
