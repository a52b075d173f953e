//! Wall-clock time of `keyreeve helper`, sequential and concurrent, compared with `true`.
//!
//! Starting 200 processes of any kind at once is slow, so `true` is measured in the same way as a baseline.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::command::{command, start_serve, time_command};
use crate::environment::{self, Scratch};
use crate::output;
use crate::programs::{Server, release_keyreeve};

/// Processes that run at the same time.
const CONCURRENCY: usize = 200;
/// Number of concurrent rounds.
const ROUNDS: usize = 5;
/// Number of sequential runs.
const SEQUENTIAL_RUNS: usize = 200;

/// A gateway with its own home directory and the sandbox as its upstream; killed on drop.
struct Gateway {
    binary: PathBuf,
    _serve: Server,
    /// The last field, so that the directory is removed after the process that writes to it has ended.
    scratch: Scratch,
}

/// Times `true` and `keyreeve helper`, with the existing release build.
pub(super) fn run(root: &Path) -> Result<()> {
    let gateway = &Gateway::start(root)?;
    // The first call in ten minutes creates the key and is not measured.
    time_command(&mut helper(gateway)?, b"")?;
    for (name, new_command) in [
        (
            "true",
            &(|| Ok(Command::new("true"))) as &dyn Fn() -> Result<Command>,
        ),
        ("keyreeve helper", &|| helper(gateway)),
    ] {
        let sequential = sequential_times(new_command)?;
        let concurrent = concurrent_times(new_command)?;
        output::print_line(format_args!(
            "{name:<18} sequential: p50 {:.1} ms, p99 {:.1} ms; {CONCURRENCY} at once: p50 {:.1} ms, p99 {:.1} ms",
            percentile(&sequential, 50),
            percentile(&sequential, 99),
            percentile(&concurrent, 50),
            percentile(&concurrent, 99),
        ));
    }
    Ok(())
}

impl Gateway {
    fn start(root: &Path) -> Result<Self> {
        let scratch = Scratch::new(&environment::target_dir(root), "bench-helpers")?;
        let binary = release_keyreeve(root);
        let arguments = ["serve", "--sandbox", "--json", "--listen", "127.0.0.1:0"];
        let serve = start_serve(command(&scratch, &binary)?.args(arguments))?;
        Ok(Self {
            binary,
            _serve: serve,
            scratch,
        })
    }
}

fn helper(gateway: &Gateway) -> Result<Command> {
    let mut command = command(&gateway.scratch, &gateway.binary)?;
    command.args(["helper", "--profile", "sandbox"]);
    Ok(command)
}

fn sequential_times(new_command: &dyn Fn() -> Result<Command>) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(SEQUENTIAL_RUNS);
    for _ in 0..SEQUENTIAL_RUNS {
        times.push(time_command(&mut new_command()?, b"")?);
    }
    times.sort_unstable();
    Ok(times)
}

/// Starts each command in its own thread, all at the same moment.
fn concurrent_times(new_command: &dyn Fn() -> Result<Command>) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(ROUNDS * CONCURRENCY);
    for _ in 0..ROUNDS {
        let mut commands = (0..CONCURRENCY)
            .map(|_| new_command())
            .collect::<Result<Vec<_>>>()?;
        let start = Barrier::new(CONCURRENCY);
        thread::scope(|scope| {
            let threads: Vec<_> = commands
                .iter_mut()
                .map(|command| {
                    scope.spawn(|| {
                        start.wait();
                        time_command(command, b"")
                    })
                })
                .collect();
            for thread in threads {
                let time = thread
                    .join()
                    .map_err(|_| anyhow::anyhow!("a thread panicked"))?;
                times.push(time?);
            }
            anyhow::Ok(())
        })?;
    }
    times.sort_unstable();
    Ok(times)
}

/// Returns a percentile of sorted times, in milliseconds.
pub(super) fn percentile(times: &[Duration], percent: usize) -> f64 {
    let last = times.len().saturating_sub(1);
    let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times
        .get(index.min(last))
        .map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::percentile;

    #[test]
    fn percentile_is_a_measured_time() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert!((percentile(&times, 50) - 100.0).abs() < 1e-9);
        assert!((percentile(&times, 99) - 198.0).abs() < 1e-9);
        assert!((percentile(&times[..1], 99) - 1.0).abs() < 1e-9);
    }
}
