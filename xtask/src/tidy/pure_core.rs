//! Core and the resolver's rules do no IO: no file, socket, process, thread, environment or clock, not even behind a flag.

use super::Finding;
use crate::rust_source::shipped_lines;
use crate::tree::Tree;

const BANNED: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::net::Tcp",
    "std::net::Udp",
    "ToSocketAddrs",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
];

/// The folders of pure code.
const PURE: [&str; 2] = ["core/src/", "resolver/src/rules/"];

/// The module of keyreeve-os that holds plain values, which pure code may use.
const VALUES: &str = "keyreeve_os::environment";

/// Finds such names in the shipped code of the pure folders.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    lines_below(tree, &PURE, |line| {
        let is_os = line.contains("keyreeve_os::") && !line.contains(VALUES);
        let banned = BANNED.iter().find(|banned| line.contains(**banned));
        let banned = banned.or_else(|| is_os.then_some(&"keyreeve_os"))?;
        Some(format!("`{banned}` does IO; take the value as a parameter"))
    })
}

/// Applies `check` to each line of the shipped code in these folders; the text it returns is the advice.
pub(super) fn lines_below(
    tree: &Tree,
    folders: &[&str],
    check: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_below = |path: &str| folders.iter().any(|folder| path.starts_with(folder));
    for file in tree.rust().filter(|file| is_below(&file.path)) {
        for (number, line) in shipped_lines(&file.text) {
            if let Some(advice) = check(line) {
                findings.push(Finding::new(&file.path, number, advice));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::{BANNED, check};

    #[test]
    fn io_names_are_found_in_pure_code_only() {
        for banned in BANNED {
            let text = format!("//! x\nuse {banned};\n");
            case::check(check, &[("core/src/a.rs", &text)], &["core/src/a.rs:2"]);
            let rules = "resolver/src/rules/a.rs";
            case::check(check, &[(rules, &text)], &["resolver/src/rules/a.rs:2"]);
            case::check(check, &[("resolver/src/machine/a.rs", &text)], &[]);
            case::check(check, &[("os/src/a.rs", &text)], &[]);
        }
        case::check(
            check,
            &[("core/src/a.rs", "//! x\nuse std::net::IpAddr;\n")],
            &[],
        );
    }

    #[test]
    fn rules_may_use_the_values_of_os_only() {
        let uses = |name: &str| format!("//! x\nuse keyreeve_os::{name};\n");
        let rules = "resolver/src/rules/a.rs";
        let found = uses("file_system::FileSystem");
        case::check(check, &[(rules, &found)], &["resolver/src/rules/a.rs:2"]);
        case::check(check, &[(rules, &uses("environment::Environment"))], &[]);
    }
}
