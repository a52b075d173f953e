//! Wall-clock time of short commands, from start to exit.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::setup::Setup;
use crate::output;

/// Runs per command; the median is reported.
const RUNS: usize = 21;

/// Times commands that users and shells wait for, with `true` as the baseline cost of starting a process.
pub(super) fn run(setup: &Setup) -> Result<()> {
    let baseline = median(|| Ok(Command::new("true")), b"")?;
    let key = format!("sk-ant-{}-{}AA\n", "api03", "x".repeat(93));
    let inspect = median(
        || keyreeve_command(setup, &["inspect", "-"]),
        key.as_bytes(),
    )?;
    let list = median(|| keyreeve_command(setup, &["key", "list"]), b"")?;
    let status = median(|| keyreeve_command(setup, &["status"]), b"")?;
    // A shell hook runs this at each change of directory.
    let brief = median(|| keyreeve_command(setup, &["status", "--brief"]), b"")?;
    for (name, time) in [
        ("true", baseline),
        ("keyreeve inspect", inspect),
        ("keyreeve key list", list),
        ("keyreeve status", status),
        ("keyreeve status --brief", brief),
    ] {
        output::print_line(format_args!(
            "{name:<23} {:>6.1} ms (median of {RUNS})",
            time.as_secs_f64() * 1e3
        ));
    }
    Ok(())
}

fn keyreeve_command(setup: &Setup, arguments: &[&str]) -> Result<Command> {
    let mut command = setup.keyreeve()?;
    command.args(arguments);
    Ok(command)
}

fn median(new_command: impl Fn() -> Result<Command>, input: &[u8]) -> Result<Duration> {
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        times.push(time_command(&mut new_command()?, input)?);
    }
    times.sort_unstable();
    times.get(RUNS / 2).copied().context("no runs")
}

/// Returns the time a command takes from start to exit.
pub(super) fn time_command(command: &mut Command, input: &[u8]) -> Result<Duration> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[expect(
        clippy::disallowed_methods,
        reason = "measures another process in real time"
    )]
    let started = Instant::now();
    let mut child = command.spawn().context("cannot start the command")?;
    let mut stdin = child
        .stdin
        .take()
        .context("the command has no standard input")?;
    // `true` may exit before it is written to.
    let _exited = stdin.write_all(input);
    drop(stdin);
    ensure!(child.wait()?.success(), "the command failed");
    Ok(started.elapsed())
}
