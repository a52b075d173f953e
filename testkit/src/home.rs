//! A temporary home in which the product runs as if on a machine of its own.
//!
//! Invariants: a command started here sees nothing of the real machine except `PATH`; all its output is written to
//! files of the home; when the home is dropped, a planted secret in any of its files, names or outputs fails the test.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use crate::canary::Canary;
use crate::leakscan::{self, LeakScan};
use crate::process::{Daemon, Process, ProcessOutput};
use crate::terminal::{Terminal, TerminalInput};

/// Maximum run time of a command; beyond it the test fails.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(20);

/// A temporary directory with a user's home, keyreeve's directory, a working directory and all command output.
pub struct Home {
    directory: TempDir,
    commands: AtomicU32,
    canaries: Mutex<Vec<Canary>>,
}

impl Home {
    /// Creates an empty home, accessible only to its owner. keyreeve's directory is missing until keyreeve creates it.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("keyreeve-test-").tempdir();
        let directory = directory.expect("a temporary directory can be created");
        for folder in ["home", "work", "tmp", "printed"] {
            let path = directory.path().join(folder);
            DirBuilder::new()
                .mode(0o700)
                .create(path)
                .expect("a directory can be created");
        }
        Self {
            directory,
            commands: AtomicU32::new(0),
            canaries: Mutex::default(),
        }
    }

    /// Returns the directory that contains everything.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the commands' `HOME`.
    pub fn user_home(&self) -> PathBuf {
        self.path().join("home")
    }

    /// Returns the commands' `KEYREEVE_HOME`.
    pub fn keyreeve_home(&self) -> PathBuf {
        self.path().join("keyreeve")
    }

    /// Returns the commands' working directory.
    pub fn work(&self) -> PathBuf {
        self.path().join("work")
    }

    /// Registers a secret that must not appear anywhere in this home.
    pub fn plant(&self, canary: &Canary) {
        self.canaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(canary.clone());
    }

    /// Returns a command with empty stdin and only `PATH`, `HOME`, `KEYREEVE_HOME`, `TMPDIR` and `TERM=dumb` set.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env(
                "PATH",
                std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin")),
            )
            .env("HOME", self.user_home())
            .env("KEYREEVE_HOME", self.keyreeve_home())
            .env("TMPDIR", self.path().join("tmp"))
            .env("TERM", "dumb")
            .current_dir(self.work())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, within [`COMMAND_TIMEOUT`].
    pub fn run(&self, command: &mut Command) -> ProcessOutput {
        self.spawn(command).wait(COMMAND_TIMEOUT)
    }

    /// Runs a command with `input` on stdin.
    pub fn run_with_input(&self, command: &mut Command, input: &[u8]) -> ProcessOutput {
        let mut process = self.spawn(command.stdin(Stdio::piped()));
        process.feed(input);
        process.wait(COMMAND_TIMEOUT)
    }

    /// Starts a daemon and waits for its first line of output, the JSON that reports it as ready.
    pub fn start(&self, command: &mut Command) -> Daemon {
        Daemon::await_ready(self.spawn(command))
    }

    /// Runs a command on a terminal of its own, 80 columns wide, and types `inputs`; stdout is everything that appeared
    /// on the screen.
    pub fn run_at_terminal(
        &self,
        command: &mut Command,
        inputs: &[TerminalInput<'_>],
    ) -> ProcessOutput {
        self.run_at_terminal_with_width(80, command, inputs)
    }

    /// Runs a command on a terminal with this many columns.
    pub fn run_at_terminal_with_width(
        &self,
        columns: u16,
        command: &mut Command,
        inputs: &[TerminalInput<'_>],
    ) -> ProcessOutput {
        let ((screen_path, screen), (empty_path, _)) = self.output_files();
        let mut terminal = Terminal::attach(command, screen, columns);
        let process = Process::spawn(command, screen_path, empty_path);
        // The command has copies of the terminal, which would keep it open.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        terminal.type_inputs(inputs, COMMAND_TIMEOUT);
        process.wait(COMMAND_TIMEOUT)
    }

    /// Starts a command without waiting for it.
    pub fn spawn(&self, command: &mut Command) -> Process {
        let ((stdout, to_stdout), (stderr, to_stderr)) = self.output_files();
        command.stdout(to_stdout).stderr(to_stderr);
        Process::spawn(command, stdout, stderr)
    }

    /// Starts a command with output of the caller's choice, without waiting for it. Nothing of it is captured.
    pub fn spawn_uncaptured(
        &self,
        command: &mut Command,
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
    ) -> Process {
        let ((empty_stdout, _), (empty_stderr, _)) = self.output_files();
        command.stdout(stdout).stderr(stderr);
        let process = Process::spawn(command, empty_stdout, empty_stderr);
        // The command has copies, which would keep a pipe open.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        process
    }

    /// Starts a daemon as [`Home::start`] does, with standard error of the caller's choice.
    pub fn start_with_stderr(&self, command: &mut Command, stderr: impl Into<Stdio>) -> Daemon {
        let ((stdout, to_stdout), (empty_stderr, _)) = self.output_files();
        command.stdout(to_stdout).stderr(stderr);
        let process = Process::spawn(command, stdout, empty_stderr);
        // The command has a copy, which would keep a pipe open.
        command.stderr(Stdio::null());
        Daemon::await_ready(process)
    }

    /// Creates two files for the output of the next command.
    fn output_files(&self) -> ((PathBuf, File), (PathBuf, File)) {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let file = |stream: &str| {
            let name = format!("{number:04}.{stream}");
            let path = self.path().join("printed").join(name);
            let file = File::create_new(&path).expect("an output file can be created");
            (path, file)
        };
        (file("stdout"), file("stderr"))
    }

    /// Fails the test if a planted secret is in any file, name or output of this home.
    #[track_caller]
    pub fn assert_clean(&self) {
        let planted = self.canaries.lock().unwrap_or_else(PoisonError::into_inner);
        if !planted.is_empty() {
            leakscan::assert_no_leaks(&LeakScan::new(&*planted).path(self.path()));
        }
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_clean();
        }
    }
}
