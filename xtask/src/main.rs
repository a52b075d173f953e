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
mod fuzz;
mod http;
mod imports;
mod long;
mod namespace;
mod output;
mod programs;
mod rust_source;
mod rust_text;
mod suite;
mod tally;
mod tidy;
mod tree;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use conformance::CaseFilter;

const USAGE: &str = "\
cargo xtask tidy                 check the project rules that no compiler checks
cargo xtask test                 run every test, the documentation examples, and the real clients
cargo xtask clients              run only the real clients, in pinned versions, on a network with only loopback
cargo xtask conformance [WORDS]  compare what real clients send with keyreeve's predictions; WORDS selects by name
cargo xtask conformance drawn N SEED [--client NAME@VERSION] [--from NUMBER] [--record]
                                 compare them in worlds drawn from a grammar: N of the newest Claude Code
cargo xtask conformance exec N SEED [--client NAME@VERSION] [--from NUMBER]
                                 start Claude Code in N such worlds through `keyreeve exec`, in each of its ways
cargo xtask conformance accounts run Claude Code with two accounts, one of them bound to a directory
cargo xtask bench                measure the gateway's cost relative to nginx, and the latency of short commands
cargo xtask bench gateway [--quick] [--priority] [--only NAME] [--also BINARY] [--entries N]
                                 measure only the gateway, nginx, a minimal proxy and another build of keyreeve;
                                 --quick: short, and only `bodies`; --priority: before other work on the machine;
                                 names: bodies, latency, streams, tls, workers, large-store, commands; N: entries of
                                 the large store
cargo xtask bench helper         measure only `keyreeve helper`, one at a time and 200 at once
cargo xtask bench statusline     measure only `keyreeve statusline`
cargo xtask bench scan           measure only the scanner of request bodies
cargo xtask bench instructions   count the instructions of parts of a request, which needs valgrind
cargo xtask bench account        count the gateway's system calls and thread switches per request
cargo xtask bench store          measure only the store: CPU for each attempt, lease and report
cargo xtask long fuzz [SECONDS]  compare the scanner of request bodies with serde_json on random input, for a minute
cargo xtask long kills           kill a gateway 1,000 times under load, and compare its ledger with the upstream's
cargo xtask long storm           run 200 clients for a minute against profiles that reach their limits
cargo xtask ci                   run all of .ci/run, as the public workflow does";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run(&arguments).unwrap_or_else(|error| {
        output::print_line(format_args!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

fn run(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        ["tidy"] => tidy::run(&root()),
        ["test"] => suite::run(&root()),
        ["clients"] => clients::run(&root()),
        // Internal: the second half of `clients`, inside its network namespace.
        ["clients-inside"] => clients::run_inside(&root()),
        ["conformance"] => conformance::run(&root(), &CaseFilter::All),
        ["conformance", "accounts"] => conformance::drawn::accounts::run(&root()),
        // Internal: the same for `conformance accounts`.
        ["conformance-accounts-inside"] => conformance::drawn::accounts::run_inside(&root()),
        ["conformance", words] => conformance::run(&root(), &CaseFilter::parse(words)),
        ["conformance", "exec", rest @ ..] => conformance::drawn::exec::run(&root(), rest),
        // Internal: the same for `conformance exec`.
        ["conformance-exec-inside", rest @ ..] => {
            conformance::drawn::exec::run_inside(&root(), rest)
        }
        ["conformance", "drawn", rest @ ..] => conformance::drawn::run(&root(), rest),
        // Internal: the same for `conformance drawn`.
        ["conformance-drawn-inside", rest @ ..] => conformance::drawn::run_inside(&root(), rest),
        // Internal: the same for `conformance`.
        ["conformance-inside", filter] => {
            conformance::run_inside(&root(), &CaseFilter::parse(filter))
        }
        ["bench"] => bench::run(&root()).map(|()| ExitCode::SUCCESS),
        ["bench", "gateway", rest @ ..] => {
            bench::gateway::run(&root(), &bench::gateway::Options::parse(rest)?)
                .map(|()| ExitCode::SUCCESS)
        }
        ["bench", "account"] => bench::account::run(&root()).map(|()| ExitCode::SUCCESS),
        ["bench", "helper"] => bench::run_helper(&root()).map(|()| ExitCode::SUCCESS),
        ["bench", "scan"] => bench::run_scan(&root()),
        ["bench", "instructions"] => bench::instructions::run(&root()).map(|()| ExitCode::SUCCESS),
        ["bench", "store"] => bench::run_store(&root()),
        ["bench", "statusline"] => bench::run_statusline(&root()).map(|()| ExitCode::SUCCESS),
        ["long", "fuzz", rest @ ..] => fuzz::run(&root(), rest),
        ["long", name] => long::run(&root(), name),
        ["ci"] => ci(),
        _ => bail!("unknown command\n\n{USAGE}"),
    }
}

fn ci() -> Result<ExitCode> {
    let status = Command::new("bash")
        .arg(".ci/run")
        .current_dir(root())
        .status()?;
    Ok(output::exit_code(status.success()))
}

/// Returns the root of the repository: the directory above this crate.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
