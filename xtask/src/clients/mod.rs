//! `cargo xtask clients`: real client programs, pinned, against the gateway and the sandbox.
//!
//! They run in a network namespace that has only loopback, with a scrubbed environment and a new home for each
//! scenario. A relay records their requests on the way to the gateway; they are compared with the requests that the
//! sandbox received and with the ledger.
//!
//! Invariant: a scenario whose client cannot be installed on this machine is reported as skipped, by name.

mod compare;
mod fixture;
pub(crate) mod http;
pub(crate) mod install;
mod issued_key;
pub(crate) mod namespace;
mod own_login;
pub(crate) mod program;
mod relay;
mod runner;
mod scenario;

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::suite::Tally;
use crate::{environment, output};
pub(crate) use runner::{run as run_inside, run_with_timeout};

/// Outcome of a scenario.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed { name: String },
    Failed { name: String, reason: String },
    Skipped { name: String, reason: String },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed { name } => write!(f, "PASSED {name}"),
            Self::Failed { name, reason } => write!(f, "FAILED {name}: {reason}"),
            Self::Skipped { name, reason } => write!(f, "SKIPPED {name}: {reason}"),
        }
    }
}

impl Outcome {
    /// Parses a printed outcome. Names do not contain `": "`.
    fn parse(line: &str) -> Option<Self> {
        if let Some(name) = line.strip_prefix("PASSED ") {
            return Some(Self::Passed {
                name: name.to_owned(),
            });
        }
        let (word, rest) = line.split_once(' ')?;
        let (name, reason) = rest.split_once(": ")?;
        let (name, reason) = (name.to_owned(), reason.to_owned());
        match word {
            "FAILED" => Some(Self::Failed { name, reason }),
            "SKIPPED" => Some(Self::Skipped { name, reason }),
            _ => None,
        }
    }
}

/// Runs every scenario and prints the summary.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    Ok(print_summary(outcomes(root)?))
}

/// Prints the numbers of passed, failed and skipped scenarios; fails if one failed.
pub(crate) fn print_summary(outcomes: Vec<Outcome>) -> ExitCode {
    let mut tally = Tally::default();
    for outcome in outcomes {
        tally.add(outcome);
    }
    output::print_line(&tally);
    if tally.failed() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Installs missing clients, runs every scenario in the namespace, and returns the outcomes.
pub(crate) fn outcomes(root: &Path) -> Result<Vec<Outcome>> {
    output::print_line("\n== real clients");
    install::install_missing(root, &scenario::PROGRAMS)?;
    build(root)?;
    let Some(outcomes) = in_namespace(root, &["clients-inside"])? else {
        let skipped = |scenario: &scenario::Scenario| Outcome::Skipped {
            name: scenario.name(),
            reason: NO_NAMESPACE_REASON.to_owned(),
        };
        return Ok(scenario::all().iter().map(skipped).collect());
    };
    if outcomes.len() != scenario::all().len() {
        bail!(
            "only {} of {} scenarios finished",
            outcomes.len(),
            scenario::all().len()
        );
    }
    Ok(outcomes)
}

/// Skip reason of everything that needs a network namespace.
pub(crate) const NO_NAMESPACE_REASON: &str =
    "network namespaces are not permitted on this machine (unshare -n, unshare -rn)";

/// Runs an xtask command in a new namespace, prints its output and returns the outcomes in it, or `None` if
/// namespaces are not permitted.
pub(crate) fn in_namespace(root: &Path, arguments: &[&str]) -> Result<Option<Vec<Outcome>>> {
    let Some(namespace) = namespace::detect() else {
        return Ok(None);
    };
    let mut command = namespace.command(&std::env::current_exe()?);
    command
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .context("cannot enter the network namespace")?;
    let mut outcomes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            output::print_line(&line);
            outcomes.extend(Outcome::parse(&line));
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "{} failed", arguments.join(" "));
    Ok(Some(outcomes))
}

/// Builds the program under test.
pub(crate) fn build(root: &Path) -> Result<()> {
    let mut command = Command::new("cargo");
    command
        .args(["build", "--locked", "--quiet", "--package", "keyreeve"])
        .current_dir(root);
    let status = command.status().context("cannot run cargo build")?;
    ensure!(status.success(), "keyreeve failed to build");
    Ok(())
}

/// Returns the path of the program under test.
pub(crate) fn keyreeve(root: &Path) -> std::path::PathBuf {
    environment::target_dir(root).join("debug").join("keyreeve")
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn printed_outcomes_parse_back() {
        let name = || "curl streams".to_owned();
        let reason = || "expected a: found b".to_owned();
        let outcomes = [
            Outcome::Passed { name: name() },
            Outcome::Failed {
                name: name(),
                reason: reason(),
            },
            Outcome::Skipped {
                name: name(),
                reason: reason(),
            },
        ];
        for outcome in outcomes {
            assert_eq!(Outcome::parse(&outcome.to_string()), Some(outcome));
        }
        assert_eq!(Outcome::parse("any other line"), None);
    }
}
