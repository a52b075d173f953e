//! A machine as people have them, with a secret of its own in each place where secrets lie.
//!
//! Invariants: the secrets lie in the person's own files, in the working directory and in the environment that commands
//! get; everything else of the home, and all that is printed, is looked at after each command.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::process::Output;
use keyreeve_testkit::upstream::{Scripted, reply};

use crate::case::{Case, ends};
use crate::exec::write_program;

/// Says that it was started, and which planted secrets it was given by an argument or a variable, in files beside it;
/// prints a credential where it has one.
const TELLS: &str = r#"#!/bin/sh
echo started >>"$0.runs"
{ env; for word; do echo "$word"; done; } | grep -a CANARY >>"$0.seen"
test ! -e "$0.key" || cat "$0.key"
"#;

/// The machine.
pub(crate) struct Lying {
    pub(crate) case: Case,
    /// Sealed, and for virtual keys alone.
    pub(crate) leased: Canary,
    /// Sealed, and marked so that programs get it.
    pub(crate) direct: Canary,
    environment: [(&'static str, Canary); 3],
    all: Vec<Canary>,
    upstream: Scripted,
}

impl Lying {
    /// Plants everything.
    pub(crate) fn new() -> Self {
        let environment = [
            ("ANTHROPIC_API_KEY", Canary::api_key("env-key")),
            ("CLAUDE_CODE_OAUTH_TOKEN", Canary::oauth("env-login")),
            ("OTHER_KEY", Canary::api_key("env-other")),
        ];
        let mut machine = Self {
            case: Case::new(),
            leased: Canary::api_key("leased"),
            direct: Canary::api_key("direct"),
            all: environment
                .iter()
                .map(|(_, canary)| canary.clone())
                .collect(),
            environment,
            upstream: Scripted::start(|request| reply::echo(400, request)),
        };
        machine
            .all
            .extend([machine.leased.clone(), machine.direct.clone()]);
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
            r#"{"permissions": [], "env": {"MY_KEY": "{}"}}"#,
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
            write_program(&bin.join(name), TELLS);
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
        let whole = canaries.iter().fold(text.to_owned(), |text, canary| {
            text.replacen("{}", canary.value(), 1)
        });
        let file = self.case.home.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, whole).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        self.all.extend_from_slice(canaries);
    }

    /// Most of them lead to an upstream that repeats whatever it is sent.
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
            ends(self.case.feed(&arguments, canary.value()), 0);
        };
        add("leased", &at, &self.leased);
        add("direct", &["--direct"], &self.direct);
        let refer = ["profile", "add", "refers", "--env", "OTHER_KEY"];
        ends(self.case.run(&[&refer[..], &at].concat()), 0);
        let vault = self.case.home.user_home().join("bin/vault");
        let vault = vault.display().to_string();
        let run = ["--command", "--", &vault];
        let arguments = [&["profile", "add", "vault"], &at[..], &run].concat();
        ends(self.case.run(&arguments), 0);
        let own = ["profile", "add", "own", "--claude-login"];
        ends(self.case.run(&own), 0);
    }

    /// Runs a command as it is, as data, and loudly as well as quietly; nothing of any secret may be in what it says,
    /// but this one in its data.
    #[track_caller]
    pub(crate) fn run_each_way(&self, arguments: &[&str], belongs: Option<&Canary>) {
        for more in [&[][..], &["--json"], &["--quiet"]] {
            // What stands behind `--` is another program's.
            let at = arguments.iter().position(|word| *word == "--");
            let (ours, theirs) = arguments.split_at(at.unwrap_or(arguments.len()));
            let _said = self.run(&[ours, more, theirs].concat(), belongs);
        }
    }

    /// Runs a command as loudly as it can be.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], belongs: Option<&Canary>) -> Output {
        let mut command = self.case.command(arguments);
        let bin = self.case.home.user_home().join("bin");
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        for (name, canary) in &self.environment {
            command.env(name, canary.value());
        }
        for (name, value) in crate::pr_01::LOUD {
            command.env(name, value);
        }
        let said = self.case.home.run(&mut command);
        let what = format!("the talk of {arguments:?}");
        leakscan::assert_none(&LeakScan::of(&self.all).bytes(&what, said.stderr.as_bytes()));
        let others = self.all.iter();
        let others = others.filter(|canary| Some(canary.sink()) != belongs.map(Canary::sink));
        let what = format!("the data of {arguments:?}");
        leakscan::assert_none(&LeakScan::of(others).bytes(&what, said.stdout.as_bytes()));
        said
    }

    /// Fails the test if anything that keyreeve wrote holds a secret.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        let scan = LeakScan::of(&self.all);
        for folder in ["keyreeve", "tmp", "home/.config/systemd"] {
            let path = self.case.home.path().join(folder);
            if path.exists() {
                leakscan::assert_none(&scan.path(&path));
            }
        }
    }

    /// What a program had of secrets each time it was started; none where it never was.
    pub(crate) fn seen_by(&self, program: &str) -> Option<String> {
        let bin = self.case.home.user_home().join("bin");
        bin.join(format!("{program}.runs"))
            .exists()
            .then(|| fs::read_to_string(bin.join(format!("{program}.seen"))).unwrap())
    }

    /// How many secrets there are.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// Whether the upstream was sent this one, so that the scans say something.
    pub(crate) fn was_sent(&self, canary: &Canary) -> bool {
        let sent = self.upstream.bytes().concat();
        !LeakScan::of([canary])
            .bytes("the upstream", &sent)
            .is_empty()
    }
}
