//! Wall-clock time of `keyreeve statusline`, compared with `keyreeve version` and `true`.
//!
//! Claude Code runs it at most every 300 ms. The runs are interleaved, so that other load on the machine affects all
//! alike.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::command::{command, time_command};
use super::keyreeve_helper::percentile;
use crate::environment::{self, Scratch};
use crate::output;
use crate::programs::{ensure_success, release_keyreeve};

/// Runs per command.
const RUNS: usize = 200;

/// A command and its measured times.
struct TimedCommand<'a> {
    name: &'static str,
    new_command: &'a dyn Fn() -> Result<Command>,
    /// Returns the standard input of a run, by its number.
    input: fn(usize) -> String,
    times: Vec<Duration>,
}

impl<'a> TimedCommand<'a> {
    fn new(
        name: &'static str,
        new_command: &'a dyn Fn() -> Result<Command>,
        input: fn(usize) -> String,
    ) -> Self {
        Self {
            name,
            new_command,
            input,
            times: Vec::with_capacity(RUNS),
        }
    }
}

/// Times the commands, with the existing release build.
pub(super) fn run(root: &Path) -> Result<()> {
    let target = environment::target_dir(root);
    let binary = release_keyreeve(root);
    let (no_store, with_store) = (
        new_home(&target, "bench-statusline", &binary)?,
        new_home(&target, "bench-statusline-store", &binary)?,
    );
    let output = command(&with_store, &binary)?
        .args(["bind", "/", "--expect", "plan"])
        .output()?;
    ensure_success("keyreeve bind", &output)?;
    let keyreeve = |scratch, name: &'static str| {
        let binary = &binary;
        move || -> Result<Command> {
            let mut command = command(scratch, binary)?;
            command.arg(name);
            Ok(command)
        }
    };
    let (baseline, version) = (|| Ok(Command::new("true")), keyreeve(&no_store, "version"));
    let (not_stored, stored) = (
        keyreeve(&no_store, "statusline"),
        keyreeve(&with_store, "statusline"),
    );
    let same: fn(usize) -> String = |_| session_input(42);
    let mut all = [
        TimedCommand::new("true", &baseline, same),
        TimedCommand::new("keyreeve version", &version, same),
        TimedCommand::new("statusline, no store", &not_stored, same),
        TimedCommand::new("statusline, no change", &stored, same),
        TimedCommand::new("statusline, new limits", &stored, |run| {
            session_input(run % 100)
        }),
    ];
    for run in 0..RUNS {
        for timed in &mut all {
            let time = time_command(&mut (timed.new_command)()?, (timed.input)(run).as_bytes())?;
            timed.times.push(time);
        }
    }
    print(&mut all);
    Ok(())
}

fn print(all: &mut [TimedCommand<'_>]) {
    for timed in &mut *all {
        timed.times.sort_unstable();
    }
    let median = |index: usize| {
        all.get(index)
            .map_or(0.0, |timed| percentile(&timed.times, 50))
    };
    let (baseline, version) = (median(0), median(1));
    for timed in &*all {
        let (p50, p95) = (percentile(&timed.times, 50), percentile(&timed.times, 95));
        output::print_line(format_args!(
            "{:<24} p50 {p50:>5.1} ms, p95 {p95:>5.1} ms; {:.1} times `true`, {:.1} times `keyreeve version`",
            timed.name,
            p50 / baseline,
            p50 / version,
        ));
    }
}

/// Creates a home directory with a typical login and settings of Claude Code.
fn new_home(target: &Path, name: &str, binary: &Path) -> Result<Scratch> {
    let scratch = Scratch::new(target, name)?;
    let folder = scratch.folder("home/.claude")?;
    let login = r#"{"claudeAiOauth": {"accessToken": "made-up", "refreshToken": "made-up", "scopes": ["user:inference"]}}"#;
    fs::write(folder.join(".credentials.json"), login).context("cannot write the login")?;
    fs::write(folder.join("settings.json"), r#"{"theme": "dark"}"#)
        .context("cannot write the settings")?;
    // As long as on a machine in everyday use.
    let state = format!(r#"{{"projects": ["{}"]}}"#, "x".repeat(100_000));
    let state_file = scratch.folder("home")?.join(".claude.json");
    fs::write(state_file, state).context("cannot write .claude.json")?;
    ensure!(binary.is_file(), "the release build is missing");
    Ok(scratch)
}

/// Returns the JSON that a Claude Code session pipes to the status line.
fn session_input(used: usize) -> String {
    format!(
        r#"{{"version": "2.1.329", "cwd": "/", "workspace": {{"project_dir": "/"}}, "cost": {{"total_cost_usd": 0.42}},
            "rate_limits": {{"five_hour": {{"used_percentage": {used}}}, "seven_day": {{"used_percentage": 12.3}}}}}}"#
    )
}
