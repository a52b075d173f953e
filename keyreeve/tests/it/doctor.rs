//! `doctor`: what it finds, says and mends, on machines as people have them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::Output;
use keyreeve_testkit::skip;
use keyreeve_testkit::terminal::Typed;

use crate::case::{Case, check, ends};
use crate::strace::Strace;

/// A machine where the next terminal has an API key, and Claude Code a login.
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

/// The command, with a `PATH` about which there is nothing to say.
fn command(case: &Case, arguments: &[&str]) -> std::process::Command {
    let mut command = case.command(arguments);
    command.env("PATH", "/usr/bin:/bin");
    command
}

fn run(case: &Case, arguments: &[&str]) -> Output {
    case.home.run(&mut command(case, arguments))
}

fn write(path: &Path, mode: u32, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[track_caller]
fn says_nothing_of(canary: &Canary, output: &Output) {
    let middle = &canary.value()[20..60];
    for text in [&output.stdout, &output.stderr] {
        assert!(!text.contains(middle), "{text}");
    }
}

fn copies_of(path: &Path) -> Vec<PathBuf> {
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
fn a_store_that_cannot_be_looked_for_is_not_passed_over() {
    let case = Case::new();
    let home = case.home.keyreeve_home();
    fs::create_dir_all(&home).unwrap();
    symlink("data", home.join("data")).unwrap();
    let told = run(&case, &["doctor"]);
    assert!(told.stdout.contains("KR507"), "{}", told.stdout);
}

#[test]
fn a_project_that_leads_connections_elsewhere_is_found() {
    let case = Case::new();
    let folder = case.home.work().join(".claude");
    fs::create_dir(&folder).unwrap();
    for name in ["NODE_EXTRA_CA_CERTS", "ALL_PROXY", "ANTHROPIC_UNIX_SOCKET"] {
        let text = format!(r#"{{"env": {{"{name}": "x"}}}}"#);
        fs::write(folder.join("settings.json"), text).unwrap();
        let told = case.run(&["doctor"]).expect_code(1);
        assert!(told.stdout.contains("KR302"), "{name}: {}", told.stdout);
        assert!(told.stdout.contains(name), "{}", told.stdout);
    }
}

#[test]
fn an_export_that_outranks_the_login_is_named_with_its_line() {
    let (case, canary, _) = with_export();
    let told = run(&case, &["doctor"]);
    says_nothing_of(&canary, &told);
    check("doctor_export", &case, &told);
    let told = case
        .home
        .run(command(&case, &["doctor"]).env("ANTHROPIC_API_KEY", canary.value()));
    says_nothing_of(&canary, &told);
    check("doctor_export_in_use", &case, &told);
    let told = run(&case, &["doctor", "--json"]);
    says_nothing_of(&canary, &told);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let finding = &told["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["line"], &finding["fixable"]),
        (&"KR201".into(), &3.into(), &true.into()),
        "{told}"
    );
}

#[test]
fn a_clean_machine_is_told_so_and_left_as_it_is() {
    let case = Case::new();
    check("doctor_clean", &case, &run(&case, &["doctor"]));
    assert!(!case.home.keyreeve_home().exists());
    ends(run(&case, &["doctor", "--for", "nothing"]), 2);
    ends(run(&case, &["doctor", "--password-changed", "soon"]), 2);
}

#[test]
fn a_line_is_commented_out_after_a_yes_and_a_copy_is_kept() {
    let (case, canary, zshrc) = with_export();
    let before = fs::read_to_string(&zshrc).unwrap();
    ends(run(&case, &["doctor", "--fix", "--no-input"]), 2);
    let answered = |keys| {
        let typed = Typed {
            prompt: "Comment out this line?",
            keys,
        };
        case.home
            .run_at_terminal(&mut command(&case, &["doctor", "--fix"]), &[typed])
    };
    let refused = answered(b"n\r");
    says_nothing_of(&canary, &refused);
    assert_eq!((refused.code, copies_of(&zshrc).len()), (1, 0));
    assert_eq!(fs::read_to_string(&zshrc).unwrap(), before);

    let mended = answered(b"y\r");
    says_nothing_of(&canary, &mended);
    assert_eq!(mended.code, 0, "{}", mended.stdout);
    let after = before.replace("export ANTHROPIC", "# export ANTHROPIC");
    assert_eq!(fs::read_to_string(&zshrc).unwrap(), after);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let copies = copies_of(&zshrc);
    let [copy] = copies.as_slice() else {
        panic!("{copies:?}");
    };
    assert_eq!((mode(&zshrc), mode(copy)), (0o640, 0o600));
    assert_eq!(fs::read_to_string(copy).unwrap(), before);

    let again = answered(b"y\r");
    assert_eq!(again.code, 0, "{}", again.stdout);
    assert_eq!(copies_of(&zshrc).len(), 1);
    assert_eq!(fs::read_to_string(&zshrc).unwrap(), after);
}

#[test]
fn a_link_is_followed_and_stays_a_link_and_a_block_stays_whole() {
    let (case, canary, zshrc) = with_export();
    let real = case.home.path().join("dotfiles/zshrc");
    let text = format!(
        "if true; then\n\texport ANTHROPIC_API_KEY='{}'\nfi",
        canary.value()
    );
    write(&real, 0o644, &text);
    fs::remove_file(&zshrc).unwrap();
    symlink(&real, &zshrc).unwrap();
    let typed = Typed {
        prompt: "Comment out this line?",
        keys: b"y\r",
    };
    let told = case
        .home
        .run_at_terminal(&mut command(&case, &["doctor", "--fix"]), &[typed]);
    says_nothing_of(&canary, &told);
    assert!(
        told.stdout.contains("outside of your home directory"),
        "{}",
        told.stdout
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
fn hostile_files_are_survived() {
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
    let told = run(&case, &["doctor"]);
    says_nothing_of(&canary, &told);
    for text in [&told.stdout, &told.stderr] {
        let hostile = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(hostile), "{text:?}");
    }
    check("doctor_hostile", &case, &told);
}

#[test]
fn a_helper_runs_only_when_asked_and_never_one_of_a_project() {
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
fn what_keyreeve_keeps_is_judged_and_a_closed_store_is_a_finding() {
    let (case, _) = Case::with_profile();
    ends(run(&case, &["doctor"]), 0);
    let state = case.home.keyreeve_home().join("state/serve.json");
    write(
        &state,
        0o600,
        r#"{"process": 1, "address": "http://127.0.0.1:9"}"#,
    );
    fs::set_permissions(state.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
    let told = run(&case, &["doctor", "--json"]);
    assert!(told.stdout.contains("\"KR504\""), "{}", told.stdout);
    let data = case.home.keyreeve_home().join("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
    let told = run(&case, &["doctor", "--json"]);
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(told.stdout.contains("\"KR507\""), "{}", told.stdout);
    assert_eq!(told.code, 1);
}

#[test]
fn doctor_asks_nobody_starts_nothing_and_writes_nothing() {
    let strace =
        match Strace::of("socket,connect,execve,openat,open,creat,rename,renameat,unlink,unlinkat")
        {
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
    ends(case.home.run(&mut strace.command(&case, &["doctor"])), 1);
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
