//! `cargo xtask conformance`: what the real clients send, against what keyreeve says they will.
//!
//! Each combination has a home of its own in a network namespace that has loopback only. `keyreeve status --for` is asked
//! first, as a person would; then the real client is started, and the headers that arrive are compared with the answer.
//! A second table starts the clients by `keyreeve exec`, and compares with what was meant to pay.
//!
//! Invariants: nothing but the combination is in the client's environment; a combination whose client cannot be had on
//! this machine is skipped by name; the seed of the drawn ones is printed.

mod case;
mod documented;
mod exec;
mod exec_case;
mod ingredient;
mod inside;
mod observe;
mod predict;
mod profile_files;
mod random;
mod report;
mod scene;
mod stage;
mod token;
mod upstream;
mod vendor;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::clients::program::Program;
use crate::clients::{self, NO_NAMESPACE, Outcome, build, in_namespace, install};
use crate::say;
pub(crate) use inside::run as run_inside;

/// Which of the combinations are run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Which {
    Every,
    /// Those whose turn it is by the seed: enough for each change, and each combination sooner or later.
    Share,
    /// Those whose names hold these words.
    Holding(String),
}

impl Which {
    /// Reads it from an argument, as it prints.
    pub(crate) fn read(word: &str) -> Self {
        match word {
            "every" => Self::Every,
            "share" => Self::Share,
            words => Self::Holding(words.to_owned()),
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Every => "every",
            Self::Share => "share",
            Self::Holding(words) => words,
        })
    }
}

/// Runs combinations, prints what differs, and counts.
pub(crate) fn run(root: &Path, which: &Which) -> Result<ExitCode> {
    Ok(clients::count(outcomes(root, which)?))
}

/// Installs what is absent, runs the combinations in the namespace and tells what became of each client.
pub(crate) fn outcomes(root: &Path, which: &Which) -> Result<Vec<Outcome>> {
    say::line("\n== what real clients send, against what keyreeve says they will");
    install::all(root, &programs())?;
    build(root)?;
    let Some(outcomes) = in_namespace(root, &["conformance-inside", &which.to_string()])? else {
        let skipped = |program: &Program| Outcome::Skipped {
            name: report::name(report::Table::Status, *program),
            why: NO_NAMESPACE.to_owned(),
        };
        return Ok(programs().iter().map(skipped).collect());
    };
    Ok(outcomes)
}

fn programs() -> Vec<Program> {
    [&documented::CLAUDE_CODE[..], &documented::SDKS[..]].concat()
}
