//! A promise is listed once; one that holds names its tests, and each test it names exists.
//!
//! `docs/promises.md` names a test by its catalog id (`NF-03`); the test's doc comment contains that id.

use std::collections::HashSet;

use super::Finding;
use crate::rust_source::tests;
use crate::tree::Tree;

const PAGE: &str = "docs/promises.md";

/// Finds promises that are listed twice, and ids of tests that no test's doc comment has.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let tested = tested(tree);
    let (mut findings, mut promised) = (Vec::new(), HashSet::new());
    for (index, line) in tree.text(PAGE).lines().enumerate() {
        let Some(row) = line.strip_prefix("| P") else {
            continue;
        };
        let mut cells = row.split('|');
        if !promised.insert(cells.next()) {
            let advice = "this promise is listed twice: keep one row".to_owned();
            findings.push(Finding::new(PAGE, index + 1, advice));
        }
        let holds = cells.nth(1).unwrap_or_default();
        for id in ids(holds).filter(|id| !tested.contains(id)) {
            let advice = format!(
                "no test has {id} in its doc comment: write it, or move {id} to the last column"
            );
            findings.push(Finding::new(PAGE, index + 1, advice));
        }
    }
    findings
}

/// Returns the ids in the doc comments of all tests.
fn tested(tree: &Tree) -> HashSet<&str> {
    let product = tree.rust().filter(|file| !file.path.starts_with("xtask/"));
    let docs = product
        .flat_map(|file| tests(&file.text))
        .flat_map(|test| test.docs);
    docs.flat_map(ids).collect()
}

/// Returns the ids in a text: two capital letters, a hyphen, two digits.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter(|word| {
            let (letters, digits) = word.split_once('-').unwrap_or_default();
            let capital =
                letters.len() == 2 && letters.bytes().all(|byte| byte.is_ascii_uppercase());
            capital && digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    const HEAD: &str = "| # | promise | holds | not yet |\n|---|---|---|---|\n";

    #[test]
    fn promise_without_its_test_is_found() {
        let page = format!("{HEAD}| P1 | one place | NF-03, PR-01 | SU-01 |\n");
        let page = ("docs/promises.md", page.as_str());
        let cut = "//! x\n/// NF-03: cut.\n#[test]\nfn cut() {}\n";
        let both = format!("{cut}/// PR-01: scan.\n#[tokio::test]\nasync fn scan() {{}}\n");
        case::check(check, &[page, ("a/tests/it/x.rs", &both)], &[]);
        case::check(
            check,
            &[page, ("a/tests/it/x.rs", cut)],
            &["docs/promises.md:3"],
        );
        let not_a_test = format!("{cut}/// PR-01: scan.\nfn scan() {{}}\n");
        case::check(
            check,
            &[page, ("a/tests/it/x.rs", &not_a_test)],
            &["docs/promises.md:3"],
        );
    }

    #[test]
    fn duplicate_promise_is_found() {
        let page = "| P1 | one place | | |\n| P2 | another | | |\n| P1 | one place | | |\n";
        case::check(
            check,
            &[("docs/promises.md", page)],
            &["docs/promises.md:3"],
        );
    }
}
