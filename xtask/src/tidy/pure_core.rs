//! Core does no IO: no file, socket, process, thread, environment or clock, not even behind a flag.

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

/// Finds such names in core's shipped code.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    in_core(tree, |line| {
        let banned = BANNED.iter().find(|banned| line.contains(**banned))?;
        Some(format!(
            "`{banned}` is for keyreeve-os; core takes the value as a parameter"
        ))
    })
}

/// Applies `check` to each line of core's shipped code; the text it returns is the advice.
pub(super) fn in_core(tree: &Tree, check: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .rust()
        .filter(|file| file.path.starts_with("core/src/"))
    {
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
    fn io_names_are_found_in_core_only() {
        for banned in BANNED {
            let text = format!("//! x\nuse {banned};\n");
            case::check(check, &[("core/src/a.rs", &text)], &["core/src/a.rs:2"]);
            case::check(check, &[("os/src/a.rs", &text)], &[]);
        }
        case::check(
            check,
            &[("core/src/a.rs", "//! x\nuse std::net::IpAddr;\n")],
            &[],
        );
    }
}
