//! `doctor`: its findings and fixes on realistic machines.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::ProcessOutput;
use keyreeve_testkit::skip;
use keyreeve_testkit::terminal::TerminalInput;

use crate::case::{Case, assert_exit, check};
use crate::strace::Strace;

/// A machine where new terminals get an API key, and Claude Code has a login.
fn with_export() -> (Case, Canary, PathBuf) {
    let (case, canary) = (Case::new(), Canary::api_key("zshrc"));
    write(
        &case.home.user_home().join(".claude/.credentials.json"),
        0o600,
        r#"{"claudeAiOauth": {"accessToken": "a", "refreshToken": "r", "subscriptionType": "max", "scopes": ["user:inference"]}}"#,
    );
    let zshrc = case.home.user_home().join(".zshrc");
    let text = format!(
        "# my shell\nalias ll='ls -l'\nexport ANTHROPIC_API_KEY={}\nPROMPT='$ '\n",
        canary.value()
    );
    write(&zshrc, 0o640, &text);
    (case, canary, zshrc)
}

/// Returns the command with a `PATH` that causes no finding.
fn command(case: &Case, arguments: &[&str]) -> std::process::Command {
    let mut command = case.command(arguments);
    command.env("PATH", "/usr/bin:/bin");
    command
}

fn run(case: &Case, arguments: &[&str]) -> ProcessOutput {
    case.home.run(&mut command(case, arguments))
}

fn write(path: &Path, mode: u32, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[track_caller]
fn assert_not_printed(canary: &Canary, output: &ProcessOutput) {
    let middle = &canary.value()[20..60];
    for text in [&output.stdout, &output.stderr] {
        assert!(!text.contains(middle), "{text}");
    }
}

fn backups_of(path: &Path) -> Vec<PathBuf> {
    let name = format!("{}.keyreeve-", path.file_name().unwrap().to_str().unwrap());
    fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(&name)
        })
        .collect()
}

#[test]
fn unreadable_store_directory_is_a_finding() {
    let case = Case::new();
    let home = case.home.keyreeve_home();
    fs::create_dir_all(&home).unwrap();
    symlink("data", home.join("data")).unwrap();
    let result = run(&case, &["doctor"]);
    assert!(result.stdout.contains("KR507"), "{}", result.stdout);
}

#[test]
fn project_that_redirects_connections_is_found() {
    let case = Case::new();
    let directory = case.home.work().join(".claude");
    fs::create_dir(&directory).unwrap();
    for name in ["NODE_EXTRA_CA_CERTS", "ALL_PROXY", "ANTHROPIC_UNIX_SOCKET"] {
        let text = format!(r#"{{"env": {{"{name}": "x"}}}}"#);
        fs::write(directory.join("settings.json"), text).unwrap();
        let result = case.run(&["doctor"]).expect_code(1);
        assert!(result.stdout.contains("KR302"), "{name}: {}", result.stdout);
        assert!(result.stdout.contains(name), "{}", result.stdout);
    }
}

#[test]
fn export_that_overrides_the_login_is_located() {
    let (case, canary, _) = with_export();
    let result = run(&case, &["doctor"]);
    assert_not_printed(&canary, &result);
    check("doctor_export", &case, &result);
    let result = case
        .home
        .run(command(&case, &["doctor"]).env("ANTHROPIC_API_KEY", canary.value()));
    assert_not_printed(&canary, &result);
    check("doctor_export_in_use", &case, &result);
    let result = run(&case, &["doctor", "--json"]);
    assert_not_printed(&canary, &result);
    let result: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
    let finding = &result["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["line"], &finding["fixable"]),
        (&"KR201".into(), &3.into(), &true.into()),
        "{result}"
    );
}

#[test]
fn clean_machine_has_no_findings_and_is_unchanged() {
    let case = Case::new();
    check("doctor_clean", &case, &run(&case, &["doctor"]));
    assert!(!case.home.keyreeve_home().exists());
    assert_exit(run(&case, &["doctor", "--for", "nothing"]), 2);
    assert_exit(run(&case, &["doctor", "--password-changed", "soon"]), 2);
}

#[test]
fn line_is_commented_out_after_a_yes_with_a_backup() {
    let (case, canary, zshrc) = with_export();
    let before = fs::read_to_string(&zshrc).unwrap();
    assert_exit(run(&case, &["doctor", "--fix", "--no-input"]), 2);
    let fix_answering = |keys| {
        let typed = TerminalInput {
            prompt: "Comment out this line?",
            keys,
        };
        case.home
            .run_at_terminal(&mut command(&case, &["doctor", "--fix"]), &[typed])
    };
    let refused = fix_answering(b"n\r");
    assert_not_printed(&canary, &refused);
    assert_eq!((refused.code, backups_of(&zshrc).len()), (1, 0));
    assert_eq!(fs::read_to_string(&zshrc).unwrap(), before);

    let fixed = fix_answering(b"y\r");
    assert_not_printed(&canary, &fixed);
    assert_eq!(fixed.code, 0, "{}", fixed.stdout);
    let after = before.replace("export ANTHROPIC", "# export ANTHROPIC");
    assert_eq!(fs::read_to_string(&zshrc).unwrap(), after);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let copies = backups_of(&zshrc);
    let [copy] = copies.as_slice() else {
        panic!("{copies:?}");
    };
    assert_eq!((mode(&zshrc), mode(copy)), (0o640, 0o600));
    assert_eq!(fs::read_to_string(copy).unwrap(), before);

    let again = fix_answering(b"y\r");
    assert_eq!(again.code, 0, "{}", again.stdout);
    assert_eq!(backups_of(&zshrc).len(), 1);
    assert_eq!(fs::read_to_string(&zshrc).unwrap(), after);
}

#[test]
fn linked_file_is_edited_in_place() {
    let (case, canary, zshrc) = with_export();
    let real = case.home.path().join("dotfiles/zshrc");
    let text = format!(
        "if true; then\n\texport ANTHROPIC_API_KEY='{}'\nfi",
        canary.value()
    );
    write(&real, 0o644, &text);
    fs::remove_file(&zshrc).unwrap();
    symlink(&real, &zshrc).unwrap();
    let typed = TerminalInput {
        prompt: "Comment out this line?",
        keys: b"y\r",
    };
    let result = case
        .home
        .run_at_terminal(&mut command(&case, &["doctor", "--fix"]), &[typed]);
    assert_not_printed(&canary, &result);
    assert!(
        result.stdout.contains("outside your home directory"),
        "{}",
        result.stdout
    );
    assert!(fs::symlink_metadata(&zshrc).unwrap().is_symlink());
    let expected = text.replace("\texport", "\t: # export");
    assert_eq!(fs::read_to_string(&real).unwrap(), expected);
    let parsed = std::process::Command::new("/bin/sh")
        .arg("-n")
        .arg(&real)
        .status();
    assert!(parsed.unwrap().success());
}

#[test]
fn hostile_files_are_handled() {
    let (case, canary) = (Case::new(), Canary::api_key("history"));
    let home = case.home.user_home();
    let fifo = std::process::Command::new("mkfifo")
        .arg(home.join(".bashrc"))
        .status();
    assert!(fifo.unwrap().success());
    write(&home.join(".profile"), 0o644, &"#\n".repeat(600_000));
    write(
        &home.join(".zshrc"),
        0o644,
        &format!(
            "alias \u{1b}]0;x\u{7}\u{202e}='{}'\u{9b}2J\n",
            canary.value()
        ),
    );
    write(
        &home.join(".bash_history"),
        0o600,
        &format!("ls\ncurl -H 'x-api-key: {}' \u{1b}[31m\n", canary.value()),
    );
    write(
        &home.join(".claude/settings.json"),
        0o644,
        "{\"env\": \u{1b}[2J",
    );
    write(&case.home.work().join(".env"), 0o644, "ANTHROPIC_API_KEY='");
    let result = run(&case, &["doctor"]);
    assert_not_printed(&canary, &result);
    for text in [&result.stdout, &result.stderr] {
        let hostile = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(hostile), "{text:?}");
    }
    check("doctor_hostile", &case, &result);
}

