//! `cargo xtask conformance`: what the real clients send, against what keyreeve says they will.
//!
//! Each combination has a home of its own in a network namespace that has loopback only. `keyreeve status --for` is asked
//! first, as a person would; then the real client is started, and the headers that arrive are compared with the answer.
//!
//! Invariants: nothing but the combination is in the client's environment; a combination whose client cannot be had on
//! this machine is skipped by name; the seed of the drawn ones is printed.

mod case;
mod documented;
mod ingredient;
mod inside;
mod observe;
mod predict;
mod profile_files;
mod random;
mod report;
mod scene;
mod token;
mod upstream;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::clients::program::Program;
use crate::clients::{self, NO_NAMESPACE, Outcome, build, in_namespace, install};
use crate::say;
pub(crate) use inside::run as run_inside;

/// How many of the combinations are run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Amount {
    Every,
    /// Those whose turn it is by the seed: enough for each change, and each combination sooner or later.
    Share,
}

impl Amount {
    /// Reads it back from what it prints as.
    pub(crate) fn read(word: &str) -> Option<Self> {
        [Self::Every, Self::Share]
            .into_iter()
            .find(|amount| amount.to_string() == word)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Every => "every",
            Self::Share => "share",
        })
    }
}

/// Runs every combination, prints what differs, and counts.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    Ok(clients::count(outcomes(root, Amount::Every)?))
}

/// Installs what is absent, runs the combinations in the namespace and tells what became of each client.
pub(crate) fn outcomes(root: &Path, amount: Amount) -> Result<Vec<Outcome>> {
    say::line("\n== what real clients send, against what keyreeve says they will");
    install::all(root, &programs())?;
    build(root)?;
    let Some(outcomes) = in_namespace(root, &["conformance-inside", &amount.to_string()])? else {
        let skipped = |program: &Program| Outcome::Skipped {
            name: report::name(*program),
            why: NO_NAMESPACE.to_owned(),
        };
        return Ok(programs().iter().map(skipped).collect());
    };
    if outcomes.len() != programs().len() {
        bail!(
            "{} of {} clients came to an end",
            outcomes.len(),
            programs().len()
        );
    }
    Ok(outcomes)
}

fn programs() -> Vec<Program> {
    [&documented::CLAUDE_CODE[..], &documented::SDKS[..]].concat()
}
