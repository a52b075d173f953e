//! How long `keyreeve statusline` takes from nothing to its line, beside `keyreeve version` and `true`.
//!
//! Claude Code runs it at most every 300 milliseconds. All are run in turn, so that what else the machine does meets each.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::commands::timed;
use super::handed::percentile;
use super::stage::command;
use crate::scratch::Scratch;
use crate::{environment, say};

/// How often each is run.
const RUNS: usize = 200;

/// One of what is timed.
struct Timed<'a> {
    name: &'static str,
    make: &'a dyn Fn() -> Result<Command>,
    /// What is piped, by the number of the run.
    input: fn(usize) -> String,
    times: Vec<Duration>,
}

impl<'a> Timed<'a> {
    fn of(
        name: &'static str,
        make: &'a dyn Fn() -> Result<Command>,
        input: fn(usize) -> String,
    ) -> Self {
        Self {
            name,
            make,
            input,
            times: Vec::with_capacity(RUNS),
        }
    }
}

/// Times them. The release build is there already.
pub(super) fn run(root: &Path) -> Result<()> {
    let target = environment::target(root);
    let binary = target.join("release/keyreeve");
    let (without, with) = (
        home(&target, "bench-statusline", &binary)?,
        home(&target, "bench-statusline-kept", &binary)?,
    );
    let made = command(&with, &binary)?
        .args(["bind", "/", "--expect", "plan"])
        .output()?;
    ensure!(made.status.success(), "keyreeve bind failed");
    let ours = |scratch, name: &'static str| {
        let binary = &binary;
        move || -> Result<Command> {
            let mut command = command(scratch, binary)?;
            command.arg(name);
            Ok(command)
        }
    };
    let (nothing, version) = (|| Ok(Command::new("true")), ours(&without, "version"));
    let (unkept, kept) = (ours(&without, "statusline"), ours(&with, "statusline"));
    let same: fn(usize) -> String = |_| session(42);
    let mut all = [
        Timed::of("true", &nothing, same),
        Timed::of("keyreeve version", &version, same),
        Timed::of("statusline, no store", &unkept, same),
        Timed::of("statusline, nothing new", &kept, same),
        Timed::of("statusline, kept", &kept, |run| session(run % 100)),
    ];
    for run in 0..RUNS {
        for one in &mut all {
            let time = timed(&mut (one.make)()?, (one.input)(run).as_bytes())?;
            one.times.push(time);
        }
    }
    print(&mut all);
    Ok(())
}

fn print(all: &mut [Timed<'_>]) {
    for one in &mut *all {
        one.times.sort_unstable();
    }
    let middle = |at: usize| all.get(at).map_or(0.0, |one| percentile(&one.times, 50));
    let (nothing, version) = (middle(0), middle(1));
    for one in &*all {
        let (middle, late) = (percentile(&one.times, 50), percentile(&one.times, 95));
        say::line(format_args!(
            "{:<24} p50 {middle:>5.1} ms, p95 {late:>5.1} ms; {:.1} times `true`, {:.1} times `keyreeve version`",
            one.name,
            middle / nothing,
            middle / version,
        ));
    }
}

/// A home with a login and settings of Claude Code, as most have them.
fn home(target: &Path, name: &str, binary: &Path) -> Result<Scratch> {
    let scratch = Scratch::new(target, name)?;
    let folder = scratch.folder("home/.claude")?;
    let login = r#"{"claudeAiOauth": {"accessToken": "made-up", "refreshToken": "made-up", "scopes": ["user:inference"]}}"#;
    fs::write(folder.join(".credentials.json"), login).context("write a login")?;
    fs::write(folder.join("settings.json"), r#"{"theme": "dark"}"#).context("write settings")?;
    // A memory as long as it is on a machine that is used.
    let memory = format!(r#"{{"projects": ["{}"]}}"#, "x".repeat(100_000));
    let beside = scratch.folder("home")?.join(".claude.json");
    fs::write(beside, memory).context("write a memory")?;
    ensure!(binary.is_file(), "there is no release build");
    Ok(scratch)
}

/// What a session pipes.
fn session(used: usize) -> String {
    format!(
        r#"{{"version": "2.1.329", "cwd": "/", "workspace": {{"project_dir": "/"}}, "cost": {{"total_cost_usd": 0.42}},
            "rate_limits": {{"five_hour": {{"used_percentage": {used}}}, "seven_day": {{"used_percentage": 12.3}}}}}}"#
    )
}
