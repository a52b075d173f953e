//! Each direct dependency has its row in `docs/dependencies.md`, is used, and takes its version from the workspace; the
//! lock file has at most 330 packages, because each one is code that users must trust.

use super::Finding;
use super::edges::Manifest;
use crate::tree::Tree;

const ROWS: &str = "docs/dependencies.md";
const ROOT: &str = "Cargo.toml";
const LOCK_FILE: &str = "Cargo.lock";
const MAX_PACKAGES: usize = 330;

/// Finds dependencies without a row, rows without a dependency, unused dependencies, and versions outside the root.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let declared = declared(tree.text(ROOT));
    let rows = rows(tree.text(ROWS));
    let manifests: Vec<Manifest> = tree
        .files
        .iter()
        .filter_map(|file| Manifest::parse(&file.path, &file.text))
        .collect();
    let mut findings = Vec::new();
    for name in declared
        .iter()
        .filter(|name| !rows.iter().any(|(_, row)| row == *name))
    {
        let advice = format!("add `{name}` to {ROWS}, with its purpose and maintainer");
        findings.push(Finding::new(ROOT, line_of(tree.text(ROOT), name), advice));
    }
    for (number, name) in rows.iter().filter(|(_, name)| !declared.contains(name)) {
        findings.push(Finding::new(
            ROWS,
            *number,
            format!("`{name}` is not a dependency: remove the row"),
        ));
    }
    for name in &declared {
        if !manifests
            .iter()
            .any(|manifest| manifest.all().any(|used| used == name))
        {
            let advice = format!("no crate uses `{name}`: remove it");
            findings.push(Finding::new(ROOT, line_of(tree.text(ROOT), name), advice));
        }
    }
    for manifest in &manifests {
        for name in manifest.own_versions() {
            let advice = format!("write `{name}.workspace = true`; the version belongs in {ROOT}");
            findings.push(Finding::new(&manifest.path, 1, advice));
        }
    }
    findings
}

/// Finds a lock file that is over the limit.
pub(super) fn check_lock_file(tree: &Tree) -> Vec<Finding> {
    let lines = tree.text(LOCK_FILE).lines();
    let packages = lines.filter(|line| *line == "[[package]]").count();
    let advice = format!(
        "{packages} packages, {MAX_PACKAGES} are allowed: `cargo tree --duplicates` shows where to start"
    );
    let finding = (packages > MAX_PACKAGES).then(|| Finding::new(LOCK_FILE, 1, advice));
    finding.into_iter().collect()
}

/// Returns the names of the workspace's external dependencies.
fn declared(root: &str) -> Vec<String> {
    let table: toml::Table = toml::from_str(root).unwrap_or_default();
    let dependencies = table
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(toml::Value::as_table);
    let Some(dependencies) = dependencies else {
        return Vec::new();
    };
    let external = dependencies
        .iter()
        .filter(|(_, value)| value.get("path").is_none());
    external.map(|(name, _)| name.clone()).collect()
}

/// Returns the rows of the page, with line numbers: table lines that start with a name in backticks.
fn rows(page: &str) -> Vec<(usize, String)> {
    let name = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    page.lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, name(line)?)))
        .collect()
}

fn line_of(text: &str, name: &str) -> usize {
    let starts = |line: &str| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('='))
    };
    text.lines().position(starts).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::{MAX_PACKAGES, check, check_lock_file};

    const ROOT: &str = "[workspace.dependencies]\nown = { path = \"own\" }\nserde = \"1\"\n";
    const USES: &str = "[package]\nname = \"a\"\n[dependencies]\nserde.workspace = true\n";

    #[test]
    fn missing_and_stale_rows_are_found() {
        let files = |page| {
            [
                ("Cargo.toml", ROOT),
                ("a/Cargo.toml", USES),
                ("docs/dependencies.md", page),
            ]
        };
        case::check(
            check,
            &files("| `serde` | reads JSON | its authors |\n"),
            &[],
        );
        case::check(check, &files(""), &["Cargo.toml:3"]);
        case::check(
            check,
            &files("| `serde` | x | y |\n| `gone` | x | y |\n"),
            &["docs/dependencies.md:2"],
        );
    }

    #[test]
    fn unused_dependencies_and_own_versions_are_found() {
        let page = ("docs/dependencies.md", "| `serde` | x | y |\n");
        let unused = "[package]\nname = \"a\"\n[dependencies]\n";
        case::check(
            check,
            &[("Cargo.toml", ROOT), ("a/Cargo.toml", unused), page],
            &["Cargo.toml:3"],
        );
        let own_version = "[package]\nname = \"a\"\n[dependencies]\nserde = \"1\"\n";
        case::check(
            check,
            &[("Cargo.toml", ROOT), ("a/Cargo.toml", own_version), page],
            &["a/Cargo.toml:1"],
        );
    }

    #[test]
    fn one_package_too_many_is_found() {
        for (packages, found) in [
            (MAX_PACKAGES, &[][..]),
            (MAX_PACKAGES + 1, &["Cargo.lock:1"]),
        ] {
            let lock_file = "[[package]]\n".repeat(packages);
            case::check(check_lock_file, &[("Cargo.lock", &lock_file)], found);
        }
    }
}
