//! The cases of the tests: files in `tests/cases`, in which tokens are written `{{api03:A}}`.

use std::fs;
use std::path::{Path, PathBuf};

/// Expands tokens, which are assembled here so that no file contains one.
pub(crate) fn expand_tokens(value: &str) -> String {
    let Some((before, rest)) = value.split_once("{{") else {
        return value.to_owned();
    };
    let (token, after) = rest.split_once("}}").unwrap();
    let (family, letter) = token.split_once(':').unwrap();
    let token = match family {
        "gateway" => letter.repeat(48),
        family => format!("sk-ant-{family}-{}AA", letter.repeat(93)),
    };
    format!("{before}{token}{}", expand_tokens(after))
}

/// Returns the folder with the cases of one area.
pub(crate) fn folder(area: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(area)
}

/// Returns the folders of all cases of one area.
pub(crate) fn folders(area: &str) -> Vec<PathBuf> {
    entries(&folder(area))
}

/// Returns the files and folders in a folder, sorted.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

#[expect(
    clippy::disallowed_methods,
    reason = "the cases are files, and the rules themselves read none"
)]
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| format!("{}: {error}", path.display()))
}
