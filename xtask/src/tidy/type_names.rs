//! A type name means one thing in the whole workspace, and the name of an error type ends in `Error`.

use std::collections::BTreeMap;

use super::Finding;
use crate::rust_source::{has_word, is_product, shipped_lines};
use crate::tree::Tree;

/// Finds public types whose name another file of the product also declares.
pub(super) fn check_unique(tree: &Tree) -> Vec<Finding> {
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

/// Finds types that derive or implement `Error` under another name.
pub(super) fn check_errors(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let mut derives = false;
        for (index, line) in file.text.lines().enumerate() {
            let name = match type_name(line) {
                Some(name) => std::mem::take(&mut derives).then_some(name),
                None => implemented(line),
            };
            if line.trim_start().starts_with("#[derive(") {
                derives = has_word(line, "Error");
            }
            if let Some(name) = name.filter(|name| !name.ends_with("Error")) {
                let advice = format!("`{name}` is an error type: end its name in `Error`");
                findings.push(Finding::new(&file.path, index + 1, advice));
            }
        }
    }
    findings
}

/// Returns the name of the type or trait that a line declares.
fn type_name(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let code = match code.strip_prefix("pub") {
        Some(rest) => rest.trim_start_matches(|c| c != ' ').trim_start(),
        None => code,
    };
    let name = ["struct ", "enum ", "trait ", "union "]
        .iter()
        .find_map(|keyword| code.strip_prefix(keyword))?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (end > 0).then(|| &name[..end])
}

/// Returns the type for which a line implements the standard `Error`.
fn implemented(line: &str) -> Option<&str> {
    let (implementation, name) = line.split_once("Error for ")?;
    let standard = implementation.starts_with("impl") && implementation.ends_with([' ', ':']);
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    standard.then(|| &name[..end])
}

#[cfg(test)]
mod tests {
    use super::super::case::check;
    use super::{check_errors, check_unique};

    #[test]
    fn duplicate_type_name_is_found() {
        let store = ("store/src/a.rs", "//! x\npub struct Scope {\n}\n");
        let core = ("core/src/a.rs", "//! x\npub(crate) enum Scope {\n}\n");
        check(check_unique, &[core, store], &["store/src/a.rs:2"]);
        let private = ("store/src/a.rs", "//! x\nstruct Scope {\n}\n");
        check(check_unique, &[core, private], &[]);
    }

    #[test]
    fn error_types_with_other_names_are_found() {
        let derived =
            "//! x\n#[derive(Debug, Error)]\n#[error(\"x\")]\npub(crate) struct NoResponse;\n";
        check(check_errors, &[("a.rs", derived)], &["a.rs:4"]);
        let path = "//! x\n#[derive(Debug, thiserror::Error)]\npub enum Refused {\n";
        check(check_errors, &[("a.rs", path)], &["a.rs:3"]);
        let by_hand = "//! x\nimpl std::error::Error for Unreadable {}\n";
        check(check_errors, &[("a.rs", by_hand)], &["a.rs:2"]);
    }

    #[test]
    fn named_errors_and_other_types_are_allowed() {
        let text = "//! x\n#[derive(Debug, Error)]\npub enum OpenError {\n}\n#[derive(Debug)]\nstruct Reader;\nimpl ErrorKind for Reader {}\n";
        check(check_errors, &[("a.rs", text)], &[]);
    }
}
