//! The kinds of faults in `docs/faults.md`: each is named by a test when it is fixed.

use std::collections::HashSet;

use crate::rust_source::tests;
use crate::tree::Tree;

const PAGE: &str = "docs/faults.md";

/// Returns the rows of the page whose id is in no test's doc comment: the id and the kind.
pub(super) fn untested(tree: &Tree) -> Vec<(String, String)> {
    let product = tree.rust().filter(|file| !file.path.starts_with("xtask/"));
    let docs: HashSet<&str> = product
        .flat_map(|file| tests(&file.text))
        .flat_map(|test| test.docs)
        .flat_map(|doc| doc.split(|c: char| !c.is_ascii_alphanumeric() && c != '-'))
        .collect();
    let rows = tree.text(PAGE).lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| F-")?.split('|').map(str::trim);
        Some((format!("F-{}", cells.next()?), cells.next()?.to_owned()))
    });
    rows.filter(|(id, _)| !docs.contains(id.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::untested;
    use crate::tree::tree;

    #[test]
    fn kinds_without_a_test_are_listed() {
        let page = "| id | kind |\n|---|---|\n| F-00 | led away |\n| F-07 | places |\n";
        let test = "//! x\n/// F-00: the file is named.\n#[test]\nfn named() {}\n";
        let tree = tree(&[("docs/faults.md", page), ("a/tests/it/x.rs", test)]);
        let found = untested(&tree);
        assert_eq!(found, [("F-07".to_owned(), "places".to_owned())]);
    }
}
