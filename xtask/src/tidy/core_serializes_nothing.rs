//! Core and the resolver serialize nothing: published shapes live in the broker, so that no secret is published by
//! accident.

use super::Finding;
use super::pure_core::lines_below;
use crate::rust_source::has_word;
use crate::tree::Tree;

/// Finds the word `Serialize` in core's shipped code and the resolver's.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    lines_below(tree, &["core/src/", "resolver/src/"], |line| {
        let advice = "give the type its own shape in keyreeve-broker's `wire`";
        has_word(line, "Serialize").then(|| advice.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn serialize_derive_is_found_in_core_only() {
        let derive = "//! x\n#[derive(Serialize)]\npub struct A;\n";
        case::check(check, &[("core/src/a.rs", derive)], &["core/src/a.rs:2"]);
        let rule = ("resolver/src/rules/a.rs", derive);
        case::check(check, &[rule], &["resolver/src/rules/a.rs:2"]);
        case::check(check, &[("broker/src/wire.rs", derive)], &[]);
        case::check(
            check,
            &[("core/src/a.rs", "//! Serialize\n#[derive(Deserialize)]\n")],
            &[],
        );
    }
}
