//! Each Rust file opens with `//!`: its purpose, then its invariants.

use super::Finding;
use crate::tree::Tree;

/// Finds files whose first line is not a doc sentence.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let lacks_header = |text: &str| {
        let first = text.lines().next().unwrap_or_default();
        first
            .strip_prefix("//! ")
            .is_none_or(|sentence| sentence.trim().is_empty())
    };
    tree.rust()
        .filter(|file| lacks_header(&file.text))
        .map(|file| {
            Finding::new(
                &file.path,
                1,
                "open with `//!` and the purpose of the file in one sentence",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn missing_header_is_found() {
        case::check(check, &[("a.rs", "//! Counts.\n")], &[]);
        case::check(
            check,
            &[("a.rs", "use std::fmt;\n//! Counts.\n")],
            &["a.rs:1"],
        );
        case::check(
            check,
            &[("a.rs", "//! \n"), ("b.rs", "")],
            &["a.rs:1", "b.rs:1"],
        );
    }
}
