//! Traces the system calls of commands, if the machine allows it.
//!
//! Invariants: the traced program is the direct child of the test, so that its exit code and signals are its own; traces are
//! outside of the home, whose files the tests scan; a trace is read only once it contains the program's exit.

use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::case::Case;

/// Time limit for `strace` to record the exit of a program that has ended.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs commands under `strace` and collects the traces.
pub(crate) struct Strace {
    calls: &'static str,
    traces: TempDir,
    commands: AtomicU32,
}

impl Strace {
    /// Prepares to trace these system calls.
    ///
    /// # Errors
    /// If the machine does not allow it, with the reason.
    pub(crate) fn new(calls: &'static str) -> Result<Self, String> {
        // Only root can read the memory of a hardened process, and so the paths it opens.
        if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
            return Err("strace can trace a hardened process only as root".to_owned());
        }
        let tried = Command::new("strace")
            .args(["-D", "-f", "-o", "/dev/null", "true"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match tried {
            Err(error) => Err(format!("cannot start strace: {error}")),
            Ok(status) if !status.success() => Err("strace is not allowed here".to_owned()),
            Ok(_) => Ok(Self {
                calls,
                traces: TempDir::new().unwrap(),
                commands: AtomicU32::new(0),
            }),
        }
    }

    /// Returns `keyreeve` with these arguments, traced from its start, under a umask of 0.
    pub(crate) fn command(&self, case: &Case, arguments: &[&str]) -> Command {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let mut command = case.home.command("sh");
        command
            .args(["-c", "umask 000; exec \"$@\"", "sh", "strace"])
            .args(["-D", "-f", "-v", "-s", "65535", "-q", "-e"])
            .arg(format!("trace={}", self.calls))
            .arg("-o")
            .arg(self.traces.path().join(format!("{number:04}")))
            .arg(env!("CARGO_BIN_EXE_keyreeve"))
            .args(arguments);
        command
    }

    /// Returns the traces, one per command.
    pub(crate) fn traces(&self) -> Vec<String> {
        let count = self.commands.load(Ordering::Relaxed);
        (0..count).map(|number| self.trace(number)).collect()
    }

    fn trace(&self, number: u32) -> String {
        let (file, until) = (
            self.traces.path().join(format!("{number:04}")),
            Instant::now() + EXIT_TIMEOUT,
        );
        loop {
            let bytes = std::fs::read(&file).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            if text.trim_end().ends_with("+++") && has_exited(&text) {
                return text.into_owned();
            }
            assert!(Instant::now() < until, "trace {number} has no end: {text}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Returns `true` if the traced process, whose id is at the start of the trace, has exited.
fn has_exited(trace: &str) -> bool {
    let first = trace.split_whitespace().next().unwrap_or_default();
    trace
        .lines()
        .rev()
        .take(16)
        .any(|line| line.split_whitespace().next() == Some(first) && line.contains(" +++ "))
}
