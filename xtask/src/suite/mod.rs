//! `cargo xtask test`: all tests, and at the end a list of those that were skipped.
//!
//! Invariants: a test that cannot run is counted as skipped, never as passed; the last line is the summary; nothing
//! runs with the caller's home or credentials.

mod debian;

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::environment::{self, Scratch};
use crate::output::Outcome;
use crate::tally::Tally;
use crate::{clients, conformance, output};

/// Variable with the path of the file to which a test that cannot run appends `SKIPPED name: reason`.
const SKIPS_FILE_VARIABLE: &str = "KEYREEVE_SKIPS_FILE";

/// Runs everything and prints the summary.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let nextest = has_nextest();
    output::print_line(
        "1. the tests of every crate, with cargo nextest if installed, else with cargo test",
    );
    output::print_line("2. the examples in the documentation");
    output::print_line("3. real clients through the gateway, on a network with only loopback");
    output::print_line(
        "4. requests of real clients, compared with the predictions of keyreeve status",
    );
    debian::install_missing();
    fetch(root)?;

    let scratch = Scratch::new(&environment::target_dir(root), "test")?;
    let mut suite = Suite {
        root,
        scratch,
        tally: Tally::default(),
    };
    if nextest {
        suite.run_tests("tests", nextest_command())?;
    } else {
        suite.run_tests("tests", cargo_test("--all-targets"))?;
    }
    suite.run_tests("documentation examples", cargo_test("--doc"))?;
    suite.read_skips_file();
    suite.add_outcomes("real clients", clients::outcomes(root));
    suite.add_outcomes(
        "conformance",
        conformance::outcomes(root, &conformance::CaseFilter::Share),
    );
    output::print_line("");
    Ok(suite.tally.report())
}

fn nextest_command() -> Command {
    let mut command = Command::new("cargo");
    command.args([
        "nextest",
        "run",
        "--workspace",
        "--locked",
        "--color",
        "never",
    ]);
    command.args(["--status-level", "slow", "--final-status-level", "skip"]);
    command
}

fn cargo_test(kind: &str) -> Command {
    let mut command = Command::new("cargo");
    command.args([
        "test",
        "--workspace",
        "--locked",
        "--no-fail-fast",
        "--color",
        "never",
        kind,
    ]);
    command
}

fn has_nextest() -> bool {
    let mut command = Command::new("cargo");
    command
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Fetches the dependencies in the lock file with the caller's settings; nothing accesses a registry afterwards.
fn fetch(root: &Path) -> Result<()> {
    let status = Command::new("cargo")
        .args(["fetch", "--locked", "--quiet"])
        .current_dir(root)
        .status()?;
    ensure!(status.success(), "cargo fetch --locked failed");
    Ok(())
}

/// One run of all tests.
struct Suite<'a> {
    root: &'a Path,
    scratch: Scratch,
    tally: Tally,
}

impl Suite<'_> {
    /// Runs a test command, prints its output, and counts its tests.
    fn run_tests(&mut self, name: &str, mut command: Command) -> Result<()> {
        output::print_line(format_args!("\n== {name}"));
        environment::scrub(&mut command, &self.scratch.folder("home")?);
        environment::offline_cargo(&mut command);
        let (reader, writer) = io::pipe()?;
        command
            .current_dir(self.root)
            .env(SKIPS_FILE_VARIABLE, self.scratch.file("skips"))
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start the {name}"))?;
        // It holds the ends to write to: reading would not end.
        drop(command);
        let failed_before = self.tally.failed();
        for line in BufReader::new(reader).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            output::print_line(&line);
            self.tally.read_line(&line);
        }
        let status = child.wait()?;
        if !status.success() && self.tally.failed() == failed_before {
            self.tally.add_failure(&format!(
                "{name}: the command failed without reporting a failed test"
            ));
        }
        Ok(())
    }

    /// Counts outcomes that cargo does not report.
    fn add_outcomes(&mut self, name: &str, outcomes: Result<Vec<Outcome>>) {
        match outcomes {
            Ok(outcomes) => outcomes
                .into_iter()
                .for_each(|outcome| self.tally.add(outcome)),
            Err(error) => self.tally.add_failure(&format!("{name}: {error:#}")),
        }
    }

    /// Counts the tests that skipped themselves.
    fn read_skips_file(&mut self) {
        let lines = fs::read_to_string(self.scratch.file("skips")).unwrap_or_default();
        self.tally.add_skips(&lines);
    }
}
