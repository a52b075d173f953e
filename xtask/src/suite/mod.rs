//! `cargo xtask test`: every test there is, and at the end what did not run, by name.
//!
//! Invariants: a test that could not run is counted as skipped and never as passed; the last line is the count; nothing
//! runs with the caller's own home or credentials.

mod debian;
mod tally;

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::scratch::Scratch;
use crate::{clients, conformance, environment, say};
pub(crate) use tally::Tally;

/// The variable that names the file to which a test that cannot run appends `SKIPPED name: reason`.
const SKIPS_FILE: &str = "KEYREEVE_SKIPS_FILE";

/// Which of a command's two streams is read for counts; the other goes to the terminal untouched.
#[derive(Clone, Copy)]
enum Reads {
    Stdout,
    Stderr,
}

/// Runs everything and prints the count.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let nextest = has_nextest();
    say::line(
        "1. the tests of every crate, by cargo nextest where it is installed, else by cargo test",
    );
    say::line("2. the examples in the documentation");
    say::line("3. real clients through the gateway, on a network that has loopback only");
    say::line("4. what real clients send, against what keyreeve status says they will");
    debian::install_what_is_missing();
    fetch(root)?;

    let scratch = Scratch::new(&environment::target(root), "test")?;
    let mut suite = Suite {
        root,
        scratch,
        tally: Tally::default(),
    };
    if nextest {
        suite.count("the tests", nextest_command(), Reads::Stderr)?;
    } else {
        suite.count("the tests", cargo_test("--all-targets"), Reads::Stdout)?;
    }
    suite.count("the examples", cargo_test("--doc"), Reads::Stdout)?;
    suite.take_skips();
    suite.add("the real clients", clients::outcomes(root));
    suite.add(
        "the conformance",
        conformance::outcomes(root, &conformance::Which::Share),
    );
    Ok(report(&suite.tally))
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

/// Fetches what the lock file names, with the caller's own settings; from here on nothing asks a registry.
fn fetch(root: &Path) -> Result<()> {
    let status = Command::new("cargo")
        .args(["fetch", "--locked", "--quiet"])
        .current_dir(root)
        .status()?;
    ensure!(status.success(), "cargo fetch --locked failed");
    Ok(())
}

/// One run of everything.
struct Suite<'a> {
    root: &'a Path,
    scratch: Scratch,
    tally: Tally,
}

impl Suite<'_> {
    /// Runs a test command, shows what it prints, and counts.
    fn count(&mut self, what: &str, mut command: Command, reads: Reads) -> Result<()> {
        say::line(format_args!("\n== {what}"));
        environment::scrub(&mut command, &self.scratch.folder("home")?);
        environment::offline_cargo(&mut command);
        command
            .current_dir(self.root)
            .env(SKIPS_FILE, self.scratch.file("skips"));
        command.stdin(Stdio::null());
        match reads {
            Reads::Stdout => command.stdout(Stdio::piped()),
            Reads::Stderr => command.stderr(Stdio::piped()),
        };
        let mut child = command.spawn().with_context(|| format!("start {what}"))?;
        let failed_before = self.tally.failed();
        match (child.stdout.take(), child.stderr.take()) {
            (Some(stream), _) => self.show_and_read(stream)?,
            (_, Some(stream)) => self.show_and_read(stream)?,
            (None, None) => {}
        }
        let status = child.wait()?;
        if !status.success() && self.tally.failed() == failed_before {
            self.tally
                .fail(&format!("{what}: the command failed before it had counted"));
        }
        Ok(())
    }

    /// Counts what became of something that cargo does not run.
    fn add(&mut self, what: &str, outcomes: Result<Vec<clients::Outcome>>) {
        match outcomes {
            Ok(outcomes) => outcomes
                .into_iter()
                .for_each(|outcome| self.tally.add(outcome)),
            Err(error) => self.tally.fail(&format!("{what}: {error:#}")),
        }
    }

    fn show_and_read(&mut self, stream: impl Read) -> Result<()> {
        for line in BufReader::new(stream).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            say::line(&line);
            self.tally.read(&line);
        }
        Ok(())
    }

    /// Counts the tests that found they could not run.
    fn take_skips(&mut self) {
        let lines = fs::read_to_string(self.scratch.file("skips")).unwrap_or_default();
        self.tally.take_skips(&lines);
    }
}

/// Prints what failed, what did not run, and the count, which is the last line.
fn report(tally: &Tally) -> ExitCode {
    say::line("");
    for failure in tally.failures() {
        say::line(format_args!("FAILED {failure}"));
    }
    for skip in tally.skips() {
        say::line(format_args!("SKIPPED {skip}"));
    }
    say::line(tally);
    if tally.failed() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
