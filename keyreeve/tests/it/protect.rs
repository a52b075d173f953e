//! `protect`: from a stray key to a machine on which the plan pays, and back to the byte.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::ProcessOutput;
use keyreeve_testkit::skip;
use keyreeve_testkit::terminal::TerminalInput;

use crate::case::{Case, assert_exit, check};
use crate::setup_token::with_claude;

/// A `claude` that prints the credential it was given, by its ending, and its login directory.
const CLAUDE: &str =
    "echo \"claude key=${ANTHROPIC_API_KEY:+set} dir=${CLAUDE_CONFIG_DIR-default} $*\"\n";

const LOGIN: &str = r#"{"claudeAiOauth": {"accessToken": "a", "refreshToken": "r", "subscriptionType": "max", "scopes": ["user:inference"]}}"#;

const SETTINGS: &str = "{\n  \"theme\": \"dark\",\n  \"env\": {\"A\": \"b\"}\n}\n";

/// A machine with a plan and a stray key.
struct Machine {
    case: Case,
    key: Canary,
}

impl Machine {
    fn new() -> Self {
        let (case, key) = (Case::new(), Canary::api_key("stray"));
        let home = case.home.user_home();
        write(&home.join(".claude/.credentials.json"), LOGIN);
        write(&home.join(".claude/settings.json"), SETTINGS);
        let text = format!(
            "alias ll='ls -l'\nexport ANTHROPIC_API_KEY={}\nPS1='$ '\n",
            key.value()
        );
        write(&home.join(".bashrc"), &text);
        Self { case, key }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.case.command(arguments);
        with_claude(&self.case, &mut command, CLAUDE);
        command.env("SHELL", "/bin/bash");
        command
    }

    fn run(&self, arguments: &[&str]) -> ProcessOutput {
        let output = self.case.home.run(&mut self.command(arguments));
        let middle = &self.key.value()[20..60];
        assert!(!output.stdout.contains(middle), "{}", output.stdout);
        assert!(!output.stderr.contains(middle), "{}", output.stderr);
        output
    }

    /// Compares a command's output with a snapshot in which the program, the user and the date are the same everywhere.
    #[track_caller]
    fn check(&self, name: &str, mut output: ProcessOutput) {
        let user = keyreeve_os::system::user_id();
        for text in [&mut output.stdout, &mut output.stderr] {
            *text = text
                .replace(env!("CARGO_BIN_EXE_keyreeve"), "[KEYREEVE]")
                .replace(&format!("-eq {user} "), "-eq [USER] ");
            while let Some(at) = text.find(".keyreeve-2") {
                text.replace_range(at..at + ".keyreeve-2000-01-01".len(), ".keyreeve-[DATE]");
            }
        }
        check(name, &self.case, &output);
    }

    /// Returns every file of the user's home, by its path.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        read_all(&self.case.home.user_home(), &mut files);
        files
    }

    /// Runs lines in a new interactive shell.
    fn in_shell(&self, shell: &str, arguments: &[&str], lines: &str) -> ProcessOutput {
        let mut command = self.case.home.command(shell);
        with_claude(&self.case, &mut command, CLAUDE);
        command
            .args(arguments)
            .env("ANTHROPIC_API_KEY", self.key.value())
            .env("HISTFILE", "/dev/null");
        self.case
            .home
            .run_with_input(&mut command, lines.as_bytes())
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn read_all(directory: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, files);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            files.insert(path.display().to_string(), text);
        }
    }
}

fn is_installed(shell: &str) -> bool {
    Command::new(shell).arg("--version").output().is_ok()
}

const ALL: [&str; 4] = ["protect", "--yes", "--all", "--claude"];

