//! Prose in documents is wrapped at 120 columns; tables, code, headings and quotes are not.

use super::Finding;
use crate::tree::Tree;

const MAX_COLUMNS: usize = 120;

/// Finds longer lines that could be wrapped.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.documents() {
        for (number, line) in file.lines_outside_code() {
            if is_prose(line) && line.chars().count() > MAX_COLUMNS {
                let advice = format!("wrap this line at {MAX_COLUMNS} columns");
                findings.push(Finding::new(&file.path, number, advice));
            }
        }
    }
    findings
}

/// Returns `false` for tables, headings and quotes, and for a line that is one long word.
fn is_prose(line: &str) -> bool {
    let text = line.trim_start();
    !text.starts_with(['|', '#', '>']) && text.trim_start_matches("- ").contains(' ')
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn long_prose_is_found() {
        let long = "a word ".repeat(20);
        case::check(check, &[("a.md", &long)], &["a.md:1"]);
        case::check(check, &[("a.md", &format!("- {long}"))], &["a.md:1"]);
        case::check(check, &[("a.md", &long[..119])], &[]);
    }

    #[test]
    fn tables_code_and_headings_may_be_long() {
        let long = "a word ".repeat(20);
        for start in ["| ", "# ", "> "] {
            case::check(check, &[("a.md", &format!("{start}{long}"))], &[]);
        }
        case::check(check, &[("a.md", &format!("```\n{long}\n```\n"))], &[]);
        case::check(check, &[("a.rs", &long)], &[]);
    }
}
