//! `cargo xtask conformance`: comparison of the requests of real clients with keyreeve's predictions.
//!
//! Each combination gets a new home in a network namespace that has only loopback. `keyreeve status --for` runs
//! first; then the real client runs, and the received headers are compared with the prediction. Further cases start
//! the clients with `keyreeve exec` and compare the received headers with the intended credential.
//!
//! Invariants: the client's environment contains nothing but the combination; a combination whose client cannot be
//! installed on this machine is reported as skipped, by name; the seed of the random combinations is printed.

mod anthropic_hosts;
mod case_ingredients;
mod case_setup;
mod documented;
pub(crate) mod drawn;
mod exec;
mod exec_case;
mod ingredient;
mod jobs;
mod observe;
mod predict;
mod profile_files;
mod random;
mod report;
mod runner;
mod token;
mod upstream;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::namespace::{NO_NAMESPACE_REASON, in_namespace};
use crate::output::{self, Outcome};
use crate::programs::{Program, build, client};
use crate::tally::Tally;
pub(crate) use jobs::run as run_inside;

/// Selection of the combinations to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum CaseFilter {
    All,
    /// A part selected by the seed: enough for each change, and every combination in turn.
    Share,
    /// Those whose names contain this text.
    Matching(String),
}

impl CaseFilter {
    /// Parses an argument in the form that `Display` prints.
    pub(crate) fn parse(word: &str) -> Self {
        match word {
            "every" => Self::All,
            "share" => Self::Share,
            words => Self::Matching(words.to_owned()),
        }
    }
}

impl fmt::Display for CaseFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "every",
            Self::Share => "share",
            Self::Matching(words) => words,
        })
    }
}

/// Runs combinations, and prints the differences and the summary.
pub(crate) fn run(root: &Path, filter: &CaseFilter) -> Result<ExitCode> {
    Ok(Tally::of(outcomes(root, filter)?).report())
}

/// Installs missing clients, runs the combinations in the namespace, and returns the outcome of each client.
pub(crate) fn outcomes(root: &Path, filter: &CaseFilter) -> Result<Vec<Outcome>> {
    output::print_line("\n== requests of real clients, compared with keyreeve's predictions");
    client::install_missing(root, &programs())?;
    build(root, &["--quiet"])?;
    let Some(outcomes) = in_namespace(root, &["conformance-inside", &filter.to_string()])? else {
        let skipped = |program: &Program| Outcome::Skipped {
            name: report::outcome_name(report::CheckKind::Status, *program),
            reason: NO_NAMESPACE_REASON.to_owned(),
        };
        return Ok(programs().iter().map(skipped).collect());
    };
    Ok(outcomes)
}

fn programs() -> Vec<Program> {
    [&documented::CLAUDE_CODE[..], &documented::SDKS[..]].concat()
}
