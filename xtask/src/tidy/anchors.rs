//! Each cited `docs/facts.md#anchor` is a heading of that page.

use super::Finding;
use crate::tree::Tree;

const CITED: &str = "facts.md#";

/// Finds citations of headings that `docs/facts.md` does not have.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let anchors: Vec<&str> = tree
        .text("docs/facts.md")
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let mut findings = Vec::new();
    for file in tree
        .files
        .iter()
        .filter(|file| !file.path.starts_with("xtask/"))
    {
        for (index, line) in file.text.lines().enumerate() {
            for anchor in cited(line).filter(|anchor| !anchors.contains(anchor)) {
                let advice =
                    format!("docs/facts.md has no heading `{anchor}`: add it or cite another");
                findings.push(Finding::new(&file.path, index + 1, advice));
            }
        }
    }
    findings
}

fn cited(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices(CITED).map(|(at, _)| {
        let rest = &line[at + CITED.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .unwrap_or(rest.len());
        &rest[..end]
    })
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn anchor_without_heading_is_found() {
        let facts = ("docs/facts.md", "# Facts\n## tokens\n");
        case::check(
            check,
            &[facts, ("a.rs", "//! See docs/facts.md#tokens.\n")],
            &[],
        );
        case::check(
            check,
            &[facts, ("a.rs", "//! x\n// docs/facts.md#token, so\n")],
            &["a.rs:2"],
        );
    }
}
