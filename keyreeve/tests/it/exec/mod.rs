//! `exec` and `env`: one credential for a program, and who pays said before it starts.

mod assignments;
pub(crate) mod payer;
mod project;
mod start;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::Output;

use crate::case::{Case, check, ends};

/// Prints what it was started with.
pub(crate) const TELLS: &str = "#!/bin/sh\nenv | grep -E '^(ANTHROPIC|CLAUDE|AWS|MINE|OTHER)' | sort\nfor word; do echo \"[$word]\"; done\n";

/// A machine with programs of its own on its `PATH`.
pub(crate) struct Machine {
    pub(crate) case: Case,
    pub(crate) key: Canary,
}

impl Machine {
    /// A machine with `claude` and a profile `work` whose secret programs may have. The secret is not looked for
    /// afterwards, since programs here print it.
    pub(crate) fn new() -> Self {
        let machine = Self {
            case: Case::new(),
            key: Canary::api_key("exec"),
        };
        machine.program("claude", TELLS);
        machine.program("tool", TELLS);
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
        ends(self.case.feed(&words, secret), 0);
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

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.case.home.run(&mut self.command(arguments))
    }

    /// What was done, with the key by its name.
    pub(crate) fn check(&self, name: &str, output: Output) {
        let output = Output {
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

/// Every way to pay by a variable, all at once.
pub(crate) fn with_rivals(mut command: Command) -> Command {
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
