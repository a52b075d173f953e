//! Processes that a test started: waited for with a limit, signalled by their id, gone when the test is.
//!
//! Invariants: only a process that was started here is ever signalled, and only until it has been waited for, so that
//! its id cannot have become another's; none outlives its value.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::Pid;
pub use rustix::process::Signal;
use serde_json::Value;

/// A daemon may take this long until it is ready.
const READY_LIMIT: Duration = Duration::from_secs(10);

/// How often a process is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(3);

/// A process and the files that it prints into.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// What a command left behind.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "an exit code that nobody looks at hides a failure"]
pub struct Output {
    /// Its exit code; 128 and the number of the signal that ended it, as shells count.
    pub code: i32,
    /// What it printed as data.
    pub stdout: String,
    /// What it said to the person.
    pub stderr: String,
    /// Whether the system wrote its memory down as it died.
    pub core_dumped: bool,
}

/// A daemon that has said that it is ready.
#[derive(Debug)]
pub struct Running {
    process: Process,
    ready: Value,
}

impl Process {
    /// Starts a command whose output goes into the two files.
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

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes all it is to read, and the end of file. One that stopped reading has its reasons.
    pub fn feed(&mut self, input: &[u8]) {
        let mut stdin = self
            .child
            .stdin
            .take()
            .expect("its standard input is a pipe");
        let _read_or_not = stdin.write_all(input);
    }

    /// Asks it to end, with SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal)
            .expect("a process that was not waited for can be signalled");
    }

    /// Ends it at once, with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
    }

    /// Waits for its end, at most for `limit`, and takes what it printed.
    pub fn wait(mut self, limit: Duration) -> Output {
        let Some(status) = poll(limit, || self.ended()) else {
            panic!("{} still ran after {limit:?}; {}", self.name, self.said());
        };
        Output {
            code: code(status),
            stdout: text(&self.stdout),
            stderr: text(&self.stderr),
            core_dumped: status.core_dumped(),
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    fn said(&self) -> String {
        format!("it had said: {}{}", text(&self.stdout), text(&self.stderr))
    }
}

impl Drop for Process {
    /// Kills it if it still runs. `Child` signals no process that it has already waited for.
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _waited_already = self.child.wait();
    }
}

impl Output {
    /// Fails the test unless the exit code is `code`; gives the output back.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }

    /// Its standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON: {error}: {}{}", self.stdout, self.stderr))
    }
}

impl Running {
    /// Waits for the first line on standard output, which must be JSON.
    pub(crate) fn await_ready(mut process: Process) -> Self {
        let line = poll(READY_LIMIT, || {
            match text(&process.stdout).split_once('\n') {
                Some((line, _)) => Some(Ok(line.to_owned())),
                None => process.ended().map(Err),
            }
        });
        match line {
            Some(Ok(line)) => {
                let ready = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("first line is no JSON: {error}: {line}"));
                Self { process, ready }
            }
            Some(Err(status)) => {
                panic!(
                    "{} ended with {} before it was ready; {}",
                    process.name,
                    code(status),
                    process.said()
                )
            }
            None => panic!(
                "{} was not ready in {READY_LIMIT:?}; {}",
                process.name,
                process.said()
            ),
        }
    }

    /// The first line it printed.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Asks it to end with SIGTERM; [`Running::wait`] sees how it does.
    pub fn terminate(&self) {
        self.process.terminate();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Ends it with SIGKILL and waits until it is gone.
    pub fn kill(mut self) -> Output {
        self.process.kill();
        self.wait(READY_LIMIT)
    }

    /// Waits for its end, at most for `limit`, and takes what it printed.
    pub fn wait(self, limit: Duration) -> Output {
        self.process.wait(limit)
    }
}

fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().expect("it exited or was ended by a signal"))
}

fn text(file: &Path) -> String {
    let bytes = std::fs::read(file).expect("what a process printed can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn poll<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + limit;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if Instant::now() >= until {
            return None;
        }
        std::thread::sleep(LOOK);
    }
}
