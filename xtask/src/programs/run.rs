//! Runs a program with a time limit.

use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs a command and returns its output; kills it after the timeout.
pub(crate) fn run_with_timeout(mut command: Command, timeout: Duration) -> Result<Output> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start the command")?;
    let deadline = Instant::now() + timeout;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            bail!("timed out after {timeout:?}");
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(child.wait_with_output()?)
}
