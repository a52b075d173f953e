//! A temporary home in which the product runs as if on a machine of its own.
//!
//! Invariants: a command started here sees nothing of the real machine but `PATH`; all it prints is kept in files of the
//! home; when the home goes, no secret planted in it may be found in any of its files, names and outputs, or the test
//! fails.

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
use crate::process::{Output, Process, Running};
use crate::terminal::{Terminal, Typed};

/// A command may take this long before the test is failed.
pub const TIME_LIMIT: Duration = Duration::from_secs(20);

/// A temporary directory with a person's home, keyreeve's folder, a working directory and all that was printed.
pub struct Home {
    directory: TempDir,
    commands: AtomicU32,
    planted: Mutex<Vec<Canary>>,
}

impl Home {
    /// Makes an empty home, open to its owner only. keyreeve's folder does not exist yet: making it is keyreeve's part.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("keyreeve-test-").tempdir();
        let directory = directory.expect("a temporary directory can be made");
        for folder in ["home", "work", "tmp", "printed"] {
            let path = directory.path().join(folder);
            DirBuilder::new()
                .mode(0o700)
                .create(path)
                .expect("a folder can be made");
        }
        Self {
            directory,
            commands: AtomicU32::new(0),
            planted: Mutex::default(),
        }
    }

    /// The directory that holds all of it.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What commands are told as `HOME`.
    pub fn user_home(&self) -> PathBuf {
        self.path().join("home")
    }

    /// What commands are told as `KEYREEVE_HOME`.
    pub fn keyreeve_home(&self) -> PathBuf {
        self.path().join("keyreeve")
    }

    /// The directory that commands start in.
    pub fn work(&self) -> PathBuf {
        self.path().join("work")
    }

    /// Names a secret that from now on may appear nowhere in this home.
    pub fn plant(&self, canary: &Canary) {
        self.planted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(canary.clone());
    }

    /// A command with an environment of `PATH`, `HOME`, `KEYREEVE_HOME`, `TMPDIR` and `TERM=dumb`, and nothing to read.
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

    /// Runs a command to its end, within [`TIME_LIMIT`].
    pub fn run(&self, command: &mut Command) -> Output {
        self.spawn(command).wait(TIME_LIMIT)
    }

    /// Runs a command that reads `input` and then the end of file.
    pub fn run_with_input(&self, command: &mut Command, input: &[u8]) -> Output {
        let mut process = self.spawn(command.stdin(Stdio::piped()));
        process.feed(input);
        process.wait(TIME_LIMIT)
    }

    /// Starts a daemon, which tells by a first line of JSON that it is ready.
    pub fn start(&self, command: &mut Command) -> Running {
        Running::await_ready(self.spawn(command))
    }

    /// Runs a command at a terminal of its own, 80 columns wide, where a person types; its output is all that the screen
    /// showed.
    pub fn run_at_terminal(&self, command: &mut Command, answers: &[Typed<'_>]) -> Output {
        self.run_at_terminal_of(80, command, answers)
    }

    /// Runs a command at a terminal of so many columns.
    pub fn run_at_terminal_of(
        &self,
        columns: u16,
        command: &mut Command,
        answers: &[Typed<'_>],
    ) -> Output {
        let ((screen_file, screen), (nothing, _)) = self.output_files();
        let mut terminal = Terminal::of(command, screen, columns);
        let process = Process::spawn(command, screen_file, nothing);
        // The command held copies of the terminal, which would keep it open for ever.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        terminal.converse(answers, TIME_LIMIT);
        process.wait(TIME_LIMIT)
    }

    /// Starts a command and lets it run.
    pub fn spawn(&self, command: &mut Command) -> Process {
        let ((stdout, to_stdout), (stderr, to_stderr)) = self.output_files();
        command.stdout(to_stdout).stderr(to_stderr);
        Process::spawn(command, stdout, stderr)
    }

    /// Two new files for what the next command prints.
    fn output_files(&self) -> ((PathBuf, File), (PathBuf, File)) {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let file = |stream: &str| {
            let name = format!("{number:04}.{stream}");
            let path = self.path().join("printed").join(name);
            let file = File::create_new(&path).expect("a file for the output can be made");
            (path, file)
        };
        (file("stdout"), file("stderr"))
    }

    /// Fails the test if a planted secret is in any file, name or output of this home.
    #[track_caller]
    pub fn assert_clean(&self) {
        let planted = self.planted.lock().unwrap_or_else(PoisonError::into_inner);
        if !planted.is_empty() {
            leakscan::assert_none(&LeakScan::of(&*planted).path(self.path()));
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
