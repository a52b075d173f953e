//! A file is named for its subject, never by a name that fits everything (`utils`, `helpers`, `common`).

use super::Finding;
use crate::tree::Tree;

const EMPTY_NAMES: [&str; 8] = [
    "util", "utils", "helper", "helpers", "common", "types", "manager", "service",
];

/// Finds files and folders with such a name.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let says_nothing = |path: &str| {
        let path = path.trim_end_matches(".rs");
        path.split('/').any(|word| EMPTY_NAMES.contains(&word))
    };
    tree.rust()
        .filter(|file| says_nothing(&file.path))
        .map(|file| Finding::new(&file.path, 1, "name it for its subject"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn a_name_tells_the_subject() {
        case::check(check, &[("core/src/standing.rs", "")], &[]);
        case::check(
            check,
            &[
                ("core/src/utils.rs", ""),
                ("core/src/common/mod.rs", ""),
                ("core/src/commons.rs", ""),
            ],
            &["core/src/common/mod.rs:1", "core/src/utils.rs:1"],
        );
    }
}
