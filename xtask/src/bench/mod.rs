//! `cargo xtask bench`: what the gateway costs, as a ratio to nginx in the same run, and how long short commands take.
//!
//! The machine may be shared and noisy, so no figure here is a test. One core serves and one makes the load; both proxies
//! have the same upstream, the same load and the same core, one after the other.

mod commands;
mod handed;
mod load;
mod nginx;
mod process;
mod stage;
mod statusline;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::environment;
use crate::say;
use load::{Measured, measure};
use stage::Stage;

/// Connections held open by the load.
const CONNECTIONS: u32 = 64;
/// How long each proxy is loaded.
const SECONDS: u32 = 10;
/// Size of each request body in bytes.
const BODY: usize = 1024;

/// Measures and prints.
pub(crate) fn run(root: &Path) -> Result<()> {
    for program in ["nginx", "wrk", "taskset"] {
        ensure!(
            environment::find(program).is_some() || Path::new("/usr/sbin").join(program).is_file(),
            "{program} is wanted: apt-get install nginx-light wrk util-linux"
        );
    }
    build(root)?;
    let stage = Stage::set(root)?;
    say::line(format_args!(
        "{CONNECTIONS} connections, bodies of {BODY} bytes, {SECONDS} s each, one core for the proxy, one for load and upstream"
    ));
    let beside = measure("nginx", &stage.nginx_target()?)?;
    let ours = measure("keyreeve", &stage.keyreeve_target()?)?;
    print(&beside, &ours);
    say::line(format_args!(
        "keyreeve idle, before the load: {} MiB resident",
        stage.idle_mib
    ));
    commands::run(&stage)?;
    handed::run(root)?;
    statusline::run(root)
}

/// Measures `keyreeve helper` alone, for which nothing else is wanted.
pub(crate) fn run_helpers(root: &Path) -> Result<()> {
    build(root)?;
    handed::run(root)
}

/// Measures `keyreeve statusline` alone, for which nothing else is wanted either.
pub(crate) fn run_statusline(root: &Path) -> Result<()> {
    build(root)?;
    statusline::run(root)
}

/// Makes the release build of the program.
pub(crate) fn build(root: &Path) -> Result<()> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--package", "keyreeve"])
        .current_dir(root)
        .status()
        .context("run cargo build")?;
    ensure!(status.success(), "the release build failed");
    Ok(())
}

fn print(beside: &Measured, ours: &Measured) {
    say::line("proxy     requests/s   CPU us/request   errors");
    for measured in [beside, ours] {
        say::line(format_args!(
            "{:<9} {:>10.0} {:>16.1} {:>8}",
            measured.name, measured.per_second, measured.cpu_micros, measured.errors
        ));
    }
    say::line(format_args!(
        "keyreeve / nginx: {:.2} of the requests, {:.1} times the CPU",
        ours.per_second / beside.per_second,
        ours.cpu_micros / beside.cpu_micros
    ));
}
