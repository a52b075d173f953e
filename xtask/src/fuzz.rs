//! `cargo xtask long fuzz [SECONDS]`: runs each fuzz target of core for a bounded time.
//!
//! A target is built with the flags of libFuzzer and nightly Rust, so that no other tool is needed. Inputs that are
//! found are kept in cargo's target directory and are the start of the next run.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::environment::{self, Scratch};
use crate::output;

/// The targets in `core/fuzz`.
const TARGETS: [&str; 1] = ["peek"];

/// Time for each target, in seconds, if none is given.
const DEFAULT_SECONDS: u32 = 60;

const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Flags that make a program report the branches it takes to libFuzzer.
const COVERAGE: &str = "--cfg fuzzing -Cdebug-assertions -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Builds and runs all targets, for the given time each.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<ExitCode> {
    let seconds = match arguments {
        [] => DEFAULT_SECONDS,
        [seconds] => seconds.parse().context("the time is a number of seconds")?,
        _ => bail!("give at most one time, in seconds"),
    };
    let folder = environment::target_dir(root).join("fuzz");
    let scratch = Scratch::new(&environment::target_dir(root), "fuzz-home")?;
    let home = scratch.folder("home")?;
    build(root, &folder, &home)?;
    for target in TARGETS {
        let corpus = folder.join("corpus").join(target);
        std::fs::create_dir_all(&corpus)?;
        let mut command = Command::new(folder.join(PLATFORM).join("release").join(target));
        environment::scrub(&mut command, &home);
        let status = command
            .arg(&corpus)
            .arg(format!("-max_total_time={seconds}"))
            .args(["-max_len=2048", "-print_final_stats=1"])
            .arg(format!(
                "-dict={}",
                root.join("core/fuzz/json.dict").display()
            ))
            .current_dir(&folder)
            .stdin(Stdio::null())
            .status()
            .with_context(|| format!("cannot run {target}"))?;
        ensure!(status.success(), "{target} found an input: see above");
    }
    Ok(output::exit_code(true))
}

/// Builds the targets, which are a workspace of their own.
fn build(root: &Path, folder: &Path, home: &Path) -> Result<()> {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "build", "--locked", "--release"]);
    command
        .args(["--target", PLATFORM, "--target-dir"])
        .arg(folder);
    environment::scrub(&mut command, home);
    environment::offline_cargo(&mut command);
    let status = command
        .env_remove("RUSTUP_TOOLCHAIN")
        .env("CARGO_NET_OFFLINE", "false")
        .env("RUSTFLAGS", COVERAGE)
        .current_dir(root.join("core/fuzz"))
        .stdin(Stdio::null())
        .status()
        .context("cannot run rustup; nightly Rust is needed: rustup toolchain install nightly")?;
    ensure!(status.success(), "the fuzz targets were not built");
    Ok(())
}
