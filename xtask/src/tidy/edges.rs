//! Crate edges: each of our crates imports only those below it, and outside crates are limited to the crates that may use them.
//!
//! A new edge needs a decision record in `docs/decisions/`, then a line here.

use super::Finding;
use crate::tree::Tree;

/// Our crates, each with those of ours it may import.
const BELOW: &[(&str, &[&str])] = &[
    ("keyreeve-core", &[]),
    ("keyreeve-os", &["keyreeve-core"]),
    ("keyreeve-store", &["keyreeve-core", "keyreeve-os"]),
    (
        "keyreeve-broker",
        &["keyreeve-core", "keyreeve-os", "keyreeve-store"],
    ),
    (
        "keyreeve-gateway",
        &[
            "keyreeve-core",
            "keyreeve-os",
            "keyreeve-store",
            "keyreeve-broker",
        ],
    ),
    (
        "keyreeve",
        &[
            "keyreeve-core",
            "keyreeve-os",
            "keyreeve-store",
            "keyreeve-broker",
            "keyreeve-gateway",
            "keyreeve-sandbox",
        ],
    ),
    ("keyreeve-sandbox", &["keyreeve-core"]),
    ("keyreeve-testkit", &["keyreeve-core", "keyreeve-sandbox"]),
    ("xtask", &[]),
];

/// Outside crates that make a dependency wall, with the crates of ours that may use them. The unpublished crates,
/// testkit and xtask, are exempt.
const WALLS: &[(&[&str], &[&str])] = &[
    (
        &["rusqlite", "argon2", "chacha20poly1305"],
        &["keyreeve-store"],
    ),
    (&["rustix", "getrandom"], &["keyreeve-os"]),
    (
        &["axum", "tower"],
        &["keyreeve-gateway", "keyreeve-sandbox"],
    ),
    (&["socket2"], &["keyreeve-gateway"]),
    (
        &["hyper-rustls", "rustls", "webpki-roots"],
        &["keyreeve-broker"],
    ),
    (
        &["http", "http-body", "http-body-util", "hyper", "hyper-util"],
        &["keyreeve-broker", "keyreeve-gateway", "keyreeve-sandbox"],
    ),
    (
        &["tokio", "tokio-util", "futures-util"],
        &[
            "keyreeve-broker",
            "keyreeve-gateway",
            "keyreeve-sandbox",
            "keyreeve",
        ],
    ),
    (
        &["tracing"],
        &["keyreeve-broker", "keyreeve-gateway", "keyreeve"],
    ),
    (
        &[
            "clap",
            "clap_complete",
            "clap_mangen",
            "inquire",
            "anstream",
            "anstyle",
        ],
        &["keyreeve"],
    ),
    (&["anyhow"], &[]),
    (
        &["csv", "etcetera", "toml", "toml_edit", "tracing-subscriber"],
        &["keyreeve"],
    ),
];

/// Everything core may import: it does no IO, so the list is closed.
const CORE: &[&str] = &[
    "blake3",
    "crc32fast",
    "jiff",
    "jsonc-parser",
    "serde",
    "serde_json",
    "sha2",
    "subtle",
    "thiserror",
    "url",
    "uuid",
    "wildmatch",
    "zeroize",
];

/// The parts of a crate's manifest that the rules read.
pub(super) struct Manifest {
    pub(super) path: String,
    name: String,
    normal: toml::Table,
    dev: toml::Table,
}

impl Manifest {
    /// Parses a member's `Cargo.toml`; returns `None` for other files and the workspace's own.
    pub(super) fn parse(path: &str, text: &str) -> Option<Self> {
        if !path.ends_with("/Cargo.toml") {
            return None;
        }
        let table: toml::Table = toml::from_str(text).ok()?;
        let name = table.get("package")?.get("name")?.as_str()?.to_owned();
        let for_platforms = table.get("target").and_then(toml::Value::as_table);
        let mut places = vec![&table];
        places.extend(
            for_platforms
                .into_iter()
                .flat_map(toml::Table::values)
                .filter_map(toml::Value::as_table),
        );
        let section = |key: &str| -> toml::Table {
            let tables = places.iter().filter_map(|place| place.get(key)?.as_table());
            tables
                .flatten()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        let mut normal = section("dependencies");
        normal.extend(section("build-dependencies"));
        Some(Self {
            path: path.to_owned(),
            name,
            normal,
            dev: section("dev-dependencies"),
        })
    }

    /// The names of all its dependencies, with those of its tests.
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        self.normal.keys().chain(self.dev.keys())
    }

    /// The names of dependencies with a version of their own.
    pub(super) fn own_versions(&self) -> impl Iterator<Item = &String> {
        let own = |(_, value): &(&String, &toml::Value)| value.get("workspace").is_none();
        self.normal
            .iter()
            .chain(self.dev.iter())
            .filter(own)
            .map(|(name, _)| name)
    }
}

