//! A type name means one thing in the whole workspace: no two public types share a name.

use std::collections::BTreeMap;

use super::Finding;
use super::error_names::type_name;
use crate::rust_source::{is_product, shipped_lines};
use crate::tree::Tree;

/// Finds public types whose name another file of the product also declares.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut named: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
    for file in tree.rust().filter(|file| is_product(&file.path)) {
        for (number, line) in shipped_lines(&file.text) {
            if let Some(name) = type_name(line).filter(|_| line.starts_with("pub")) {
                named.entry(name).or_default().push((&file.path, number));
            }
        }
    }
    let mut findings = Vec::new();
    for (name, places) in named {
        let (first, _) = places[0];
        for (path, number) in &places[1..] {
            let advice = format!("`{name}` is already a type in {first}: choose another name");
            findings.push(Finding::new(path, *number, advice));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn duplicate_type_name_is_found() {
        let store = ("store/src/a.rs", "//! x\npub struct Scope {\n}\n");
        let core = ("core/src/a.rs", "//! x\npub(crate) enum Scope {\n}\n");
        case::check(check, &[core, store], &["store/src/a.rs:2"]);
        let private = ("store/src/a.rs", "//! x\nstruct Scope {\n}\n");
        case::check(check, &[core, private], &[]);
    }
}
