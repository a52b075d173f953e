//! Saturating load with TLS to the upstream, by an authority of the run's own.

use anyhow::{Context as _, Result};

use super::bodies::{self, ONE_KB};
use super::nginx::Buffering;
use super::proxy::Upstream;
use super::{Bench, CONNECTIONS};
use crate::programs::ensure_success;

/// Prints the table.
pub(super) fn run(bench: &Bench<'_>) -> Result<()> {
    let folder = bench.scratch.folder("tls")?;
    let output = std::process::Command::new(&bench.programs)
        .args(["certificate", "--folder"])
        .arg(&folder)
        .output()
        .context("cannot make certificates")?;
    ensure_success("certificate", &output)?;
    let (_upstream, port) = bench.start_upstream(Some(&folder))?;
    let ca_file = folder.join("ca.pem");
    let upstream = Upstream {
        port,
        ca_file: Some(&ca_file),
        buffering: Buffering::On,
    };
    let proxies = bench.start_proxies("tls", upstream)?;
    let table = bodies::measure(bench, &proxies, ONE_KB)?;
    table.print(&format!(
        "TLS to the upstream, 1 KB, {CONNECTIONS} connections"
    ));
    Ok(())
}
