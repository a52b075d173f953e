//! A file has at most 600 lines, a function at most 60; the exceptions in `xtask/tidy-exceptions.txt` may only shrink.

use super::Finding;
use super::exceptions::{Exception, LIST, read};
use crate::rust_source::{functions, is_test_file, shipped_lines};
use crate::tree::Tree;

const MAX_FILE_LINES: usize = 600;
/// The recommended maximum; longer files are noted.
pub(super) const RECOMMENDED_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 60;

/// Finds files and functions over their limit, and exceptions that allow more than is used.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let exceptions = read(tree.text(LIST));
    let mut findings = Vec::new();
    let mut used = vec![0; exceptions.len()];
    for subject in subjects(tree) {
        let entry = exceptions
            .iter()
            .position(|exception| exception.subject == subject.name);
        let allowed = entry.map_or(subject.limit, |at| exceptions[at].lines);
        if let Some(at) = entry {
            used[at] = subject.lines;
        }
        if subject.lines > allowed {
            let advice = format!(
                "{} has {} lines, {allowed} are allowed: split it",
                subject.name, subject.lines
            );
            findings.push(Finding::new(subject.path, subject.line, advice));
        }
    }
    let unneeded = exceptions
        .iter()
        .zip(used)
        .filter(|(exception, used)| *used < exception.lines);
    findings.extend(unneeded.map(|(exception, used)| shrink(exception, used)));
    findings
}

/// Lists the files that are longer than recommended, though within the limit.
pub(super) fn long_files(tree: &Tree) -> Vec<(&str, usize)> {
    let measured = tree
        .rust()
        .map(|file| (file.path.as_str(), file.text.lines().count()));
    measured
        .filter(|(_, lines)| (RECOMMENDED_FILE_LINES + 1..=MAX_FILE_LINES).contains(lines))
        .collect()
}

fn shrink(exception: &Exception<'_>, used: usize) -> Finding {
    let advice = format!(
        "`{}` has {used} lines now: lower the number, or remove the line",
        exception.subject
    );
    Finding::new(LIST, exception.line, advice)
}

/// A file or function with a size limit: a file by its path, a function as `path::name`.
struct Subject<'a> {
    path: &'a str,
    line: usize,
    name: String,
    lines: usize,
    limit: usize,
}

fn subjects(tree: &Tree) -> Vec<Subject<'_>> {
    let mut subjects = Vec::new();
    for file in tree.rust() {
        let path = file.path.as_str();
        let lines = file.text.lines().count();
        subjects.push(Subject {
            path,
            line: 1,
            name: path.to_owned(),
            lines,
            limit: MAX_FILE_LINES,
        });
        if is_test_file(path) {
            continue;
        }
        for function in functions(&shipped_lines(&file.text)) {
            let name = format!("{path}::{}", function.name);
            let (line, lines) = (function.line, function.lines);
            subjects.push(Subject {
                path,
                line,
                name,
                lines,
                limit: MAX_FUNCTION_LINES,
            });
        }
    }
    subjects
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    fn function(lines: usize) -> String {
        format!(
            "//! x\nfn long() {{\n{}}}\n",
            "    work();\n".repeat(lines - 2)
        )
    }

    #[test]
    fn long_files_are_found() {
        case::check(check, &[("a.rs", &"//! x\n".repeat(600))], &[]);
        case::check(check, &[("a.rs", &"//! x\n".repeat(601))], &["a.rs:1"]);
    }

    #[test]
    fn long_functions_are_found_but_not_in_tests() {
        case::check(check, &[("a.rs", &function(60))], &[]);
        case::check(check, &[("a.rs", &function(61))], &["a.rs:2"]);
        case::check(check, &[("a/tests/it/x.rs", &function(61))], &[]);
    }

    #[test]
    fn exceptions_may_only_shrink() {
        let allowed = ("xtask/tidy-exceptions.txt", "a.rs::long 61 one table\n");
        case::check(check, &[("a.rs", &function(61)), allowed], &[]);
        case::check(check, &[("a.rs", &function(62)), allowed], &["a.rs:2"]);
        case::check(
            check,
            &[("a.rs", &function(59)), allowed],
            &["xtask/tidy-exceptions.txt:1"],
        );
        case::check(check, &[allowed], &["xtask/tidy-exceptions.txt:1"]);
    }
}
