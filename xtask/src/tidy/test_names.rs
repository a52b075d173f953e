//! A test is named by its subject, in at most 60 characters; ids of the test catalog go into its doc comment.

use super::Finding;
use crate::rust_source::tests;
use crate::tree::Tree;

const MAX_CHARACTERS: usize = 60;

/// The families of ids in `docs/promises.md`.
const FAMILIES: &[&str] = &["bi", "co", "la", "ls", "nf", "pr", "sc", "st", "su", "wa"];

/// Finds test names that are too long or start with an id such as `nf_03_`.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for test in tests(&file.text) {
            let advice = if test.name.len() > MAX_CHARACTERS {
                format!(
                    "`{}` has {} characters, {MAX_CHARACTERS} are allowed",
                    test.name,
                    test.name.len()
                )
            } else if starts_with_id(test.name) {
                format!(
                    "`{}`: name the subject, and put the id into the doc comment",
                    test.name
                )
            } else {
                continue;
            };
            findings.push(Finding::new(&file.path, test.line, advice));
        }
    }
    findings
}

/// Returns `true` for `nf_03_…`: a family of the test catalog and two digits.
fn starts_with_id(name: &str) -> bool {
    let mut words = name.split('_');
    let family = words.next().is_some_and(|word| FAMILIES.contains(&word));
    let number = |word: &str| word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_digit());
    family && words.next().is_some_and(number)
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    fn test(name: &str) -> String {
        format!("//! x\n#[test]\nfn {name}() {{}}\n")
    }

    #[test]
    fn long_names_are_found() {
        case::check(check, &[("a.rs", &test(&"a".repeat(60)))], &[]);
        case::check(check, &[("a.rs", &test(&"a".repeat(61)))], &["a.rs:3"]);
        let helper = format!("//! x\nfn {}() {{}}\n", "a".repeat(61));
        case::check(check, &[("a.rs", &helper)], &[]);
    }

    #[test]
    fn ids_in_names_are_found() {
        case::check(check, &[("a.rs", &test("nf_03_cut"))], &["a.rs:3"]);
        case::check(check, &[("a.rs", &test("st_01"))], &["a.rs:3"]);
        case::check(check, &[("a.rs", &test("is_10_seconds_late"))], &[]);
    }
}
