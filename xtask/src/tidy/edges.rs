//! Crate edges: a workspace crate imports only lower ones, and external crates are limited to the ones that need them.
//!
//! A new edge needs a decision record in `docs/decisions/`, then a line here.

use super::Finding;
use crate::tree::Tree;

/// The crates of the workspace, each with the ones it may import.
const LAYERS: &[(&str, &[&str])] = &[
    ("keyreeve-core", &[]),
    ("keyreeve-os", &["keyreeve-core"]),
    ("keyreeve-resolver", &["keyreeve-core", "keyreeve-os"]),
    ("keyreeve-store", &["keyreeve-core", "keyreeve-os"]),
    (
        "keyreeve-broker",
        &[
            "keyreeve-core",
            "keyreeve-os",
            "keyreeve-resolver",
            "keyreeve-store",
        ],
    ),
    (
        "keyreeve-gateway",
        &[
            "keyreeve-core",
            "keyreeve-os",
            "keyreeve-resolver",
            "keyreeve-store",
            "keyreeve-broker",
        ],
    ),
    (
        "keyreeve",
        &[
            "keyreeve-core",
            "keyreeve-os",
            "keyreeve-resolver",
            "keyreeve-store",
            "keyreeve-broker",
            "keyreeve-gateway",
            "keyreeve-sandbox",
        ],
    ),
    ("keyreeve-sandbox", &["keyreeve-core"]),
    ("keyreeve-testkit", &["keyreeve-core", "keyreeve-sandbox"]),
    ("keyreeve-bench", &[]),
    ("xtask", &[]),
];

/// External crates that only these crates of the workspace may use. The unpublished crates, testkit, bench and
/// xtask, are exempt.
const RESTRICTED: &[(&[&str], &[&str])] = &[
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

/// The only external crates that core may import, because it does no IO.
const CORE_IMPORTS: &[&str] = &[
    "blake3",
    "crc32fast",
    "fearless_simd",
    "jiff",
    "memchr",
    "serde",
    "serde_json",
    "sha2",
    "simdutf8",
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
    /// Parses a member's `Cargo.toml`; returns `None` for other files, for the workspace's own, and for fuzz targets,
    /// which are a workspace of their own.
    pub(super) fn parse(path: &str, text: &str) -> Option<Self> {
        if !path.ends_with("/Cargo.toml") {
            return None;
        }
        let table: toml::Table = toml::from_str(text).ok()?;
        if table.contains_key("workspace") {
            return None;
        }
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

    /// Returns the names of all dependencies, including dev-dependencies.
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        self.normal.keys().chain(self.dev.keys())
    }

    /// Returns the names of dependencies whose version is not the workspace's.
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
            .filter_map(|name| violation(&manifest.name, name));
        let dev = manifest
            .dev
            .keys()
            .filter_map(|name| dev_violation(&manifest.name, name));
        findings.extend(
            normal
                .chain(dev)
                .map(|advice| Finding::new(&file.path, 1, advice)),
        );
    }
    findings
}

fn violation(importer: &str, imported: &str) -> Option<String> {
    let Some((_, lower)) = LAYERS.iter().find(|(name, _)| *name == importer) else {
        return Some(format!(
            "`{importer}` has no row in xtask/src/tidy/edges.rs"
        ));
    };
    let is_workspace_crate = LAYERS.iter().any(|(name, _)| *name == imported);
    if is_workspace_crate {
        let message = format!("`{importer}` may not import `{imported}`: only lower crates");
        return (!lower.contains(&imported)).then_some(message);
    }
    if importer == "keyreeve-core" && !CORE_IMPORTS.contains(&imported) {
        return Some(format!("core does no IO and may not import `{imported}`"));
    }
    if matches!(importer, "keyreeve-testkit" | "keyreeve-bench" | "xtask") {
        return None;
    }
    let (_, allowed) = RESTRICTED
        .iter()
        .find(|(names, _)| names.contains(&imported))?;
    let message = format!("`{imported}` may only be used by {}", allowed.join(", "));
    (!allowed.contains(&importer)).then_some(message)
}

/// Tests may use any external crate, lower crates of the workspace, and the testkit unless it imports their crate.
fn dev_violation(importer: &str, imported: &str) -> Option<String> {
    let may_use_testkit = !matches!(
        importer,
        "keyreeve-core" | "keyreeve-sandbox" | "keyreeve-testkit"
    );
    if imported == "keyreeve-testkit" && may_use_testkit {
        return None;
    }
    let is_workspace_crate = LAYERS.iter().any(|(name, _)| *name == imported);
    if is_workspace_crate {
        violation(importer, imported)
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
    fn upward_imports_are_found() {
        let cases = [
            ("keyreeve-store", "keyreeve-os.workspace = true", true),
            ("keyreeve-store", "keyreeve-broker.workspace = true", false),
            (
                "keyreeve-store",
                "keyreeve-resolver.workspace = true",
                false,
            ),
            ("keyreeve-resolver", "keyreeve-os.workspace = true", true),
            (
                "keyreeve-resolver",
                "keyreeve-store.workspace = true",
                false,
            ),
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
    fn restricted_crates_are_found() {
        let cases = [
            ("keyreeve-core", "tokio", false),
            ("keyreeve-core", "rand", false),
            ("keyreeve-core", "jiff", true),
            ("keyreeve-store", "rusqlite", true),
            ("keyreeve-resolver", "rusqlite", false),
            ("keyreeve-resolver", "tokio", false),
            ("keyreeve-resolver", "hyper", false),
            ("keyreeve-gateway", "rusqlite", false),
            ("keyreeve-broker", "clap", false),
            ("keyreeve-broker", "axum", false),
            ("keyreeve", "hyper", false),
            ("keyreeve-gateway", "anyhow", false),
            ("keyreeve-testkit", "axum", true),
            ("keyreeve-bench", "hyper", true),
            ("keyreeve-bench", "keyreeve-core", false),
        ];
        for (name, dependency, allowed) in cases {
            let text = manifest(name, &format!("{dependency}.workspace = true"));
            let expected: &[&str] = if allowed { &[] } else { &["x/Cargo.toml:1"] };
            case::check(check, &[("x/Cargo.toml", &text)], expected);
        }
    }

    #[test]
    fn platform_and_build_dependencies_are_checked() {
        for section in ["build-dependencies", "target.'cfg(unix)'.dependencies"] {
            let text = manifest("keyreeve-core", "").replace("dependencies]", "dependencies-none]")
                + &format!("[{section}]\nrustix.workspace = true\n");
            case::check(check, &[("core/Cargo.toml", &text)], &["core/Cargo.toml:1"]);
        }
    }

    #[test]
    fn tests_may_use_the_testkit_and_lower_crates() {
        let dev = |name: &str, dependency: &str| {
            manifest(name, "").replace("[dependencies]", "[dev-dependencies]")
                + &format!("{dependency}.workspace = true\n")
        };
        let testkit = dev("keyreeve-gateway", "keyreeve-testkit");
        case::check(check, &[("gateway/Cargo.toml", &testkit)], &[]);
        let cycle = dev("keyreeve-core", "keyreeve-testkit");
        case::check(
            check,
            &[("core/Cargo.toml", &cycle)],
            &["core/Cargo.toml:1"],
        );
        let upward = dev("keyreeve-store", "keyreeve-gateway");
        case::check(
            check,
            &[("store/Cargo.toml", &upward)],
            &["store/Cargo.toml:1"],
        );
    }
}
