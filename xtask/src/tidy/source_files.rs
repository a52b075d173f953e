//! A Rust file is named for its subject, opens with `//!` and its purpose, and has at most 600 lines.
//!
//! Clippy holds the limit for functions (`too-many-lines-threshold`).

use super::Finding;
use crate::tree::Tree;

const VAGUE_NAMES: [&str; 8] = [
    "util", "utils", "helper", "helpers", "common", "types", "manager", "service",
];

const MAX_FILE_LINES: usize = 600;
/// The recommended maximum; longer files are noted.
pub(super) const RECOMMENDED_FILE_LINES: usize = 400;

/// Finds files and folders with a name that fits anything.
pub(super) fn check_names(tree: &Tree) -> Vec<Finding> {
    let is_vague = |path: &str| {
        let path = path.trim_end_matches(".rs");
        path.split('/').any(|word| VAGUE_NAMES.contains(&word))
    };
    tree.rust()
        .filter(|file| is_vague(&file.path))
        .map(|file| Finding::new(&file.path, 1, "name it for its subject"))
        .collect()
}

/// Finds files whose first line is not a doc sentence.
pub(super) fn check_headers(tree: &Tree) -> Vec<Finding> {
    let has_header = |text: &str| {
        let first = text.lines().next().unwrap_or_default();
        let sentence = first.strip_prefix("//! ").unwrap_or_default();
        !sentence.trim().is_empty()
    };
    let advice = "open with `//!` and the purpose of the file in one sentence";
    tree.rust()
        .filter(|file| !has_header(&file.text))
        .map(|file| Finding::new(&file.path, 1, advice))
        .collect()
}

/// Finds files over the limit.
pub(super) fn check_sizes(tree: &Tree) -> Vec<Finding> {
    let advice =
        |lines| format!("the file has {lines} lines, {MAX_FILE_LINES} are allowed: split it");
    measured(tree)
        .filter(|(_, lines)| *lines > MAX_FILE_LINES)
        .map(|(path, lines)| Finding::new(path, 1, advice(lines)))
        .collect()
}

/// Lists the files that are longer than recommended, though within the limit.
pub(super) fn long_files(tree: &Tree) -> Vec<(&str, usize)> {
    measured(tree)
        .filter(|(_, lines)| (RECOMMENDED_FILE_LINES + 1..=MAX_FILE_LINES).contains(lines))
        .collect()
}

fn measured(tree: &Tree) -> impl Iterator<Item = (&str, usize)> {
    tree.rust()
        .map(|file| (file.path.as_str(), file.text.lines().count()))
}

#[cfg(test)]
mod tests {
    use super::super::case::check;
    use super::{check_headers, check_names, check_sizes};

    #[test]
    fn vague_names_are_found() {
        check(check_names, &[("core/src/health.rs", "")], &[]);
        check(
            check_names,
            &[
                ("core/src/utils.rs", ""),
                ("core/src/common/mod.rs", ""),
                ("core/src/commons.rs", ""),
            ],
            &["core/src/common/mod.rs:1", "core/src/utils.rs:1"],
        );
    }

    #[test]
    fn missing_header_is_found() {
        check(check_headers, &[("a.rs", "//! Counts.\n")], &[]);
        check(
            check_headers,
            &[("a.rs", "use std::fmt;\n//! Counts.\n")],
            &["a.rs:1"],
        );
        check(
            check_headers,
            &[("a.rs", "//! \n"), ("b.rs", "")],
            &["a.rs:1", "b.rs:1"],
        );
    }

    #[test]
    fn long_files_are_found() {
        check(check_sizes, &[("a.rs", &"//! x\n".repeat(600))], &[]);
        check(
            check_sizes,
            &[("a.rs", &"//! x\n".repeat(601))],
            &["a.rs:1"],
        );
    }
}
