//! Watches the system calls of commands, where the machine lets us.
//!
//! Invariants: the watched program is the direct child of the test, so that its exit code and its signals are its own;
//! traces lie outside of the home, whose files the tests look at; one is read only once the program's end stands in it.

use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::case::Case;

/// How long `strace` may take to write down the end of a program that is gone.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Puts `strace` before commands and keeps what it wrote.
pub(crate) struct Strace {
    calls: &'static str,
    traces: TempDir,
    commands: AtomicU32,
}

impl Strace {
    /// Watches these system calls, or says why this machine cannot.
    pub(crate) fn of(calls: &'static str) -> Result<Self, String> {
        // A hardened process shows its memory, and so the paths it opens, to the superuser only.
        if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
            return Err("strace sees into a hardened process only as root".to_owned());
        }
        let tried = Command::new("strace")
            .args(["-D", "-f", "-o", "/dev/null", "true"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match tried {
            Err(error) => Err(format!("strace cannot be started: {error}")),
            Ok(status) if !status.success() => Err("strace may not watch here".to_owned()),
            Ok(_) => Ok(Self {
                calls,
                traces: TempDir::new().unwrap(),
                commands: AtomicU32::new(0),
            }),
        }
    }

    /// `keyreeve` with these arguments, watched from its first instant, started under a umask that closes nothing.
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

    /// What was written down, one trace a command.
    pub(crate) fn traces(&self) -> Vec<String> {
        let count = self.commands.load(Ordering::Relaxed);
        (0..count).map(|number| self.trace(number)).collect()
    }

    fn trace(&self, number: u32) -> String {
        let (file, until) = (
            self.traces.path().join(format!("{number:04}")),
            Instant::now() + END_LIMIT,
        );
        loop {
            let bytes = std::fs::read(&file).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            if text.trim_end().ends_with("+++") && is_over(&text) {
                return text.into_owned();
            }
            assert!(Instant::now() < until, "trace {number} has no end: {text}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Whether the process that was started, whose id stands at the beginning of the trace, has ended.
fn is_over(trace: &str) -> bool {
    let first = trace.split_whitespace().next().unwrap_or_default();
    trace
        .lines()
        .rev()
        .take(16)
        .any(|line| line.split_whitespace().next() == Some(first) && line.contains(" +++ "))
}