/// F-60: `protect` fixes the stray key, and `--undo` restores every file to the byte.
#[test]
fn protection_is_undone_to_the_byte() {
    let machine = Machine::new();
    let before = machine.files();
    machine.check("protect_all", machine.run(&ALL));
    let bashrc = machine.case.home.user_home().join(".bashrc");
    let text = fs::read_to_string(&bashrc).unwrap();
    assert!(text.contains("\n# export ANTHROPIC_API_KEY="), "{text}");
    let settings = machine.case.home.user_home().join(".claude/settings.json");
    let settings: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(settings).unwrap()).unwrap();
    let line = settings["statusLine"]["command"].as_str().unwrap();
    assert!(line.ends_with(" statusline"), "{line}");
    assert_eq!(settings["theme"], "dark");
    assert_exit(machine.run(&["guard", "--expect", "plan"]), 0);
    machine.check("protect_status", machine.run(&["protect", "status"]));
    let status = machine.run(&["status"]).expect_code(0).stdout;
    assert!(status.contains("Protected by: "), "{status}");

    machine.check("protect_undo", machine.run(&["protect", "--undo", "--yes"]));
    assert_eq!(machine.files(), before);
    let bindings = machine.run(&["bindings", "--json"]).expect_code(0).json();
    assert_eq!(bindings["bindings"].as_array().unwrap().len(), 0);
    let profiles = machine
        .run(&["profile", "list", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(profiles["profiles"].as_array().unwrap().len(), 0);
    assert!(
        !machine
            .case
            .home
            .keyreeve_home()
            .join("data/protect.json")
            .exists()
    );
}

/// F-60: a backup is private, and the record contains no key.
#[test]
fn backups_and_the_record_are_private() {
    let machine = Machine::new();
    assert_exit(machine.run(&ALL), 0);
    let backups = machine.files();
    let backups: Vec<_> = backups
        .keys()
        .filter(|it| it.contains(".keyreeve-"))
        .collect();
    assert_eq!(backups.len(), 2, "{backups:?}");
    let record = machine.case.home.keyreeve_home().join("data/protect.json");
    for path in backups.iter().map(Path::new).chain([record.as_path()]) {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{path:?}");
    }
    let record = fs::read_to_string(record).unwrap();
    assert!(!record.contains(&machine.key.value()[20..60]), "{record}");
}

/// F-60: protecting twice changes nothing the second time.
#[test]
fn protecting_twice_changes_nothing() {
    let machine = Machine::new();
    assert_exit(machine.run(&ALL), 0);
    let once = machine.files();
    let again = machine.run(&ALL).expect_code(0);
    assert_eq!(machine.files(), once, "{}", again.stderr);
    let again = machine
        .run(&[&ALL[..], &["--json"]].concat())
        .expect_code(0)
        .json();
    assert_eq!(again["changes"].as_array().unwrap().len(), 0, "{again}");
}

/// F-60: undoing keeps the user's edits and shows what it removed.
#[test]
fn undoing_keeps_edits_and_shows_a_diff() {
    let machine = Machine::new();
    let before = machine.files();
    assert_exit(machine.run(&ALL), 0);
    let home = machine.case.home.user_home();
    let (bashrc, settings) = (home.join(".bashrc"), home.join(".claude/settings.json"));
    let text = fs::read_to_string(&bashrc).unwrap();
    fs::write(&bashrc, format!("umask 022\n{text}alias g=git\n")).unwrap();
    let reformatted: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&settings).unwrap()).unwrap();
    fs::write(&settings, format!("{reformatted:#}")).unwrap();
    assert_exit(
        machine.run(&[
            "bind",
            "--no-profile",
            "--expect",
            "metered",
            home.to_str().unwrap(),
        ]),
        0,
    );

    let undone = machine.run(&["protect", "--undo", "--yes"]);
    machine.check("protect_undo_edited", undone);
    let original = &before[&bashrc.display().to_string()];
    let expected = format!("umask 022\n{original}alias g=git\n");
    assert_eq!(fs::read_to_string(&bashrc).unwrap(), expected);
    let left: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&settings).unwrap()).unwrap();
    assert_eq!(
        left,
        serde_json::from_str::<serde_json::Value>(SETTINGS).unwrap()
    );
    let bindings = machine.run(&["bindings", "--json"]).expect_code(0).json();
    assert_eq!(bindings["bindings"][0]["expect"], "metered");
}

/// F-60: plain `claude` obeys the binding in each shell, although a key is set.
#[test]
fn plain_claude_obeys_the_binding() {
    for (shell, arguments, file) in [
        ("bash", &["-i"][..], ".bashrc"),
        ("zsh", &["-i"], ".zshrc"),
        ("fish", &["--interactive"], ".config/fish/config.fish"),
    ] {
        if !is_installed(shell) {
            skip!("{shell} is not installed");
        }
        let machine = Machine::new();
        let before = machine.files();
        let path = machine.case.home.user_home().join(file);
        let protect = [
            "protect", "--yes", "--bind", "plan", "--hook", "--claude", "--shell",
        ];
        assert_exit(machine.run(&[&protect[..], &[shell]].concat()), 0);
        let lines = "claude -p hi\nclaude auth login\ncommand claude direct\n";
        let result = machine.in_shell(shell, arguments, lines);
        for line in [
            "claude key= dir=default -p hi",
            "claude key= dir=default auth login",
            "claude key=set dir=default direct",
        ] {
            let shown = format!("{shell}: {}{}", result.stdout, result.stderr);
            assert!(result.stdout.contains(line), "{line}: {shown}");
        }
        let script = format!("{shell} -c 'claude script'\n");
        let result = machine.in_shell(shell, arguments, &script);
        assert!(
            result.stdout.contains("claude key=set dir=default script"),
            "a script is not affected: {}{}",
            result.stdout,
            result.stderr
        );
        assert_exit(machine.run(&["protect", "--undo", "--yes"]), 0);
        assert_eq!(machine.files(), before, "{}", path.display());
    }
}

