//! Runs helpers as Claude Code does, but for nothing out of the working directory, because a person asked to know how they fare (docs/facts.md#claude-code).
//!
//! Invariants: what a helper prints is judged and wiped, never kept or shown; one that a project names is never run.

use std::process::Stdio;
use std::time::Duration;

use keyreeve_core::claude_code::{HelperSetting, Scope, SettingsState};
use keyreeve_core::finding::{HelperOutcome, HelperRun};
use keyreeve_core::snapshot::Snapshot;
use keyreeve_os::programs::without_working_directory;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

/// How long a helper may take before it is ended.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// More than this is no credential (docs/facts.md#claude-code).
const LONGEST_OUTPUT: usize = 16_384 + 2;

/// Runs every helper that the person's own or the organization's settings name, one after another.
pub async fn run_helpers(snapshot: &Snapshot) -> Vec<HelperRun> {
    let mut runs = Vec::new();
    for file in &snapshot.settings {
        let trusted = match file.scope {
            Scope::Managed | Scope::Flag | Scope::User => true,
            Scope::Local | Scope::Project => false,
        };
        let SettingsState::Read(settings) = &file.state else {
            continue;
        };
        if let Some(helper) = settings.helper.as_ref().filter(|_| trusted)
            && !helper.command.judge().trim().is_empty()
        {
            let started = Instant::now();
            let outcome = timeout(TIME_LIMIT, run(helper, snapshot))
                .await
                .unwrap_or(HelperOutcome::Endless);
            runs.push(HelperRun {
                path: file.path.clone(),
                line: helper.line,
                outcome,
                millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            });
        }
    }
    runs
}

async fn run(helper: &HelperSetting, snapshot: &Snapshot) -> HelperOutcome {
    let mut command = Command::new("/bin/sh");
    if let Some(path) = snapshot.environment.get("PATH") {
        command.env("PATH", without_working_directory(path));
    }
    let spawned = command
        .arg("-c")
        .arg(helper.command.judge())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // A helper may print anything there, also a secret: it is for a person who runs it by hand.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut child) = spawned else {
        return HelperOutcome::Failed;
    };
    let mut printed = Zeroizing::new(Vec::with_capacity(LONGEST_OUTPUT));
    if let Some(stdout) = child.stdout.take() {
        let mut limited = stdout.take(LONGEST_OUTPUT as u64);
        if limited.read_to_end(&mut printed).await.is_err() {
            return HelperOutcome::Failed;
        }
    }
    match child.wait().await {
        Ok(status) if status.success() => std::str::from_utf8(&printed)
            .map_or(HelperOutcome::Unprintable, HelperOutcome::of_output),
        Ok(_) | Err(_) => HelperOutcome::Failed,
    }
}
