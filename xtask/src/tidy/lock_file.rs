//! The lock file has at most 330 packages: each one is code that users must trust.

use super::Finding;
use crate::tree::Tree;

const MAX_PACKAGES: usize = 330;

/// Finds a lock file that is over the limit.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let packages = tree
        .text("Cargo.lock")
        .lines()
        .filter(|line| *line == "[[package]]")
        .count();
    if packages <= MAX_PACKAGES {
        return Vec::new();
    }
    let advice = format!(
        "{packages} packages, {MAX_PACKAGES} are allowed: `cargo tree --duplicates` shows where to start"
    );
    vec![Finding::new("Cargo.lock", 1, advice)]
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::{MAX_PACKAGES, check};

    #[test]
    fn one_package_too_many_is_found() {
        case::check(
            check,
            &[("Cargo.lock", &"[[package]]\n".repeat(MAX_PACKAGES))],
            &[],
        );
        case::check(
            check,
            &[("Cargo.lock", &"[[package]]\n".repeat(MAX_PACKAGES + 1))],
            &["Cargo.lock:1"],
        );
    }
}
