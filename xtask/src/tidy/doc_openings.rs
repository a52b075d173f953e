//! A doc comment starts with a verb or a noun phrase, never with a relative or question word ("What …", "Whether …").

use super::Finding;
use crate::tree::Tree;

const HEADLESS: &[&str] = &[
    "What", "Whatever", "Who", "Whoever", "Whose", "Whom", "Whether", "How", "Where", "Wherever",
    "Why", "Which", "None", "Nobody", "Somebody", "That",
];

/// Finds the first lines of paragraphs in `//!` and `///` that start with such a word.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let mut previous = None;
        for (index, line) in file.text.lines().enumerate() {
            let paragraph = paragraph(line);
            if paragraph.map(|(marker, _)| marker) != previous
                && let Some(word) = paragraph.and_then(|(_, text)| headless(text))
            {
                let advice = format!(
                    "starts with `{word}`: start with a verb (\"Returns …\") or a noun phrase"
                );
                findings.push(Finding::new(&file.path, index + 1, advice));
            }
            previous = paragraph.map(|(marker, _)| marker);
        }
    }
    findings
}

/// Returns a doc line's marker and text, or `None` for an empty doc line and for any other line.
fn paragraph(line: &str) -> Option<(&str, &str)> {
    let (marker, text) = line.trim_start().split_at_checked(3)?;
    let text = text.trim();
    (matches!(marker, "//!" | "///") && !text.is_empty()).then_some((marker, text))
}

fn headless(text: &str) -> Option<&'static str> {
    let word = text.split(|c: char| !c.is_alphanumeric()).next()?;
    HEADLESS.iter().find(|headless| **headless == word).copied()
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::{HEADLESS, check};

    #[test]
    fn headless_doc_lines_are_found() {
        for word in HEADLESS {
            let text = format!("//! Counts.\n/// {word} is counted.\nfn count() {{}}\n");
            case::check(check, &[("a.rs", &text)], &["a.rs:2"]);
        }
        let module = "//! How it is counted.\n";
        case::check(check, &[("a.rs", module)], &["a.rs:1"]);
    }

    #[test]
    fn later_lines_and_code_are_allowed() {
        let text = "//! Counts, and says\n//! What it means.\n// What for: speed.\nenum E { What }\n/// Whole numbers.\n";
        case::check(check, &[("a.rs", text)], &[]);
    }
}
