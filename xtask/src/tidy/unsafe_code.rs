//! Each crate root forbids unsafe code; only keyreeve-os may contain any.

use super::Finding;
use crate::tree::Tree;

const FORBID: &str = "#![forbid(unsafe_code)]";

/// Finds crate roots without the attribute.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let is_root = |path: &str| {
        let mut parts = path.split('/');
        let (folder, source, file) = (parts.next(), parts.next(), parts.next());
        let named = matches!(file, Some("lib.rs" | "main.rs"));
        folder != Some("os") && source == Some("src") && named && parts.next().is_none()
    };
    tree.rust()
        .filter(|file| is_root(&file.path) && !file.text.lines().any(|line| line == FORBID))
        .map(|file| {
            Finding::new(
                &file.path,
                1,
                format!("add `{FORBID}`; unsafe code belongs in keyreeve-os"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    #[test]
    fn crate_root_without_forbid_is_found() {
        case::check(
            check,
            &[("core/src/lib.rs", "//! x\n#![forbid(unsafe_code)]\n")],
            &[],
        );
        case::check(
            check,
            &[("core/src/lib.rs", "//! x\n")],
            &["core/src/lib.rs:1"],
        );
        case::check(
            check,
            &[("os/src/lib.rs", "//! x\n"), ("a/src/b/main.rs", "//! x\n")],
            &[],
        );
    }
}
