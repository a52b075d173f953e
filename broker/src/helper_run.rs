//! Runs API key helpers as Claude Code does, but without the working directory in PATH, when the user asks to test them
//! (docs/facts.md#claude-code).
//!
//! Invariants: a helper's output is validated and zeroized, never stored or shown; a helper set by a project never
//! runs.

use std::process::Stdio;
use std::time::Duration;

use keyreeve_os::programs::without_working_directory;
use keyreeve_resolver::claude_code::{HelperSetting, SettingsState};
use keyreeve_resolver::finding::{HelperOutcome, HelperRun};
use keyreeve_resolver::snapshot::Snapshot;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

/// Timeout of a helper.
const RUN_TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum output of a helper: a longer one is not a credential (docs/facts.md#claude-code).
const MAX_OUTPUT_BYTES: usize = 16_384 + 2;

/// Runs every helper in the user's own or the organization's settings, one after another.
pub async fn run_helpers(snapshot: &Snapshot) -> Vec<HelperRun> {
    let mut runs = Vec::new();
    for file in &snapshot.settings {
        let trusted = !file.scope.is_project();
        let SettingsState::Read(settings) = &file.state else {
            continue;
        };
        if let Some(helper) = settings.helper.as_ref().filter(|_| trusted)
            && !helper.command.inspect().trim().is_empty()
        {
            let started = Instant::now();
            let outcome = timeout(RUN_TIMEOUT, run(helper, snapshot))
                .await
                .unwrap_or(HelperOutcome::TimedOut);
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
        .arg(helper.command.inspect())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // A helper may print anything there, even a secret: users see it when they run the helper themselves.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut child) = spawned else {
        return HelperOutcome::Failed;
    };
    let mut output = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT_BYTES));
    if let Some(stdout) = child.stdout.take() {
        let mut limited = stdout.take(MAX_OUTPUT_BYTES as u64);
        if limited.read_to_end(&mut output).await.is_err() {
            return HelperOutcome::Failed;
        }
    }
    match child.wait().await {
        Ok(status) if status.success() => std::str::from_utf8(&output)
            .map_or(HelperOutcome::InvalidCharacters, HelperOutcome::from_output),
        Ok(_) | Err(_) => HelperOutcome::Failed,
    }
}