#[test]
fn helpers_run_only_on_request_and_never_a_projects() {
    let case = Case::new();
    let ran = |name: &str| case.home.path().join("tmp").join(name);
    let settings = |name: &str| {
        format!(
            r#"{{"apiKeyHelper": "touch {}; echo one; echo two"}}"#,
            ran(name).display()
        )
    };
    let user = case.home.user_home().join(".claude/settings.json");
    write(&user, 0o644, &settings("own"));
    let project = case.home.work().join(".claude/settings.json");
    write(&project, 0o644, &settings("project"));
    check("doctor_helper_not_run", &case, &run(&case, &["doctor"]));
    assert!(!ran("own").exists());
    check(
        "doctor_helper_run",
        &case,
        &run(&case, &["doctor", "--run-helpers"]),
    );
    assert!(ran("own").exists() && !ran("project").exists());
}

#[test]
fn own_state_is_checked() {
    let (case, _) = Case::with_profile();
    assert_exit(run(&case, &["doctor"]), 0);
    let state = case.home.keyreeve_home().join("state/serve.json");
    write(
        &state,
        0o600,
        r#"{"process": 1, "address": "http://127.0.0.1:9"}"#,
    );
    fs::set_permissions(state.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
    let result = run(&case, &["doctor", "--json"]);
    assert!(result.stdout.contains("\"KR504\""), "{}", result.stdout);
    let data = case.home.keyreeve_home().join("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
    let result = run(&case, &["doctor", "--json"]);
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(result.stdout.contains("\"KR507\""), "{}", result.stdout);
    assert_eq!(result.code, 1);
}

#[test]
fn doctor_has_no_side_effects() {
    let strace = match Strace::new(
        "socket,connect,execve,openat,open,creat,rename,renameat,unlink,unlinkat",
    ) {
        Ok(strace) => strace,
        Err(reason) => skip!("{reason}"),
    };
    let (case, _, _) = with_export();
    let helper = r#"{"apiKeyHelper": "touch ran"}"#;
    write(
        &case.home.user_home().join(".claude/settings.json"),
        0o600,
        helper,
    );
    assert_exit(case.home.run(&mut strace.command(&case, &["doctor"])), 1);
    let traces = strace.traces();
    let [trace] = traces.as_slice() else {
        panic!("{traces:?}");
    };
    assert!(trace.contains(".zshrc"), "{trace}");
    assert_eq!(trace.matches("execve(").count(), 1, "{trace}");
    for call in [
        "socket(", "connect(", "O_WRONLY", "O_RDWR", "O_CREAT", "rename", "unlink",
    ] {
        assert!(!trace.contains(call), "{call}: {trace}");
    }
}
