//! Each test with a longer timeout in `.config/nextest.toml` exists: a renamed test must not silently lose it.

use std::collections::HashSet;

use super::Finding;
use crate::rust_source::tests;
use crate::tree::Tree;

const CONFIG: &str = ".config/nextest.toml";

/// Finds names in `test(=module::name)` filters that no test has.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let known: HashSet<&str> = tree
        .rust()
        .flat_map(|file| tests(&file.text))
        .map(|test| test.name)
        .collect();
    let mut findings = Vec::new();
    for (index, line) in tree.text(CONFIG).lines().enumerate() {
        for name in named(line).filter(|name| !known.contains(name)) {
            let advice = format!("no test is called `{name}`: use its new name, or remove it");
            findings.push(Finding::new(CONFIG, index + 1, advice));
        }
    }
    findings
}

/// Returns the functions named in a line's `test(=path)` filters.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let filters = line
        .match_indices("test(=")
        .map(|(at, start)| &line[at + start.len()..]);
    filters.filter_map(|rest| rest.split(')').next()?.rsplit("::").next())
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn unknown_test_names_are_found() {
        let config = "[[profile.default.overrides]]\nfilter = '''\n  test(=a::kept) |\n  test(=a::gone)\n'''\n";
        let config = (".config/nextest.toml", config);
        let test = ("x/tests/it/a.rs", "//! x\n#[test]\nfn kept() {}\n");
        case::check(check, &[config, test], &[".config/nextest.toml:4"]);
        let both = (
            "x/tests/it/a.rs",
            "//! x\n#[test]\nfn kept() {}\n#[test]\nfn gone() {}\n",
        );
        case::check(check, &[config, both], &[]);
    }
}
