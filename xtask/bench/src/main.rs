//! Programs that `cargo xtask bench gateway` runs, each in a process of its own, so that its CPU and memory are counted
//! apart: a minimal proxy, a simulated upstream of streams, and load generators.
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "these programs measure other processes in real time"
)]

mod arguments;
mod certificate;
mod http1;
mod minimal_proxy;
mod runtime;
mod sequential_load;
mod stream_load;
mod stream_upstream;
mod timings;

use std::process::ExitCode;

use anyhow::{Result, bail};

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((program, options)) = arguments.split_first() else {
        bail!("no program is named");
    };
    let options = Arguments::parse(options)?;
    match program.as_str() {
        "minimal-proxy" => minimal_proxy::run(&options),
        "stream-upstream" => stream_upstream::run(&options),
        "stream-load" => stream_load::run(&options),
        "sequential-load" => sequential_load::run(&options),
        "certificate" => certificate::run(&options),
        _ => bail!("unknown program {program}"),
    }
}

/// Prints a line that `cargo xtask bench` reads.
#[expect(clippy::print_stdout, reason = "the result of a program")]
fn print_line(text: &str) {
    println!("{text}");
}
