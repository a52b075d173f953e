//! A secret is opened only in the files that `xtask/expose-for.txt` lists, each with its reason.

use super::Finding;
use crate::rust_source::{is_product, shipped_lines};
use crate::tree::Tree;

const LIST: &str = "xtask/expose-for.txt";

/// Finds files that open a secret without being listed, and entries that are not needed.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let listed = listed(tree.text(LIST));
    let mut findings = Vec::new();
    let mut opening = Vec::new();
    for file in tree.rust().filter(|file| is_product(&file.path)) {
        let Some(number) = opens(&file.text) else {
            continue;
        };
        opening.push(&file.path);
        if !listed.iter().any(|(_, path, _)| *path == file.path) {
            let advice = format!(
                "opens a secret: move it to a listed file, or add the file and the reason to {LIST}"
            );
            findings.push(Finding::new(&file.path, number, advice));
        }
    }
    for (number, path, reason) in listed {
        if !opening.iter().any(|open| *open == path) {
            findings.push(Finding::new(
                LIST,
                number,
                format!("{path} opens no secret: remove it"),
            ));
        } else if reason.is_empty() {
            findings.push(Finding::new(
                LIST,
                number,
                format!("add the reason why {path} opens a secret"),
            ));
        }
    }
    findings
}

/// Returns the first line that opens a secret or names a sink for one.
fn opens(text: &str) -> Option<usize> {
    let opening = |line: &str| line.contains("expose_for(") || line.contains("Sink::");
    shipped_lines(text)
        .into_iter()
        .find(|(_, line)| opening(line))
        .map(|(number, _)| number)
}

/// Parses the entries: line number, path, reason.
fn listed(text: &str) -> Vec<(usize, &str, &str)> {
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if !line.is_empty() && !line.starts_with('#') {
            let (path, reason) = line.split_once(' ').unwrap_or((line, ""));
            entries.push((index + 1, path, reason.trim()));
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    const OPENS: &str = "//! x\nlet text = secret.expose_for(Sink::Seal);\n";

    #[test]
    fn unlisted_file_is_found() {
        case::check(
            check,
            &[("store/src/seal.rs", OPENS)],
            &["store/src/seal.rs:2"],
        );
        let list = (
            "xtask/expose-for.txt",
            "# files\nstore/src/seal.rs to seal it\n",
        );
        case::check(check, &[("store/src/seal.rs", OPENS), list], &[]);
        case::check(check, &[("store/tests/it/seal.rs", OPENS)], &[]);
    }

    #[test]
    fn unneeded_and_unexplained_entries_are_found() {
        let unneeded = ("xtask/expose-for.txt", "store/src/seal.rs to seal it\n");
        case::check(check, &[unneeded], &["xtask/expose-for.txt:1"]);
        let unexplained = ("xtask/expose-for.txt", "store/src/seal.rs\n");
        case::check(
            check,
            &[("store/src/seal.rs", OPENS), unexplained],
            &["xtask/expose-for.txt:1"],
        );
    }
}
