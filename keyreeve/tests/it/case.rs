//! Runs `keyreeve` in a home of its own and writes down what it did: exit code, data, talk.
//!
//! Invariant: what differs from run to run (paths, times, ids, keys, ports) is filtered, so that a snapshot is the whole
//! of what a person sees.

use std::process::Command;

use keyreeve_store::{Durability, Places, Store};
use keyreeve_testkit::home::Home;
use keyreeve_testkit::process::Output;

/// A home and the way to run commands in it.
pub(crate) struct Case {
    pub(crate) home: Home,
}

impl Case {
    /// An empty machine.
    pub(crate) fn new() -> Self {
        Self { home: Home::new() }
    }

    /// A machine with a profile `work`, whose secret is planted, and nothing else.
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

    /// The command, not run yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(env!("CARGO_BIN_EXE_keyreeve"));
        command.args(arguments);
        command
    }

    /// The machine's store, as another process opens it.
    pub(crate) fn store(&self) -> Store {
        let home = self.home.keyreeve_home();
        let places = Places {
            data: home.join("data"),
            keys: home.join("config"),
        };
        Store::open(&places, Durability::Process).unwrap()
    }

    /// Runs a command that has nothing to read.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.home.run(&mut self.command(arguments))
    }

    /// Runs a command that reads `input`.
    pub(crate) fn feed(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
        self.home
            .run_with_input(&mut self.command(arguments), input.as_ref())
    }
}

/// Fails the test unless a command ended with this exit code; what it said does not matter.
#[track_caller]
pub(crate) fn ends(output: Output, code: i32) {
    let _said = output.expect_code(code);
}

/// Compares a command's output with what is written down under this name.
#[track_caller]
pub(crate) fn check(name: &str, case: &Case, output: &Output) {
    let path = case.home.path().display().to_string();
    let text = format!(
        "exit {}\n--- data\n{}--- talk\n{}",
        output.code, output.stdout, output.stderr
    )
    .replace(&path, "[HOME]");
    insta::with_settings!({
        omit_expression => true,
        prepend_module_to_snapshot => false,
        filters => vec![
            (r"krv_[0-9A-Za-z]{8}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}", "[KEY]"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC", "[MOMENT]"),
            (r"(([A-Z][a-z]{2}) (\d+ )?)?\d\d:\d\d \((in )?\d+ (s|min|h|days)( ago)?\)", "[WHEN]"),
            (r"ends on \d{4}-\d\d-\d\d", "ends on [DAY]"),
            (r"\b[0-9a-f]{32}\b", "[ID]"),
            (r"127\.0\.0\.1:\d{5}", "127.0.0.1:[PORT]"),
            (r"process \d+", "process [PID]"),
            (r" a minute \(([a-z0-9-]+)\): .*", " a minute ($1): [LIMIT]"),
        ],
    }, {
        insta::assert_snapshot!(name, text);
    });
}
