//! Runs `keyreeve` in a temporary home and captures the result: exit code, standard output, standard error.
//!
//! Invariant: what differs between runs (paths, times, ids, keys, ports) is filtered, so that a snapshot is all the user sees.

use std::fs;
use std::process::Command;

use keyreeve_store::{Durability, Store, StorePaths};
use keyreeve_testkit::home::Home;
use keyreeve_testkit::process::ProcessOutput;

/// A temporary home in which commands run.
pub(crate) struct Case {
    pub(crate) home: Home,
}

impl Case {
    /// Creates an empty machine.
    pub(crate) fn new() -> Self {
        Self { home: Home::new() }
    }

    /// Creates a machine with a profile `work`, whose secret is planted, and nothing else.
    pub(crate) fn with_profile() -> (Self, keyreeve_testkit::canary::Canary) {
        let (case, canary) = (
            Self::new(),
            keyreeve_testkit::canary::Canary::api_key("profile"),
        );
        case.home.plant(&canary);
        let added = case.feed(&["profile", "add", "work", "--stdin"], canary.value());
        assert_eq!(added.code, 0, "{}", added.stderr);
        (case, canary)
    }

    /// Returns the command without running it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(env!("CARGO_BIN_EXE_keyreeve"));
        command.args(arguments);
        command
    }

    /// Returns a command in a directory below the home directory, so that the output does not depend on its path.
    pub(crate) fn in_project(&self, arguments: &[&str]) -> Command {
        let project = self.home.user_home().join("project");
        fs::create_dir_all(&project).unwrap();
        let mut command = self.command(arguments);
        command.current_dir(project);
        command
    }

    /// Opens the machine's store as another process would.
    pub(crate) fn store(&self) -> Store {
        let home = self.home.keyreeve_home();
        let paths = StorePaths {
            data: home.join("data"),
            keys: home.join("config"),
        };
        Store::open(&paths, Durability::Local).unwrap()
    }

    /// Runs a command without input.
    pub(crate) fn run(&self, arguments: &[&str]) -> ProcessOutput {
        self.home.run(&mut self.command(arguments))
    }

    /// Runs a command with `input` on its standard input.
    pub(crate) fn feed(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> ProcessOutput {
        self.home
            .run_with_input(&mut self.command(arguments), input.as_ref())
    }
}

/// Fails the test unless a command ended with this exit code.
#[track_caller]
pub(crate) fn assert_exit(output: ProcessOutput, code: i32) {
    let _output = output.expect_code(code);
}

/// Compares a command's output with the snapshot of this name.
#[track_caller]
pub(crate) fn check(name: &str, case: &Case, output: &ProcessOutput) {
    let path = case.home.path().display().to_string();
    let text = format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        output.code, output.stdout, output.stderr
    )
    .replace(&path, "[HOME]");
    insta::with_settings!({
        omit_expression => true,
        prepend_module_to_snapshot => false,
        filters => vec![
            (r"krv_[0-9A-Za-z]{8}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}", "[KEY]"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
            (r"(\d{4}-\d\d-\d\d |[A-Z][a-z]{2} (\d+ )?)?\d\d:\d\d \((in )?\d+ (s|min|h|days)( ago)?\)", "[WHEN]"),
            (r"(expires|expired) on \d{4}-\d\d-\d\d", "$1 on [DATE]"),
            (r"\b[0-9a-f]{32}\b", "[ID]"),
            (r"127\.0\.0\.1:\d{5}", "127.0.0.1:[PORT]"),
            (r"process \d+", "process [PID]"),
            (r"\(\d+(\.\d)? [KM]iB\)", "([SIZE])"),
            (r"(limits| {6}) {7}[\d,].*?((input |output )?(tokens|requests)/min).*", "$1       [LIMIT] $2"),
        ],
    }, {
        insta::assert_snapshot!(name, text);
    });
}
