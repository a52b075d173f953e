//! A realistic machine with a separate secret in each place where secrets are found.
//!
//! Invariants: the secrets are in the user's own files, in the working directory and in the environment of the commands; the
//! rest of the home and all output are scanned after each command.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::process::ProcessOutput;
use keyreeve_testkit::upstream::{Scripted, responses};

use crate::case::{Case, assert_exit};
use crate::exec::write_program;

/// Records, in files next to it, that it was started and which planted secrets it got in arguments or variables; prints a
/// credential if it has one.
const REPORTER: &str = r#"#!/bin/sh
echo started >>"$0.runs"
{ env; for word; do echo "$word"; done; } | grep -a CANARY >>"$0.seen"
test ! -e "$0.key" || cat "$0.key"
"#;

/// The machine and its secrets.
pub(crate) struct MachineWithSecrets {
    pub(crate) case: Case,
    /// Encrypted, and used only by the gateway.
    pub(crate) gateway_only: Canary,
    /// Encrypted, and given to programs.
    pub(crate) exposed: Canary,
    environment: [(&'static str, Canary); 3],
    all: Vec<Canary>,
    upstream: Scripted,
}

impl MachineWithSecrets {
    /// Creates the machine and plants the secrets.
    pub(crate) fn new() -> Self {
        let environment = [
            ("ANTHROPIC_API_KEY", Canary::api_key("env-key")),
            ("CLAUDE_CODE_OAUTH_TOKEN", Canary::oauth("env-login")),
            ("OTHER_KEY", Canary::api_key("env-other")),
        ];
        let mut machine = Self {
            case: Case::new(),
            gateway_only: Canary::api_key("leased"),
            exposed: Canary::api_key("direct"),
            all: environment
                .iter()
                .map(|(_, canary)| canary.clone())
                .collect(),
            environment,
            upstream: Scripted::start(|request| responses::echo_credentials(400, request)),
        };
        machine
            .all
            .extend([machine.gateway_only.clone(), machine.exposed.clone()]);
        machine.plant();
        machine.add_profiles();
        machine
    }

    fn plant(&mut self) {
        self.put(
            "home/.zshrc",
            "export ANTHROPIC_API_KEY={}\n",
            &[Canary::api_key("zshrc")],
        );
        self.put(
            "home/.bash_history",
            "ls\nexport ANTHROPIC_API_KEY={}\n",
            &[Canary::api_key("history")],
        );
        self.put(
            "home/.claude/settings.json",
            r#"{"apiKeyHelper": "~/bin/key", "env": {"ANTHROPIC_AUTH_TOKEN": "{}"}}"#,
            &[Canary::api_key("settings")],
        );
        self.put(
            "work/.claude/settings.local.json",
            r#"{"permissions": {"allow": []}, "env": {"MY_KEY": "{}"}}"#,
            &[Canary::api_key("project")],
        );
        self.put(
            "home/.claude/.credentials.json",
            r#"{"claudeAiOauth": {"accessToken": "{}", "refreshToken": "{}", "expiresAt": 4102444800000, "scopes": ["user:inference"]}}"#,
            &[Canary::oauth("login"), Canary::oauth("login-refresh")],
        );
        self.put(
            "home/.config/anthropic/configs/office.json",
            r#"{"version": "1.0", "authentication": {"type": "user_oauth", "client_id": "made-up"}}"#,
            &[],
        );
        self.put(
            "home/.config/anthropic/credentials/office.json",
            r#"{"access_token": "{}", "refresh_token": "{}", "expires_at": 4102444800}"#,
            &[Canary::oauth("sdk"), Canary::oauth("sdk-refresh")],
        );
        self.put(
            "home/bin/key",
            "#!/bin/sh\necho {}\n",
            &[Canary::api_key("helper")],
        );
        let bin = self.case.home.user_home().join("bin");
        fs::set_permissions(bin.join("key"), Permissions::from_mode(0o700)).unwrap();
        for name in ["claude", "tool", "vault"] {
            write_program(&bin.join(name), REPORTER);
        }
        self.put("home/bin/vault.key", "{}\n", &[Canary::api_key("vault")]);
        let profiles = r#"{"version":1,"profiles":{"anthropic:a":{"type":"api_key","provider":"anthropic","key":"{}"},"anthropic:b":{"type":"token","provider":"anthropic","token":"{}"}}}"#;
        let store = "agents/main/agent/auth-profiles.json";
        self.put(
            &format!("home/.clawdbot/{store}"),
            profiles,
            &[Canary::api_key("claw-key"), Canary::oauth("claw-login")],
        );
        self.put(
            &format!("home/.openclaw/{store}"),
            profiles,
            &[Canary::api_key("open-key"), Canary::oauth("open-login")],
        );
    }

    fn put(&mut self, path: &str, text: &str, canaries: &[Canary]) {
        let content = canaries.iter().fold(text.to_owned(), |text, canary| {
            text.replacen("{}", canary.value(), 1)
        });
        let file = self.case.home.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        self.all.extend_from_slice(canaries);
    }

    /// Adds profiles; most of them send to an upstream that echoes requests.
    fn add_profiles(&self) {
        let origin = self.upstream.base_url();
        let at = [
            "--origin",
            &origin,
            "--insecure-loopback",
            "--auth",
            "bearer",
        ];
        let add = |name: &str, more: &[&str], canary: &Canary| {
            let arguments = [&["profile", "add", name, "--stdin"], more].concat();
            assert_exit(self.case.feed(&arguments, canary.value()), 0);
        };
        add("leased", &at, &self.gateway_only);
        add("direct", &["--direct"], &self.exposed);
        let refer = ["profile", "add", "refers", "--env", "OTHER_KEY"];
        assert_exit(self.case.run(&[&refer[..], &at].concat()), 0);
        let vault = self.case.home.user_home().join("bin/vault");
        let vault = vault.display().to_string();
        let run = ["--command", "--", &vault];
        let arguments = [&["profile", "add", "vault"], &at[..], &run].concat();
        assert_exit(self.case.run(&arguments), 0);
        let own = ["profile", "add", "own", "--claude-login"];
        assert_exit(self.case.run(&own), 0);
    }

    /// Runs a command plainly, with `--json` and with `--quiet`. No output may contain a secret, except `belongs` on standard
    /// output.
    #[track_caller]
    pub(crate) fn run_in_each_format(&self, arguments: &[&str], belongs: Option<&Canary>) {
        for more in [&[][..], &["--json"], &["--quiet"]] {
            // Arguments after `--` belong to another program.
            let at = arguments.iter().position(|word| *word == "--");
            let (own, program) = arguments.split_at(at.unwrap_or(arguments.len()));
            let _output = self.run(&[own, more, program].concat(), belongs);
        }
    }

    /// Runs a command with all logging on.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], belongs: Option<&Canary>) -> ProcessOutput {
        let mut command = self.case.command(arguments);
        let bin = self.case.home.user_home().join("bin");
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        for (name, canary) in &self.environment {
            command.env(name, canary.value());
        }
        for (name, value) in crate::leak_scan::ALL_LOGGING {
            command.env(name, value);
        }
        let message = self.case.home.run(&mut command);
        let what = format!("stderr of {arguments:?}");
        leakscan::assert_no_leaks(
            &LeakScan::new(&self.all).bytes(&what, message.stderr.as_bytes()),
        );
        let others = self.all.iter();
        let others = others.filter(|canary| Some(canary.label()) != belongs.map(Canary::label));
        let what = format!("stdout of {arguments:?}");
        leakscan::assert_no_leaks(&LeakScan::new(others).bytes(&what, message.stdout.as_bytes()));
        message
    }

    /// Fails the test if a file that keyreeve wrote contains a secret.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        let scan = LeakScan::new(&self.all);
        for directory in ["keyreeve", "tmp", "home/.config/systemd"] {
            let path = self.case.home.path().join(directory);
            if path.exists() {
                leakscan::assert_no_leaks(&scan.path(&path));
            }
        }
    }

    /// Returns the secrets a program got when it was started, or `None` if it never was.
    pub(crate) fn secrets_given_to(&self, program: &str) -> Option<String> {
        let bin = self.case.home.user_home().join("bin");
        bin.join(format!("{program}.runs"))
            .exists()
            .then(|| fs::read_to_string(bin.join(format!("{program}.seen"))).unwrap())
    }

    /// Returns the number of secrets.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// Returns `true` if the upstream got this secret; otherwise a clean scan would prove nothing.
    pub(crate) fn was_sent(&self, canary: &Canary) -> bool {
        let sent = self.upstream.bytes().concat();
        !LeakScan::new([canary])
            .bytes("the upstream", &sent)
            .is_empty()
    }
}
