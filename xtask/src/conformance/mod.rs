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
mod profile_files;
mod random;
mod scene;
mod token;
mod upstream;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::clients::{build, install, namespace};
use crate::say;
pub(crate) use inside::run as run_inside;

/// Runs every combination and prints what differs.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    say::line("\n== conformance of who pays with the real clients");
    let programs = [&documented::CLAUDE_CODE[..], &documented::SDKS[..]].concat();
    install::all(root, &programs)?;
    build(root)?;
    let namespace = namespace::kind().context("no network namespace can be made here")?;
    let status = enter(namespace, root)?
        .status()
        .context("enter the network namespace")?;
    ensure!(status.code().is_some(), "the combinations came to no end");
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn enter(namespace: namespace::Namespace, root: &Path) -> Result<Command> {
    let mut command = namespace.command(&std::env::current_exe()?);
    command
        .arg("conformance-inside")
        .current_dir(root)
        .stdin(Stdio::null());
    Ok(command)
}
