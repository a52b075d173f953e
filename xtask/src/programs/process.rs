//! Processes: the program under test, programs with a time limit, and servers that run until they are dropped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::environment;

const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Time limit for a server to report that it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// Builds the program under test, with further options of cargo.
pub(crate) fn build(root: &Path, options: &[&str]) -> Result<()> {
    let status = Command::new("cargo")
        .args(["build", "--locked", "--package", "keyreeve"])
        .args(options)
        .current_dir(root)
        .status()
        .context("cannot run cargo build")?;
    ensure!(status.success(), "keyreeve failed to build");
    Ok(())
}

/// Returns the path of the program under test.
pub(crate) fn keyreeve(root: &Path) -> PathBuf {
    environment::target_dir(root).join("debug/keyreeve")
}

/// Returns the path of the program under test in release mode.
pub(crate) fn release_keyreeve(root: &Path) -> PathBuf {
    environment::target_dir(root).join("release/keyreeve")
}

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

/// Runs a command with an input and returns its output.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start the command")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input)?;
    }
    Ok(child.wait_with_output()?)
}

/// Returns an error with what the command `name` printed to standard error, unless it succeeded.
pub(crate) fn ensure_success(name: &str, output: &Output) -> Result<()> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed: {}", stderr.trim());
    Ok(())
}

/// A server; killed on drop.
pub(crate) struct Server(Child);

impl Server {
    /// Starts a server, and returns the first line it prints when it is ready.
    pub(crate) fn start(command: &mut Command) -> Result<(Self, String)> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let stdout = child.stdout.take();
        let server = Self(child);
        let stdout = stdout.context("the server has no standard output")?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            sender.send(read.map(|_| line))
        });
        let Ok(line) = receiver.recv_timeout(READY_TIMEOUT) else {
            bail!("the server was not ready after {READY_TIMEOUT:?}");
        };
        let line = line?;
        ensure!(!line.is_empty(), "the server exited before it was ready");
        Ok((server, line))
    }

    /// Returns the id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _already_reaped = self.0.wait();
    }
}
