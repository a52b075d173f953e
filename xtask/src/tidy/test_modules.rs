//! Each file under `tests/it/` is declared by its `main.rs` (or the `mod.rs` next to it), so that none is skipped.

use super::Finding;
use crate::tree::{File, Tree};

/// Finds test files that no module declaration reaches.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let Some((parent, module)) = parent_and_module(file) else {
            continue;
        };
        let declaration = format!("mod {module};");
        let declared = tree
            .text(&parent)
            .lines()
            .any(|line| line.trim().ends_with(&declaration));
        if !declared {
            findings.push(Finding::new(
                &file.path,
                1,
                format!("add `{declaration}` to {parent}"),
            ));
        }
    }
    findings
}

/// Returns the file that must declare this one, and the module name; `None` for files outside a test binary.
fn parent_and_module(file: &File) -> Option<(String, &str)> {
    let (crate_path, inside) = file.path.split_once("/tests/it/")?;
    let inside = inside.strip_suffix(".rs")?.trim_end_matches("/mod");
    if inside == "main" {
        return None;
    }
    let root = format!("{crate_path}/tests/it");
    Some(match inside.rsplit_once('/') {
        None => (format!("{root}/main.rs"), inside),
        Some((folder, module)) => (format!("{root}/{folder}/mod.rs"), module),
    })
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn undeclared_file_is_found() {
        let main = ("a/tests/it/main.rs", "//! x\nmod keys;\nmod fault;\n");
        let keys = ("a/tests/it/keys.rs", "//! x\n");
        let fault = ("a/tests/it/fault/mod.rs", "//! x\nmod disk;\n");
        let disk = ("a/tests/it/fault/disk.rs", "//! x\n");
        case::check(check, &[main, keys, fault, disk], &[]);
        let lost = ("a/tests/it/fault/lost.rs", "//! x\n");
        case::check(check, &[main, fault, lost], &["a/tests/it/fault/lost.rs:1"]);
        case::check(
            check,
            &[("a/tests/it/main.rs", "//! x\n"), keys],
            &["a/tests/it/keys.rs:1"],
        );
    }
}
