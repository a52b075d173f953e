//! The developer's commands: `cargo xtask tidy`, `test`, `clients`, `conformance`, `bench`, `storm` and `ci`.
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "these commands read the repository and the caller's environment"
)]

mod bench;
mod clients;
mod conformance;
mod environment;
mod rust_source;
mod say;
mod scratch;
mod storm;
mod suite;
mod tidy;
mod tree;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use conformance::Which;

const USAGE: &str = "\
cargo xtask tidy      hold the rules that a compiler does not
cargo xtask test      every test, the documentation's examples, and the real clients
cargo xtask clients   only the real clients, pinned, on a network with loopback alone
cargo xtask conformance [WORDS]  what the real clients send, against what keyreeve says; only those whose names hold WORDS
cargo xtask bench     what the gateway costs beside nginx, and how long short commands take
cargo xtask bench helper   only how long `keyreeve helper` takes, alone and with 200 at once
cargo xtask bench statusline   only how long `keyreeve statusline` takes
cargo xtask storm     200 clients for a minute before profiles that reach their limits: what is lost, double or wrongly rested
cargo xtask ci        all of .ci/run, as the public workflow runs it";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run(&arguments).unwrap_or_else(|error| {
        say::line(format_args!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

fn run(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        ["tidy"] => tidy::run(&root()),
        ["test"] => suite::run(&root()),
        ["clients"] => clients::run(&root()),
        // Not for people: the second half of `clients`, inside its network namespace.
        ["clients-inside"] => clients::run_inside(&root()),
        ["conformance"] => conformance::run(&root(), &Which::Every),
        ["conformance", words] => conformance::run(&root(), &Which::read(words)),
        // Not for people either: the same for `conformance`.
        ["conformance-inside", which] => conformance::run_inside(&root(), &Which::read(which)),
        ["bench"] => bench::run(&root()).map(|()| ExitCode::SUCCESS),
        ["bench", "helper"] => bench::run_helpers(&root()).map(|()| ExitCode::SUCCESS),
        ["bench", "statusline"] => bench::run_statusline(&root()).map(|()| ExitCode::SUCCESS),
        ["storm"] => storm::run(&root()),
        ["ci"] => ci(),
        _ => bail!("what shall it be?\n{USAGE}"),
    }
}

fn ci() -> Result<ExitCode> {
    let status = Command::new("bash")
        .arg(".ci/run")
        .current_dir(root())
        .status()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The repository's root: the folder above this crate.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
