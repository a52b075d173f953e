//! Each `KEYREEVE_*` variable is spelled out in one file of the product; all others use that constant.

use std::collections::BTreeMap;

use super::Finding;
use crate::rust_source::{is_product, shipped_lines};
use crate::tree::Tree;

const PREFIX: &str = "\"KEYREEVE_";

/// Finds names that are spelled out in more than one file.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut spelled: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
    for file in tree.rust().filter(|file| is_product(&file.path)) {
        for (number, line) in shipped_lines(&file.text) {
            for name in names(line) {
                spelled.entry(name).or_default().push((&file.path, number));
            }
        }
    }
    let mut findings = Vec::new();
    for (name, places) in spelled {
        let (first, _) = places[0];
        for (path, number) in places.iter().filter(|(path, _)| *path != first) {
            findings.push(Finding::new(
                path,
                *number,
                format!("use the constant for {name} in {first}"),
            ));
        }
    }
    findings
}

fn names(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices(PREFIX).filter_map(|(at, _)| {
        let rest = &line[at + 1..];
        let end = rest.find('"')?;
        let name = &rest[..end];
        let plain = name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        (plain && name.len() > PREFIX.len() - 1).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn duplicate_variable_name_is_found() {
        let home = "const HOME: &str = \"KEYREEVE_HOME\";\n";
        let again = "//! x\nlet home = env.get(\"KEYREEVE_HOME\");\n";
        case::check(check, &[("a/src/env.rs", home)], &[]);
        case::check(
            check,
            &[("a/src/env.rs", home), ("b/src/x.rs", again)],
            &["b/src/x.rs:2"],
        );
        case::check(
            check,
            &[("a/src/env.rs", home), ("b/tests/it/x.rs", again)],
            &[],
        );
    }
}
