//! `exec` and `env`: one credential for a program, and who pays is printed before it starts.

mod assignments;
mod connection;
mod led_elsewhere;
pub(crate) mod payer;
mod project;
mod start;
mod stored_key;
mod variable;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::ProcessOutput;

use crate::case::{Case, assert_exit, check};

/// Prints its relevant variables and its arguments.
pub(crate) const ENVIRONMENT_PRINTER: &str = "#!/bin/sh\nenv | grep -E '^(ANTHROPIC|CLAUDE|AWS|MINE|OTHER)' | sort\nfor word; do echo \"[$word]\"; done\n";

/// A machine with test programs on its `PATH`.
pub(crate) struct Machine {
    pub(crate) case: Case,
    pub(crate) key: Canary,
}

impl Machine {
    /// Creates a machine with `claude` and a profile `work` whose raw key programs may have. The home is not scanned for the
    /// key, because the programs print it.
    pub(crate) fn new() -> Self {
        let machine = Self {
            case: Case::new(),
            key: Canary::api_key("exec"),
        };
        machine.program("claude", ENVIRONMENT_PRINTER);
        machine.program("tool", ENVIRONMENT_PRINTER);
        machine.profile("work", &["--direct"], machine.key.value());
        machine
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.case.home.path().join("bin")
    }

    pub(crate) fn program(&self, name: &str, script: &str) {
        fs::create_dir_all(self.bin()).unwrap();
        write_program(&self.bin().join(name), script);
    }

    pub(crate) fn profile(&self, name: &str, arguments: &[&str], secret: &str) {
        let words = [&["profile", "add", name, "--stdin"], arguments].concat();
        assert_exit(self.case.feed(&words, secret), 0);
    }

    pub(crate) fn file(&self, path: &str, text: &str) {
        let path = self.case.home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn login(&self) {
        let text = r#"{"claudeAiOauth": {"accessToken": "a", "refreshToken": "b", "expiresAt": 1, "scopes": ["user:inference"]}}"#;
        self.file("home/.claude/.credentials.json", text);
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.case.command(arguments);
        command.env("PATH", format!("{}:/usr/bin:/bin", self.bin().display()));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> ProcessOutput {
        self.case.home.run(&mut self.command(arguments))
    }

    /// Compares the output with a snapshot, with the key replaced by its name.
    pub(crate) fn check(&self, name: &str, output: ProcessOutput) {
        let output = ProcessOutput {
            stdout: output.stdout.replace(self.key.value(), "[SECRET]"),
            ..output
        };
        assert!(!output.stderr.contains(self.key.value()));
        check(name, &self.case, &output);
    }
}

pub(crate) fn write_program(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Sets every variable that selects a credential.
pub(crate) fn with_conflicting_variables(mut command: Command) -> Command {
    for name in [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_PROFILE",
        "AWS_BEARER_TOKEN_BEDROCK",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_VERTEX",
    ] {
        command.env(name, "1");
    }
    command
        .env("ANTHROPIC_BASE_URL", "https://evil.example")
        .env("ANTHROPIC_CUSTOM_HEADERS", "x-api-key: stray")
        .env("ANTHROPIC_MODEL", "kept");
    command
}