/// F-60: the shim obeys the binding in scripts, too, and never starts itself.
#[test]
fn shim_obeys_the_binding_and_skips_itself() {
    let machine = Machine::new();
    let before = machine.files();
    let protect = ["protect", "--yes", "--bind", "plan", "--shim"];
    assert_exit(machine.run(&protect), 0);
    let shim = machine.case.home.keyreeve_home().join("data/shims/claude");
    let lines = "claude -p hi\nsh -c 'claude script'\n";
    let result = machine.in_shell("bash", &["-i"], lines);
    for line in [
        "claude key= dir=default -p hi",
        "claude key= dir=default script",
    ] {
        assert!(
            result.stdout.contains(line),
            "{}{}",
            result.stdout,
            result.stderr
        );
    }
    let mut command = machine.command(&["exec", "--native", "--", shim.to_str().unwrap()]);
    let path = format!(
        "{}:{}/bin:/usr/bin:/bin",
        shim.parent().unwrap().display(),
        machine.case.home.path().display()
    );
    let result = machine.case.home.run(command.env("PATH", path));
    assert!(
        result.stdout.contains("claude key= dir=default"),
        "{}",
        result.stderr
    );
    assert_exit(machine.run(&["protect", "--undo", "--yes"]), 0);
    assert_eq!(machine.files(), before);
    assert!(!shim.exists());
}

/// F-60: a directory always uses the account of another login directory.
#[test]
fn directory_uses_a_second_account() {
    let machine = Machine::new();
    let home = machine.case.home.user_home();
    write(&home.join(".claude-work/.credentials.json"), LOGIN);
    let work = machine.case.home.work();
    let protect = ["protect", "--yes", "--claude", "--bind", "work", "--login"];
    let login = home.join(".claude-work").display().to_string();
    let directory = ["--directory", work.to_str().unwrap()];
    let by_class = ["protect", "--yes", "--bind", "plan", "--login", &login];
    assert_exit(machine.run(&by_class), 2);
    let done = machine.run(&[&protect[..], &[&login], &directory].concat());
    assert_exit(done, 0);
    let lines = format!("claude work\ncd {}\nclaude home\n", home.display());
    let result = machine.in_shell("bash", &["-i"], &lines);
    for line in [
        format!("claude key= dir={login} work"),
        "claude key= dir=default home".to_owned(),
    ] {
        assert!(
            result.stdout.contains(&line),
            "{line}: {}{}",
            result.stdout,
            result.stderr
        );
    }
    assert_exit(machine.run(&["protect", "--undo", "--yes"]), 0);
    let profiles = machine
        .run(&["profile", "list", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        profiles["profiles"].as_array().unwrap().len(),
        0,
        "{profiles}"
    );
}

/// F-60: step by step at a terminal, a part that is declined is not added.
#[test]
fn parts_are_offered_in_order() {
    let machine = Machine::new();
    let typed = |prompt, keys: &'static str| TerminalInput {
        prompt,
        keys: keys.as_bytes(),
    };
    let answers = [
        typed("Comment out this line?", "y\r"),
        typed("Which account should pay?", "\r"),
        typed("Where?", "\r"),
        typed("Load the hook", "\r"),
        typed("status line?", "n\r"),
    ];
    let mut command = machine.command(&["protect"]);
    let seen = machine.case.home.run_at_terminal(&mut command, &answers);
    let seen = seen.expect_code(0).stdout;
    assert!(seen.contains("Now: "), "{seen}");
    assert!(seen.contains("binding"), "{seen}");
    let settings = machine.case.home.user_home().join(".claude/settings.json");
    assert_eq!(fs::read_to_string(settings).unwrap(), SETTINGS);
    let bashrc = fs::read_to_string(machine.case.home.user_home().join(".bashrc")).unwrap();
    assert!(bashrc.contains("keyreeve protect: hook"), "{bashrc}");
}

