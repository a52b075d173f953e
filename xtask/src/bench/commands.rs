//! How long short commands take from nothing to the end.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::stage::Stage;
use crate::say;

/// How often each command is run; the middle one counts.
const RUNS: usize = 21;

/// Times commands that people and shells wait for, beside `true`, which costs what starting any program costs here.
pub(super) fn run(stage: &Stage) -> Result<()> {
    let nothing = middle(|| Ok(Command::new("true")), b"")?;
    let pasted = format!("sk-ant-{}-{}AA\n", "api03", "x".repeat(93));
    let inspect = middle(|| with(stage, &["inspect", "-"]), pasted.as_bytes())?;
    let list = middle(|| with(stage, &["key", "list"]), b"")?;
    let status = middle(|| with(stage, &["status"]), b"")?;
    // What a shell's hook runs at each change of directory.
    let brief = middle(|| with(stage, &["status", "--brief"]), b"")?;
    for (name, time) in [
        ("true", nothing),
        ("keyreeve inspect", inspect),
        ("keyreeve key list", list),
        ("keyreeve status", status),
        ("keyreeve status --brief", brief),
    ] {
        say::line(format_args!(
            "{name:<23} {:>6.1} ms (middle of {RUNS})",
            time.as_secs_f64() * 1e3
        ));
    }
    Ok(())
}

fn with(stage: &Stage, arguments: &[&str]) -> Result<Command> {
    let mut command = stage.keyreeve()?;
    command.args(arguments);
    Ok(command)
}

fn middle(make: impl Fn() -> Result<Command>, input: &[u8]) -> Result<Duration> {
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        times.push(timed(&mut make()?, input)?);
    }
    times.sort_unstable();
    times.get(RUNS / 2).copied().context("no runs")
}

/// How long a command takes from nothing to its end.
pub(super) fn timed(command: &mut Command, input: &[u8]) -> Result<Duration> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[expect(
        clippy::disallowed_methods,
        reason = "a stop-watch around another process"
    )]
    let started = Instant::now();
    let mut child = command.spawn().context("start a command")?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    // `true` may be gone before it is written to.
    let _gone = stdin.write_all(input);
    drop(stdin);
    ensure!(child.wait()?.success(), "a command failed");
    Ok(started.elapsed())
}
