//! A promise stands once; one that is said to hold names its tests, and each test it names is there.
//!
//! `docs/promises.md` writes a test's id as in `NF-03`; the test's own name begins with it, `nf_03_…`.

use std::collections::HashSet;

use super::Finding;
use crate::tree::{File, Tree};

const PAGE: &str = "docs/promises.md";

/// Finds promises that stand twice, and ids of tests that nobody has written in rows that say a promise holds.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let (mut findings, mut promised) = (Vec::new(), HashSet::new());
    for (index, line) in tree.text(PAGE).lines().enumerate() {
        let Some(row) = line.strip_prefix("| P") else {
            continue;
        };
        let mut cells = row.split('|');
        if !promised.insert(cells.next()) {
            let advice = "this promise stands here twice: say it once".to_owned();
            findings.push(Finding::new(PAGE, index + 1, advice));
        }
        let holds = cells.nth(1).unwrap_or_default();
        for id in ids(holds) {
            let function = format!("fn {}_", id.to_lowercase().replace('-', "_"));
            let written =
                |file: &&File| !file.path.starts_with("xtask/") && file.text.contains(&function);
            if tree.rust().find(written).is_none() {
                let advice = format!(
                    "no test `{function}…`: write it, or move {id} to what does not hold yet"
                );
                findings.push(Finding::new(PAGE, index + 1, advice));
            }
        }
    }
    findings
}

/// The ids in a cell: two capital letters, a hyphen, two digits.
fn ids(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
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

    #[test]
    fn a_named_test_must_exist() {
        let page = "| # | promise | holds | not yet |\n|---|---|---|---|\n| P1 | one place | NF-03, PR-01 | SU-01 |\n";
        let both = "//! x\nfn nf_03_cut() {}\nasync fn pr_01_scan() {}\n";
        case::check(
            check,
            &[("docs/promises.md", page), ("a/tests/it/x.rs", both)],
            &[],
        );
        let one = "//! x\nfn nf_03_cut() {}\n";
        case::check(
            check,
            &[("docs/promises.md", page), ("a/tests/it/x.rs", one)],
            &["docs/promises.md:3"],
        );
    }

    #[test]
    fn a_promise_stands_once() {
        let page = "| P1 | one place | | |\n| P2 | another | | |\n| P1 | one place | | |\n";
        case::check(
            check,
            &[("docs/promises.md", page)],
            &["docs/promises.md:3"],
        );
    }
}
