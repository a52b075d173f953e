//! `core/clippy.toml` replaces the root's for that crate, so it must repeat every line of it.

use super::Finding;
use crate::tree::Tree;

const CORE: &str = "core/clippy.toml";

/// Finds bans and settings of the root's list that core's list lacks.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let core: Vec<&str> = tree.text(CORE).lines().map(subject).collect();
    tree.text("clippy.toml")
        .lines()
        .map(subject)
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !core.contains(line))
        .map(|line| {
            Finding::new(
                CORE,
                1,
                format!("repeat `{line}` of the root's clippy.toml"),
            )
        })
        .collect()
}

/// Returns the part of a line that must match: the banned path without the reason, which may differ for the crate.
fn subject(line: &str) -> &str {
    let line = line.trim();
    line.split_once(", reason").map_or(line, |(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    const ROOT: &str = "x = 1\nlist = [\n  { path = \"std::env::var\", reason = \"a\" },\n]\n";

    #[test]
    fn ban_missing_in_core_is_found() {
        let same = ROOT.replace("\"a\"", "\"b\"");
        case::check(
            check,
            &[("clippy.toml", ROOT), ("core/clippy.toml", &same)],
            &[],
        );
        let without = ROOT.replace("std::env::var", "std::env::vars");
        case::check(
            check,
            &[("clippy.toml", ROOT), ("core/clippy.toml", &without)],
            &["core/clippy.toml:1"],
        );
    }
}
