//! `cargo xtask bench`: cost of the gateway, as a ratio to nginx in the same run, and latency of short commands.
//!
//! The machine may be shared and noisy, so no figure here is asserted. One core runs the proxy and one the load and the
//! upstream; both proxies are measured one after the other with the same upstream, load and core.

mod commands;
mod keyreeve_helper;
mod load;
mod nginx;
mod process;
mod setup;
mod statusline;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::environment::Scratch;
use crate::programs::build;
use crate::{environment, output};
use load::{Measurement, measure};
use setup::Setup;

/// Concurrent connections of the load.
const CONNECTIONS: u32 = 64;
/// Measured time per proxy, in seconds.
const LOAD_SECONDS: u32 = 10;
/// Size of each request body in bytes.
const BODY_BYTES: usize = 1024;

/// Runs all benchmarks and prints the results.
pub(crate) fn run(root: &Path) -> Result<()> {
    for program in ["nginx", "wrk", "taskset"] {
        ensure!(
            environment::find_program(program).is_some()
                || Path::new("/usr/sbin").join(program).is_file(),
            "{program} is not installed; run: apt-get install nginx-light wrk util-linux"
        );
    }
    build(root, &["--release"])?;
    let setup = Setup::start(root)?;
    output::print_line(format_args!(
        "{CONNECTIONS} connections, {BODY_BYTES}-byte bodies, {LOAD_SECONDS} s each, one core for the proxy, one for load and upstream"
    ));
    let nginx = measure("nginx", &setup.nginx_target()?)?;
    let keyreeve = measure("keyreeve", &setup.keyreeve_target()?)?;
    print(&nginx, &keyreeve);
    output::print_line(format_args!(
        "keyreeve idle, before the load: {} MiB resident",
        setup.idle_mib
    ));
    commands::run(&setup)?;
    keyreeve_helper::run(root)?;
    statusline::run(root)
}

/// Measures only `keyreeve helper`, which needs no other program.
pub(crate) fn run_helper(root: &Path) -> Result<()> {
    build(root, &["--release"])?;
    keyreeve_helper::run(root)
}

/// Measures only `keyreeve statusline`, which needs no other program.
pub(crate) fn run_statusline(root: &Path) -> Result<()> {
    build(root, &["--release"])?;
    statusline::run(root)
}

/// Measures only the store, by a test that is ignored otherwise: SQL and file formats never leave its crate.
pub(crate) fn run_store(root: &Path) -> Result<ExitCode> {
    let scratch = Scratch::new(&environment::target_dir(root), "bench-store")?;
    let mut command = Command::new("cargo");
    command.args([
        "test",
        "--locked",
        "--quiet",
        "--release",
        "--package",
        "keyreeve-store",
    ]);
    command.args([
        "--test",
        "it",
        "--",
        "--exact",
        "costs::in_child_print_costs",
    ]);
    command.args(["--ignored", "--nocapture"]);
    environment::scrub(&mut command, &scratch.folder("home")?);
    environment::offline_cargo(&mut command);
    let status = command
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo test")?;
    Ok(output::exit_code(status.success()))
}

fn print(nginx: &Measurement, keyreeve: &Measurement) {
    output::print_line("proxy     requests/s   CPU us/request   errors");
    for measurement in [nginx, keyreeve] {
        output::print_line(format_args!(
            "{:<9} {:>10.0} {:>16.1} {:>8}",
            measurement.name, measurement.per_second, measurement.cpu_micros, measurement.errors
        ));
    }
    output::print_line(format_args!(
        "keyreeve / nginx: {:.2} of the requests, {:.1} times the CPU",
        keyreeve.per_second / nginx.per_second,
        keyreeve.cpu_micros / nginx.cpu_micros
    ));
}
