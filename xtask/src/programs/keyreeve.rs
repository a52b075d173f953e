//! The program under test: `keyreeve`, built from this repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::environment;

/// Builds the program under test.
pub(crate) fn build(root: &Path) -> Result<()> {
    let mut command = Command::new("cargo");
    command
        .args(["build", "--locked", "--quiet", "--package", "keyreeve"])
        .current_dir(root);
    let status = command.status().context("cannot run cargo build")?;
    ensure!(status.success(), "keyreeve failed to build");
    Ok(())
}

/// Returns the path of the program under test.
pub(crate) fn keyreeve(root: &Path) -> PathBuf {
    environment::target_dir(root).join("debug").join("keyreeve")
}
