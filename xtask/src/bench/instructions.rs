//! `cargo xtask bench instructions`: instructions that parts of a request take, counted by valgrind. Unlike times, they
//! are the same on a busy machine.
//!
//! Each part is a test of core that is ignored otherwise. It runs twice, with different numbers of repetitions, and the
//! difference is free of what the test itself costs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::environment::{self, Scratch};
use crate::output;

/// The parts, by their tests in `core/tests/it/costs.rs`.
const PARTS: [&str; 6] = [
    "scan_of_1_kb",
    "scan_of_200_kb",
    "meter_of_one_stream",
    "verdict_on_a_429",
    "injection_of_an_api_key",
    "selection_among_three_profiles",
];

/// Repetitions of the first run, and of the second.
const REPEATS: [u64; 2] = [10, 30];

/// Counts the instructions of each part and prints them.
pub(crate) fn run(root: &Path) -> Result<()> {
    ensure!(
        environment::find_program("valgrind").is_some(),
        "valgrind is not installed; run: apt-get install valgrind"
    );
    let scratch = Scratch::new(&environment::target_dir(root), "bench-instructions")?;
    let home = scratch.folder("home")?;
    let tests = build(root, &home)?;
    for part in PARTS {
        let [few, many] = REPEATS.map(|repeats| count(&tests, &home, part, repeats));
        let instructions = (many? - few?) / (REPEATS[1] - REPEATS[0]);
        output::print_line(format_args!("{part:<32} {instructions:>9}"));
    }
    Ok(())
}

/// Builds core's tests in release mode, and returns the program.
fn build(root: &Path, home: &Path) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.args([
        "test",
        "--locked",
        "--release",
        "--no-run",
        "--package",
        "keyreeve-core",
    ]);
    command.args([
        "--test",
        "it",
        "--message-format",
        "json-render-diagnostics",
    ]);
    environment::scrub(&mut command, home);
    environment::offline_cargo(&mut command);
    let output = command
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo test")?;
    ensure!(output.status.success(), "cargo test failed");
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    };
    let lines = String::from_utf8_lossy(&output.stdout);
    lines
        .lines()
        .find_map(executable)
        .context("cargo test built no program")
}

/// Runs a test under valgrind, and returns the instructions of the whole program.
fn count(tests: &Path, home: &Path, part: &str, repeats: u64) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(tests);
    command.args([
        "--exact",
        &format!("costs::{part}"),
        "--ignored",
        "--test-threads",
        "1",
    ]);
    environment::scrub(&mut command, home);
    let output = command
        .env("KEYREEVE_COST_REPEATS", repeats.to_string())
        .stdin(Stdio::null())
        .output()
        .context("cannot run valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{part} failed under valgrind: {text}"
    );
    let collected = text
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .context("valgrind printed no count")?;
    collected
        .1
        .trim()
        .parse()
        .context("valgrind printed no number")
}
