//! `cargo xtask bench`: cost of the gateway, as a ratio to nginx in the same run, and latency of short commands.
//!
//! The machine may be shared and noisy, so no figure here is asserted.

pub(crate) mod account;
mod command;
pub(crate) mod gateway;
pub(crate) mod instructions;
mod keyreeve_helper;
mod process;
mod statusline;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};

use crate::environment::Scratch;
use crate::programs::build;
use crate::{environment, output};

/// Runs all benchmarks and prints the results.
pub(crate) fn run(root: &Path) -> Result<()> {
    gateway::run(root, &gateway::Options::parse(&[])?)?;
    keyreeve_helper::run(root)?;
    statusline::run(root)
}

/// Measures only `keyreeve helper`, which needs no other program.
pub(crate) fn run_helper(root: &Path) -> Result<()> {
    build(root, &["--release"])?;
    keyreeve_helper::run(root)
}

/// Measures only `keyreeve statusline`, which needs no other program.
pub(crate) fn run_statusline(root: &Path) -> Result<()> {
    build(root, &["--release"])?;
    statusline::run(root)
}

/// Measures only the store, by a test that is ignored otherwise: SQL and file formats never leave its crate.
pub(crate) fn run_store(root: &Path) -> Result<ExitCode> {
    run_ignored_test(root, "keyreeve-store", "costs::in_child_print_costs")
}

/// Measures only the scanner of request bodies, next to what it replaced.
pub(crate) fn run_scan(root: &Path) -> Result<ExitCode> {
    run_ignored_test(root, "keyreeve-core", "costs::print_scan_times")
}

/// Runs an ignored test of a crate in release mode.
fn run_ignored_test(root: &Path, package: &str, test: &str) -> Result<ExitCode> {
    let scratch = Scratch::new(&environment::target_dir(root), "bench-test")?;
    let mut command = Command::new("cargo");
    command.args([
        "test",
        "--locked",
        "--quiet",
        "--release",
        "--package",
        package,
    ]);
    command.args([
        "--test",
        "it",
        "--",
        "--exact",
        test,
        "--ignored",
        "--nocapture",
    ]);
    environment::scrub(&mut command, &scratch.folder("home")?);
    environment::offline_cargo(&mut command);
    let status = command
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo test")?;
    Ok(output::exit_code(status.success()))
}
