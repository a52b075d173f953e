//! Constants have the standard affixes: `MAX_*`, `MIN_*`, `DEFAULT_*`, `*_TIMEOUT`, `*_INTERVAL`.

use super::{Finding, in_lines};
use crate::tree::Tree;

/// First words that replace one of the affixes.
const BANNED: &[(&str, &str)] = &[
    ("MOST", "MAX_…"),
    ("LONGEST", "MAX_…"),
    ("LARGEST", "MAX_…"),
    ("DEEPEST", "MAX_…_DEPTH"),
    ("WIDEST", "MAX_…_WIDTH"),
    ("DEAREST", "MAX_…"),
    ("SHORTEST", "MIN_…"),
    ("NARROWEST", "MIN_…_WIDTH"),
    ("USUAL", "DEFAULT_…"),
    ("PATIENCE", "…_TIMEOUT"),
    ("RIDE", "…_DELAY"),
    ("REST", "…_INTERVAL"),
    ("APART", "…_INTERVAL"),
];

/// Finds constants and statics whose name starts with such a word, or ends in `PATIENCE`.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    in_lines(tree.rust(), |line| {
        let name = constant(line)?;
        let instead = banned(name)?;
        Some(format!("`{name}`: name it {instead}"))
    })
}

fn constant(line: &str) -> Option<&str> {
    let words = line.trim_start().split([' ', ':']);
    let mut words = words.skip_while(|word| word.starts_with("pub") || word.ends_with(')'));
    matches!(words.next(), Some("const" | "static"))
        .then(|| words.next())
        .flatten()
}

fn banned(name: &str) -> Option<&'static str> {
    let first = name.split('_').next()?;
    if name.ends_with("_PATIENCE") {
        return Some("…_TIMEOUT");
    }
    BANNED
        .iter()
        .find(|(word, _)| *word == first)
        .map(|(_, instead)| *instead)
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::{BANNED, check};

    #[test]
    fn banned_prefixes_are_found() {
        for (word, _) in BANNED {
            let text = format!(
                "//! x\npub(super) const {word}_LINES: usize = 1;\nconst {word}: usize = 1;\n"
            );
            case::check(check, &[("a.rs", &text)], &["a.rs:2", "a.rs:3"]);
        }
        case::check(
            check,
            &[("a.rs", "//! x\nstatic LOCK_PATIENCE: u8 = 1;\n")],
            &["a.rs:2"],
        );
    }

    #[test]
    fn standard_names_are_allowed() {
        let text =
            "//! x\nconst MAX_LINES: usize = 1;\nconst fn most() {}\npub const RESTART: u8 = 1;\n";
        case::check(check, &[("a.rs", text)], &[]);
    }
}
