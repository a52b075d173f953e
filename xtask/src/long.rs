//! `cargo xtask long NAME`: a test of the suite at full size, against the release build.
//!
//! Invariant: it runs the same test as `cargo xtask test`, which uses a smaller size, so that the two cannot differ.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::environment::{self, Scratch};
use crate::output;
use crate::programs::{build, release_keyreeve};

/// A test with a full size.
struct LongTest {
    name: &'static str,
    /// Full name of the test in the suite.
    test: &'static str,
    /// Variables that select the full size.
    size: &'static [(&'static str, &'static str)],
    /// Variable with the path of the program to test.
    binary_variable: &'static str,
}

const TESTS: [LongTest; 2] = [
    LongTest {
        name: "storm",
        test: "storm::storm_loses_nothing_and_starts_no_false_cooldown",
        size: &[],
        binary_variable: "KEYREEVE_STORM_BINARY",
    },
    LongTest {
        name: "kills",
        test: "kills::kills_at_random_instants_lose_no_record",
        size: &[("KEYREEVE_KILLS", "1000")],
        binary_variable: "KEYREEVE_KILLS_BINARY",
    },
];

/// Builds the program and runs the test of this name.
pub(crate) fn run(root: &Path, name: &str) -> Result<ExitCode> {
    let Some(test) = TESTS.iter().find(|test| test.name == name) else {
        let names = TESTS.map(|test| test.name).join(", ");
        bail!("no long test is called {name}: the names are {names}");
    };
    build(root, &["--release"])?;
    let scratch = Scratch::new(&environment::target_dir(root), test.name)?;
    let mut command = Command::new("cargo");
    command.args(["test", "--locked", "--quiet", "--package", "keyreeve"]);
    command.args(["--test", "it", "--", "--exact", test.test, "--nocapture"]);
    environment::scrub(&mut command, &scratch.folder("home")?);
    environment::offline_cargo(&mut command);
    let status = command
        .envs(test.size.iter().copied())
        .env(test.binary_variable, release_keyreeve(root))
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo test")?;
    Ok(output::exit_code(status.success()))
}
