//! A file has at most 600 lines. Clippy holds the limit for functions (`too-many-lines-threshold`).

use super::Finding;
use crate::tree::Tree;

const MAX_FILE_LINES: usize = 600;
/// The recommended maximum; longer files are noted.
pub(super) const RECOMMENDED_FILE_LINES: usize = 400;

/// Finds files over the limit.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
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
    use super::super::case;
    use super::check;

    #[test]
    fn long_files_are_found() {
        case::check(check, &[("a.rs", &"//! x\n".repeat(600))], &[]);
        case::check(check, &[("a.rs", &"//! x\n".repeat(601))], &["a.rs:1"]);
    }
}
