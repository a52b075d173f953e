//! Processes of a test: waited for with a timeout, signaled by id, and killed when dropped.
//!
//! Invariants: only a process started here is ever signaled, and only before it has been waited for, so that its id
//! cannot belong to another process; no process outlives its value.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::Pid;
pub use rustix::process::Signal;
use serde_json::Value;

/// Maximum time until a daemon is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// Poll interval while waiting for a process.
const POLL_INTERVAL: Duration = Duration::from_millis(3);

/// A process and its output files.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// Output and exit code of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "an unchecked exit code hides a failure"]
pub struct ProcessOutput {
    /// Exit code, or 128 plus the number of the signal that ended it, as in shells.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// `true` if it dumped core.
    pub core_dumped: bool,
}

/// A daemon that has reported that it is ready.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    ready: Value,
}

impl Process {
    /// Starts a command whose output goes to these two files.
    pub(crate) fn spawn(command: &mut Command, stdout: PathBuf, stderr: PathBuf) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self {
            child,
            name,
            stdout,
            stderr,
        }
    }

    /// Returns its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes its stdin and closes it. A process may stop reading early.
    pub(crate) fn feed(&mut self, input: &[u8]) {
        let mut stdin = self
            .child
            .stdin
            .take()
            .expect("its standard input is a pipe");
        let _read_or_not = stdin.write_all(input);
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal)
            .expect("a process that was not waited for can be signaled");
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
    }

    /// Waits for its end, at most `timeout`, and returns its output.
    pub fn wait(mut self, timeout: Duration) -> ProcessOutput {
        let Some(status) = poll(timeout, || self.try_wait()) else {
            panic!(
                "{} was still running after {timeout:?}; {}",
                self.name,
                self.output_so_far()
            );
        };
        ProcessOutput {
            code: code(status),
            stdout: text(&self.stdout),
            stderr: text(&self.stderr),
            core_dumped: status.core_dumped(),
        }
    }

    fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    fn output_so_far(&self) -> String {
        format!(
            "output so far: {}{}",
            text(&self.stdout),
            text(&self.stderr)
        )
    }
}

impl Drop for Process {
    /// Kills it if it is still running. `Child` does not signal a process that it has already waited for.
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _waited_already = self.child.wait();
    }
}

impl ProcessOutput {
    /// Fails the test unless the exit code is `code`; returns the output.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }

    /// Returns its standard output as a JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON: {error}: {}{}", self.stdout, self.stderr))
    }
}

impl Daemon {
    /// Waits for the first line on standard output, which must be JSON.
    pub(crate) fn await_ready(mut process: Process) -> Self {
        let line = poll(READY_TIMEOUT, || {
            match text(&process.stdout).split_once('\n') {
                Some((line, _)) => Some(Ok(line.to_owned())),
                None => process.try_wait().map(Err),
            }
        });
        match line {
            Some(Ok(line)) => {
                let ready = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("first line is not JSON: {error}: {line}"));
                Self { process, ready }
            }
            Some(Err(status)) => {
                panic!(
                    "{} ended with {} before it was ready; {}",
                    process.name,
                    code(status),
                    process.output_so_far()
                )
            }
            None => panic!(
                "{} was not ready in {READY_TIMEOUT:?}; {}",
                process.name,
                process.output_so_far()
            ),
        }
    }

    /// Returns its first line of output.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// Returns its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends SIGTERM; [`Daemon::wait`] returns the result.
    pub fn terminate(&self) {
        self.process.terminate();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Sends SIGKILL and waits for its end.
    pub fn kill(mut self) -> ProcessOutput {
        self.process.kill();
        self.wait(READY_TIMEOUT)
    }

    /// Waits for its end, at most `timeout`, and returns its output.
    pub fn wait(self, timeout: Duration) -> ProcessOutput {
        self.process.wait(timeout)
    }
}

fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().expect("it exited or was ended by a signal"))
}

fn text(file: &Path) -> String {
    let bytes = std::fs::read(file).expect("an output file can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn poll<T>(timeout: Duration, mut check: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(value) = check() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}
