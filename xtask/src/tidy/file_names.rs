//! A file is named for its subject, never with a name that fits anything (`utils`, `helpers`, `common`).

use super::Finding;
use crate::tree::Tree;

const VAGUE_NAMES: [&str; 8] = [
    "util", "utils", "helper", "helpers", "common", "types", "manager", "service",
];

/// Finds files and folders with such a name.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let is_vague = |path: &str| {
        let path = path.trim_end_matches(".rs");
        path.split('/').any(|word| VAGUE_NAMES.contains(&word))
    };
    tree.rust()
        .filter(|file| is_vague(&file.path))
        .map(|file| Finding::new(&file.path, 1, "name it for its subject"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn vague_names_are_found() {
        case::check(check, &[("core/src/health.rs", "")], &[]);
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
