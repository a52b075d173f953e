//! `cargo xtask clients`: real client programs, pinned, against the gateway and the sandbox.
//!
//! They run in a network namespace that has only loopback, with a scrubbed environment and a new home for each
//! scenario. A relay records their requests on the way to the gateway; they are compared with the requests that the
//! sandbox received and with the ledger.
//!
//! Invariant: a scenario whose client cannot be installed on this machine is reported as skipped, by name.

mod compare;
mod fixture;
mod given_key;
mod issued_key;
mod own_login;
mod relay;
mod runner;
mod scenario;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::conformance::drawn::accounts;
use crate::namespace::{NO_NAMESPACE_REASON, in_namespace};
use crate::output::{self, Outcome};
use crate::programs::{build, client};
use crate::tally::Tally;
pub(crate) use runner::run as run_inside;

/// Runs every scenario and prints the summary.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    Ok(Tally::of(outcomes(root)?).report())
}

/// Installs missing clients, runs every scenario in the namespace, and returns the outcomes.
pub(crate) fn outcomes(root: &Path) -> Result<Vec<Outcome>> {
    output::print_line("\n== real clients");
    client::install_missing(root, &scenario::PROGRAMS)?;
    build(root, &["--quiet"])?;
    let accounts = accounts::outcomes(root)?;
    let Some(mut outcomes) = in_namespace(root, &["clients-inside"])? else {
        let skipped = |scenario: &scenario::Scenario| Outcome::Skipped {
            name: scenario.name(),
            reason: NO_NAMESPACE_REASON.to_owned(),
        };
        let all = scenario::all();
        let skipped = all.iter().map(skipped).chain(accounts);
        return Ok(skipped.collect());
    };
    if outcomes.len() != scenario::all().len() {
        bail!(
            "only {} of {} scenarios finished",
            outcomes.len(),
            scenario::all().len()
        );
    }
    outcomes.extend(accounts);
    Ok(outcomes)
}