/// Finds dependencies that the tables above do not allow.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let Some(manifest) = Manifest::parse(&file.path, &file.text) else {
            continue;
        };
        let normal = manifest
            .normal
            .keys()
            .filter_map(|name| refusal(&manifest.name, name));
        let dev = manifest
            .dev
            .keys()
            .filter_map(|name| dev_refusal(&manifest.name, name));
        findings.extend(
            normal
                .chain(dev)
                .map(|advice| Finding::new(&file.path, 1, advice)),
        );
    }
    findings
}

fn refusal(importer: &str, imported: &str) -> Option<String> {
    let Some((_, below)) = BELOW.iter().find(|(name, _)| *name == importer) else {
        return Some(format!(
            "`{importer}` has no row in xtask/src/tidy/edges.rs"
        ));
    };
    let ours = BELOW.iter().any(|(name, _)| *name == imported);
    if ours {
        let message = format!("`{importer}` may not import `{imported}`: it is not below");
        return (!below.contains(&imported)).then_some(message);
    }
    if importer == "keyreeve-core" && !CORE.contains(&imported) {
        return Some(format!("core does no IO and may not import `{imported}`"));
    }
    if matches!(importer, "keyreeve-testkit" | "xtask") {
        return None;
    }
    let (_, allowed) = WALLS.iter().find(|(names, _)| names.contains(&imported))?;
    let message = format!("`{imported}` may only be used by {}", allowed.join(", "));
    (!allowed.contains(&importer)).then_some(message)
}

/// Tests may use any outside crate, but of ours only those below, and the testkit if they are above its own imports.
fn dev_refusal(importer: &str, imported: &str) -> Option<String> {
    let kit_is_below = !matches!(
        importer,
        "keyreeve-core" | "keyreeve-sandbox" | "keyreeve-testkit"
    );
    if imported == "keyreeve-testkit" && kit_is_below {
        return None;
    }
    let ours = BELOW.iter().any(|(name, _)| *name == imported);
    if ours {
        refusal(importer, imported)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    fn manifest(name: &str, dependencies: &str) -> String {
        format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependencies}\n")
    }

    #[test]
    fn edges_go_down_only() {
        let cases = [
            ("keyreeve-store", "keyreeve-os.workspace = true", true),
            ("keyreeve-store", "keyreeve-broker.workspace = true", false),
            ("keyreeve-sandbox", "keyreeve-os.workspace = true", false),
            (
                "keyreeve-gateway",
                "keyreeve-sandbox.workspace = true",
                false,
            ),
            ("keyreeve", "keyreeve-sandbox.workspace = true", true),
            ("xtask", "keyreeve-core.workspace = true", false),
            ("keyreeve-new", "serde.workspace = true", false),
        ];
        for (name, dependencies, allowed) in cases {
            let text = manifest(name, dependencies);
            let expected: &[&str] = if allowed { &[] } else { &["x/Cargo.toml:1"] };
            case::check(check, &[("x/Cargo.toml", &text)], expected);
        }
    }

    #[test]
    fn walls_keep_outside_crates_in_their_place() {
        let cases = [
            ("keyreeve-core", "tokio", false),
            ("keyreeve-core", "rand", false),
            ("keyreeve-core", "jiff", true),
            ("keyreeve-store", "rusqlite", true),
            ("keyreeve-gateway", "rusqlite", false),
            ("keyreeve-broker", "clap", false),
            ("keyreeve-broker", "axum", false),
            ("keyreeve", "hyper", false),
            ("keyreeve-gateway", "anyhow", false),
            ("keyreeve-testkit", "axum", true),
        ];
        for (name, dependency, allowed) in cases {
            let text = manifest(name, &format!("{dependency}.workspace = true"));
            let expected: &[&str] = if allowed { &[] } else { &["x/Cargo.toml:1"] };
            case::check(check, &[("x/Cargo.toml", &text)], expected);
        }
    }

    #[test]
    fn platforms_and_build_scripts_are_no_way_round() {
        for section in ["build-dependencies", "target.'cfg(unix)'.dependencies"] {
            let text = manifest("keyreeve-core", "").replace("dependencies]", "dependencies-none]")
                + &format!("[{section}]\nrustix.workspace = true\n");
            case::check(check, &[("core/Cargo.toml", &text)], &["core/Cargo.toml:1"]);
        }
    }

    #[test]
    fn tests_may_use_the_kit_but_not_what_is_above() {
        let dev = |name: &str, dependency: &str| {
            manifest(name, "").replace("[dependencies]", "[dev-dependencies]")
                + &format!("{dependency}.workspace = true\n")
        };
        let kit = dev("keyreeve-gateway", "keyreeve-testkit");
        case::check(check, &[("gateway/Cargo.toml", &kit)], &[]);
        let cycle = dev("keyreeve-core", "keyreeve-testkit");
        case::check(
            check,
            &[("core/Cargo.toml", &cycle)],
            &["core/Cargo.toml:1"],
        );
        let above = dev("keyreeve-store", "keyreeve-gateway");
        case::check(
            check,
            &[("store/Cargo.toml", &above)],
            &["store/Cargo.toml:1"],
        );
    }
}
