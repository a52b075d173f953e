//! Core serialises nothing: the published shapes live at the edge, so that no secret and no accident gets out with them.

use super::Finding;
use crate::rust_source::{has_word, shipped_lines};
use crate::tree::Tree;

/// Finds the word `Serialize` in core's shipped code.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .rust()
        .filter(|file| file.path.starts_with("core/src/"))
    {
        for (number, line) in shipped_lines(&file.text) {
            if has_word(line, "Serialize") {
                let advice = "give the type a shape of its own in keyreeve-broker's `view`";
                findings.push(Finding::new(&file.path, number, advice));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn a_derive_in_core_is_found_and_elsewhere_is_not() {
        let derive = "//! x\n#[derive(Serialize)]\npub struct A;\n";
        case::check(check, &[("core/src/a.rs", derive)], &["core/src/a.rs:2"]);
        case::check(check, &[("broker/src/view.rs", derive)], &[]);
        case::check(
            check,
            &[("core/src/a.rs", "//! Serialize\n#[derive(Deserialize)]\n")],
            &[],
        );
    }
}
