//! `cargo xtask storm`: the storm of the tests in full, 200 clients for a minute, against the release build.
//!
//! Invariant: it is the test that `cargo xtask test` plays in a short form, so that the two cannot differ.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};

use crate::scratch::Scratch;
use crate::{bench, environment};

/// The test, and the variable that has it played in full with the program that it names.
const TEST: &str = "storm::fault_storm_loses_nothing_doubles_nothing_and_rests_nobody_for_nothing";
const BINARY: &str = "KEYREEVE_STORM_BINARY";

/// Builds, plays it, and fails where something was lost, double, hung or rested for nothing.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    bench::build(root)?;
    let target = environment::target(root);
    let scratch = Scratch::new(&target, "storm")?;
    let mut command = Command::new("cargo");
    command.args(["test", "--locked", "--quiet", "--package", "keyreeve"]);
    command.args(["--test", "it", "--", "--exact", TEST, "--nocapture"]);
    environment::scrub(&mut command, &scratch.folder("home")?);
    environment::offline_cargo(&mut command);
    let status = command
        .env(BINARY, target.join("release/keyreeve"))
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .context("run cargo test")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
