//! The project rules that no compiler or linter checks.
//!
//! Invariants: each rule is one function from a [`Tree`] to findings, with tests that show it fail. The rules run as
//! `cargo xtask tidy` and as a test of this crate, from the same list.

mod anchors;
mod clippy_lists;
mod constant_names;
mod core_serializes_nothing;
mod cycles;
mod dependencies;
mod doc_openings;
mod edges;
mod env_names;
mod expose_for;
mod faults;
mod machine_paths;
mod promises;
mod prose_width;
mod pure_core;
mod slow_tests;
mod source_files;
mod test_modules;
mod test_names;
mod token_strings;
mod type_names;
mod unsafe_code;
mod wording;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::output;
use crate::tree::{File, Tree};

/// A violation of a rule: its location and what to do.
#[derive(Debug)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    advice: String,
}

impl Finding {
    fn new(path: &str, line: usize, advice: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            rule: "",
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: {}",
            self.path, self.line, self.rule, self.advice
        )
    }
}

type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

const RULES: &[Rule] = &[
    ("anchors", anchors::check),
    ("clippy-lists", clippy_lists::check),
    ("constant-names", constant_names::check),
    ("core-serializes-nothing", core_serializes_nothing::check),
    ("cycles", cycles::check),
    ("dependencies", dependencies::check),
    ("doc-openings", doc_openings::check),
    ("edges", edges::check),
    ("env-names", env_names::check),
    ("error-names", type_names::check_errors),
    ("expose-for", expose_for::check),
    ("file-names", source_files::check_names),
    ("headers", source_files::check_headers),
    ("lock-file", dependencies::check_lock_file),
    ("machine-paths", machine_paths::check),
    ("promises", promises::check),
    ("prose-width", prose_width::check),
    ("pure-core", pure_core::check),
    ("sizes", source_files::check_sizes),
    ("slow-tests", slow_tests::check),
    ("test-modules", test_modules::check),
    ("test-names", test_names::check),
    ("token-strings", token_strings::check),
    ("type-names", type_names::check_unique),
    ("unsafe-code", unsafe_code::check),
    ("wording", wording::check),
];

/// Runs every rule over the repository at `root` and prints the findings.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let tree = Tree::read(root)?;
    for (path, lines) in source_files::long_files(&tree) {
        output::print_line(format_args!(
            "note: {path} has {lines} lines; aim for at most {}",
            source_files::RECOMMENDED_FILE_LINES
        ));
    }
    for (id, kind) in faults::untested(&tree) {
        output::print_line(format_args!("note: no test names {id}: {kind}"));
    }
    let findings = findings(&tree);
    for finding in &findings {
        output::print_line(finding);
    }
    let found = findings.len();
    output::print_line(format_args!(
        "tidy: {} rules over {} files, {found} findings",
        RULES.len(),
        tree.files.len()
    ));
    Ok(output::exit_code(findings.is_empty()))
}

fn findings(tree: &Tree) -> Vec<Finding> {
    let named = |&(rule, check): &Rule| {
        check(tree)
            .into_iter()
            .map(move |finding| Finding { rule, ..finding })
    };
    RULES.iter().flat_map(named).collect()
}

/// Applies `check` to each line of the files; the text it returns is the advice.
fn in_lines<'a>(
    files: impl IntoIterator<Item = &'a File>,
    check: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            let advice = check(line);
            findings.extend(advice.map(|advice| Finding::new(&file.path, index + 1, advice)));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_is_tidy() {
        let tree = Tree::read(&crate::root()).expect("read the repository");
        let found: Vec<String> = findings(&tree).iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "cargo xtask tidy:\n{}", found.join("\n"));
    }

    #[test]
    fn finding_is_printed_as_location_rule_and_advice() {
        let finding = Finding {
            rule: "headers",
            ..Finding::new("a.rs", 1, "open with //!")
        };
        assert_eq!(finding.to_string(), "a.rs:1: headers: open with //!");
    }
}

/// The harness of the rules' tests.
#[cfg(test)]
mod case {
    use super::{Finding, Tree};
    use crate::tree::tree;

    /// Runs one rule over the files and compares the locations it reports, written `path:line`.
    pub(super) fn check(
        rule: fn(&Tree) -> Vec<Finding>,
        files: &[(&str, &str)],
        expected: &[&str],
    ) {
        let found: Vec<String> = rule(&tree(files))
            .iter()
            .map(|finding| format!("{}:{}", finding.path, finding.line))
            .collect();
        assert_eq!(found, expected, "over {files:?}");
    }
}
