//! `cargo xtask storm`: the load test at full size, with 200 clients for a minute, against the release build.
//!
//! Invariant: it runs the same test as `cargo xtask test`, which uses a shorter duration, so that the two cannot
//! differ.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};

use crate::environment::{self, Scratch};
use crate::output;
use crate::programs::{build, release_keyreeve};

/// Full name of the test.
const TEST: &str = "storm::storm_loses_nothing_and_starts_no_false_cooldown";
/// Variable with the path of the program to test; it also selects the full size.
const BINARY_VARIABLE: &str = "KEYREEVE_STORM_BINARY";

/// Builds the program and runs the test, which fails if a request is lost, answered twice or left hanging, or if a
/// cooldown starts without a reason.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    build(root, &["--release"])?;
    let scratch = Scratch::new(&environment::target_dir(root), "storm")?;
    let mut command = Command::new("cargo");
    command.args(["test", "--locked", "--quiet", "--package", "keyreeve"]);
    command.args(["--test", "it", "--", "--exact", TEST, "--nocapture"]);
    environment::scrub(&mut command, &scratch.folder("home")?);
    environment::offline_cargo(&mut command);
    let status = command
        .env(BINARY_VARIABLE, release_keyreeve(root))
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo test")?;
    Ok(output::exit_code(status.success()))
}
