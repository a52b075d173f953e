//! `cargo xtask long`: tests at full size, against the release build: the load test with 200 clients for a minute, and
//! 1,000 kills.
//!
//! Invariant: each runs the same test as `cargo xtask test`, which is shorter there, so that the two cannot differ.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};

use crate::environment::{self, Scratch};
use crate::output;
use crate::programs::{build, release_keyreeve};

/// A test that is run at full size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LongRun {
    /// 200 clients for a minute against profiles that reach their limits.
    Storm,
    /// 1,000 kills of a gateway under load.
    Kills,
}

/// Variable with the path of the program to test; it also selects the full size of the storm.
const BINARY_VARIABLE: &str = "KEYREEVE_STORM_BINARY";

impl LongRun {
    /// Returns the test's full name and the variable that selects its full size.
    fn test(self, binary: &Path) -> (&'static str, &'static str, String) {
        match self {
            Self::Storm => (
                "storm::storm_loses_nothing_and_starts_no_false_cooldown",
                BINARY_VARIABLE,
                binary.display().to_string(),
            ),
            Self::Kills => (
                "kills::kills_under_load_lose_no_record",
                "KEYREEVE_TEST_KILLS",
                "1000".to_owned(),
            ),
        }
    }
}

/// Builds the program and runs the test.
pub(crate) fn run(root: &Path, long_run: LongRun) -> Result<ExitCode> {
    build(root, &["--release"])?;
    let (test, variable, value) = long_run.test(&release_keyreeve(root));
    let scratch = Scratch::new(&environment::target_dir(root), "long")?;
    let mut command = Command::new("cargo");
    command.args(["test", "--locked", "--quiet", "--package", "keyreeve"]);
    command.args(["--test", "it", "--", "--exact", test, "--nocapture"]);
    environment::scrub(&mut command, &scratch.folder("home")?);
    environment::offline_cargo(&mut command);
    let status = command
        .env(variable, value)
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo test")?;
    Ok(output::exit_code(status.success()))
}
