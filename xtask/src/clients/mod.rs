//! `cargo xtask clients`: the programs people really use, pinned, against the gateway and the simulated API.
//!
//! They run in a network namespace of their own that has loopback only, with a scrubbed environment and a home made
//! for each scenario. What they sent is recorded on its way to the gateway, and compared with what the simulated API
//! saw behind it and with the ledger.
//!
//! Invariant: a scenario whose client cannot be had on this machine is skipped by name, never passed over.

mod compare;
mod handed;
pub(crate) mod http;
mod inside;
pub(crate) mod install;
pub(crate) mod namespace;
mod own_login;
pub(crate) mod program;
mod relay;
mod scenario;
mod stage;

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::suite::Tally;
use crate::{environment, say};
pub(crate) use inside::{finish, run as run_inside};

/// What became of a scenario.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed { name: String },
    Failed { name: String, why: String },
    Skipped { name: String, why: String },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed { name } => write!(f, "PASSED {name}"),
            Self::Failed { name, why } => write!(f, "FAILED {name}: {why}"),
            Self::Skipped { name, why } => write!(f, "SKIPPED {name}: {why}"),
        }
    }
}

impl Outcome {
    /// Reads one back from the line it prints as. Names hold no `": "`.
    fn read(line: &str) -> Option<Self> {
        if let Some(name) = line.strip_prefix("PASSED ") {
            return Some(Self::Passed {
                name: name.to_owned(),
            });
        }
        let (word, rest) = line.split_once(' ')?;
        let (name, why) = rest.split_once(": ")?;
        let (name, why) = (name.to_owned(), why.to_owned());
        match word {
            "FAILED" => Some(Self::Failed { name, why }),
            "SKIPPED" => Some(Self::Skipped { name, why }),
            _ => None,
        }
    }
}

/// Runs every scenario and prints the count.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    Ok(count(outcomes(root)?))
}

/// Prints how many passed, and says whether all did.
pub(crate) fn count(outcomes: Vec<Outcome>) -> ExitCode {
    let mut tally = Tally::default();
    for outcome in outcomes {
        tally.add(outcome);
    }
    say::line(&tally);
    if tally.failed() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Installs what is absent, runs every scenario in the namespace and tells what became of each.
pub(crate) fn outcomes(root: &Path) -> Result<Vec<Outcome>> {
    say::line("\n== real clients");
    install::all(root, &scenario::PROGRAMS)?;
    build(root)?;
    let Some(outcomes) = in_namespace(root, &["clients-inside"])? else {
        let skipped = |scenario: &scenario::Scenario| Outcome::Skipped {
            name: scenario.name(),
            why: NO_NAMESPACE.to_owned(),
        };
        return Ok(scenario::all().iter().map(skipped).collect());
    };
    if outcomes.len() != scenario::all().len() {
        bail!(
            "{} of {} scenarios came to an end",
            outcomes.len(),
            scenario::all().len()
        );
    }
    Ok(outcomes)
}

/// Why what needs the namespace does not run.
pub(crate) const NO_NAMESPACE: &str =
    "this machine lets nobody make a network namespace (unshare -n, unshare -rn)";

/// Runs one of our own commands in a new namespace, shows what it prints, and gives the outcomes among it; none where
/// no namespace can be made.
pub(crate) fn in_namespace(root: &Path, arguments: &[&str]) -> Result<Option<Vec<Outcome>>> {
    let Some(namespace) = namespace::kind() else {
        return Ok(None);
    };
    let mut command = namespace.command(&std::env::current_exe()?);
    command
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn().context("enter the network namespace")?;
    let mut outcomes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            say::line(&line);
            outcomes.extend(Outcome::read(&line));
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "{} came to no end", arguments.join(" "));
    Ok(Some(outcomes))
}

/// Builds the program under test with what has been fetched already.
pub(crate) fn build(root: &Path) -> Result<()> {
    let mut command = Command::new("cargo");
    command
        .args(["build", "--locked", "--quiet", "--package", "keyreeve"])
        .current_dir(root);
    let status = command.status().context("build keyreeve")?;
    ensure!(status.success(), "keyreeve does not build");
    Ok(())
}

/// The program under test.
pub(crate) fn keyreeve(root: &Path) -> std::path::PathBuf {
    environment::target(root).join("debug").join("keyreeve")
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn outcomes_are_read_back_from_what_they_print() {
        let name = || "curl streams".to_owned();
        let why = || "expected a: found b".to_owned();
        let outcomes = [
            Outcome::Passed { name: name() },
            Outcome::Failed {
                name: name(),
                why: why(),
            },
            Outcome::Skipped {
                name: name(),
                why: why(),
            },
        ];
        for outcome in outcomes {
            assert_eq!(Outcome::read(&outcome.to_string()), Some(outcome));
        }
        assert_eq!(Outcome::read("a line of somebody's"), None);
    }
}