/// F-60: nothing is changed without a terminal or the parts, and another status line is kept.
#[test]
fn nothing_is_changed_unasked() {
    let machine = Machine::new();
    let before = machine.files();
    machine.check("protect_not_interactive", machine.run(&["protect"]));
    machine.check("protect_no_parts", machine.run(&["protect", "--yes"]));
    assert_exit(machine.run(&["protect", "--undo"]), 0);
    assert_exit(machine.run(&["protect", "status"]), 0);
    assert_eq!(machine.files(), before);
    assert!(!machine.case.home.keyreeve_home().join("data").exists());
    let settings = machine.case.home.user_home().join(".claude/settings.json");
    let other = r#"{"statusLine": {"type": "command", "command": "mine"}}"#;
    fs::write(&settings, other).unwrap();
    let kept = machine.run(&["protect", "--yes", "--status-line"]);
    machine.check("protect_other_status_line", kept);
    assert_eq!(fs::read_to_string(&settings).unwrap(), other);
}

/// F-60: the hook starts keyreeve only if the directory or a variable that decides who pays has changed.
#[test]
fn hook_starts_no_process_while_nothing_changes() {
    for (shell, arguments, script, export) in [
        ("bash", &["--norc", "-i"][..], "hook.bash", "export"),
        ("zsh", &["-f", "-i"], "hook.zsh", "export"),
        ("fish", &["--no-config"], "hook.fish", "set -gx"),
    ] {
        if !is_installed(shell) {
            skip!("{shell} is not installed");
        }
        let case = Case::new();
        let counter = case.home.path().join("counter");
        let text = "#!/bin/sh\necho run >> \"$HOME/runs\"\necho \"payer ${ANTHROPIC_BASE_URL-}\"\n";
        fs::write(&counter, text).unwrap();
        fs::set_permissions(&counter, fs::Permissions::from_mode(0o700)).unwrap();
        let hook = case.run(&["hook", shell]).expect_code(0).stdout;
        let hook = hook.replace(
            env!("CARGO_BIN_EXE_keyreeve"),
            &counter.display().to_string(),
        );
        let script = case.home.path().join(script);
        fs::write(&script, hook).unwrap();
        let equals = if shell == "fish" { " " } else { "=" };
        let lines = format!(
            "source {}\n_keyreeve_hook\n_keyreeve_hook\n{export} OTHER{equals}1\n_keyreeve_hook\n\
             {export} ANTHROPIC_BASE_URL{equals}https://a.example\n_keyreeve_hook\n_keyreeve_hook\n\
             cd /\n_keyreeve_hook\n_keyreeve_hook\n",
            script.display()
        );
        let mut command = case.home.command(shell);
        command.args(arguments).env("HISTFILE", "/dev/null");
        let result = case.home.run_with_input(&mut command, lines.as_bytes());
        let runs = fs::read_to_string(case.home.user_home().join("runs")).unwrap();
        assert_eq!(runs.lines().count(), 3, "{shell}: {}", result.stderr);
        let reported = "keyreeve: payer https://a.example";
        assert!(
            result.stderr.contains(reported),
            "{shell}: {}",
            result.stderr
        );
    }
}

/// F-60: where `claude` goes through `exec`, a user without a login can still sign in.
#[test]
fn sign_in_starts_without_a_login() {
    let machine = Machine::new();
    let home = machine.case.home.user_home();
    fs::remove_file(home.join(".claude/.credentials.json")).unwrap();
    assert_exit(machine.run(&["exec", "--", "claude", "-p", "hi"]), 4);
    let mut command = machine.command(&["exec", "--", "claude", "auth", "login"]);
    command.env("ANTHROPIC_API_KEY", machine.key.value());
    let result = machine.case.home.run(&mut command).expect_code(0);
    assert_eq!(result.stdout, "claude key= dir=default auth login\n");
}

/// F-60: a user with a plan and a stray key is offered the plan first, and then `protect`.
#[test]
fn onboard_preselects_the_plan_and_offers_protect() {
    let machine = Machine::new();
    let typed = |prompt, keys: &'static str| TerminalInput {
        prompt,
        keys: keys.as_bytes(),
    };
    let answers = [
        typed("Which credential should pay?", "\r"),
        typed("Protect your plan now", "n\r"),
    ];
    let mut command = machine.command(&["onboard", "--no-check"]);
    command.env("ANTHROPIC_API_KEY", machine.key.value());
    let seen = machine.case.home.run_at_terminal(&mut command, &answers);
    let seen = seen.expect_code(0).stdout;
    assert!(seen.contains("Profile `claude` is the default"), "{seen}");
}
