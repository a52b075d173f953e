//! No file names the machine it was written on, nor a package registry.

use super::{Finding, in_lines};
use crate::tree::Tree;

/// Package registries, which belong in the settings of the package manager, and the home of the superuser. Assembled
/// from parts, so that this file passes its own rule.
const BANNED: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("registry.npm", "js.org"),
    concat!("registry.yarn", "pkg.com"),
    concat!("files.python", "hosted.org"),
    concat!("pypi", ".org/simple"),
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("deb.", "debian.org"),
];

/// Finds such names, and the path of this checkout.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let here = tree.root.to_string_lossy();
    let deep_enough = here.matches('/').count() > 1;
    let banned: Vec<&str> = BANNED
        .iter()
        .copied()
        .chain(deep_enough.then_some(&*here))
        .collect();
    in_lines(&tree.files, |line| {
        let named = banned.iter().find(|banned| line.contains(**banned))?;
        Some(format!(
            "names `{named}`: take it from the environment or leave it out"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::{BANNED, check};

    #[test]
    fn checkout_path_and_registries_are_found() {
        case::check(
            check,
            &[("a.toml", "x = \"/srv/checkouts/keyreeve/target\"\n")],
            &["a.toml:1"],
        );
        for banned in BANNED {
            case::check(
                check,
                &[("a.toml", &format!("x\ny = \"{banned}\"\n"))],
                &["a.toml:2"],
            );
        }
        case::check(check, &[("a.toml", "x = \"/home/you/project\"\n")], &[]);
    }
}
