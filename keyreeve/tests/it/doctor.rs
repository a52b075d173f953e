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
    let fix = |typed: &[TerminalInput<'_>]| {
        case.home
            .run_at_terminal(&mut command(&case, &["doctor", "--fix"]), typed)
    };
    let comment_out = |keys| answer("Comment out this line?", keys);
    let keep = answer("Remove the key from this line for good?", b"n\r");
    let remove = answer("Remove the key from this line for good?", b"y\r");
    let refused = fix(&[comment_out(b"n\r")]);
    assert_not_printed(&canary, &refused);
    assert_eq!((refused.code, backups_of(&zshrc).len()), (1, 0));
    assert_eq!(fs::read_to_string(&zshrc).unwrap(), before);

    let fixed = fix(&[comment_out(b"y\r"), keep, keep]);
    assert_not_printed(&canary, &fixed);
    assert_eq!(
        fixed.stdout.matches("KR211").count(),
        2 * 2,
        "code and page"
    );
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

    let again = fix(&[keep, remove]);
    assert_not_printed(&canary, &again);
    assert_eq!(again.code, 0, "{}", again.stdout);
    assert_eq!(backups_of(&zshrc).len(), 1);
    assert_eq!(fs::read_to_string(&zshrc).unwrap(), after);
    assert_eq!(
        fs::read_to_string(copy).unwrap(),
        before.replace(canary.value(), "REMOVED")
    );
    assert_eq!(mode(copy), 0o600);
}

fn answer<'a>(prompt: &'a str, keys: &'a [u8]) -> TerminalInput<'a> {
    TerminalInput { prompt, keys }
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
    let keep = answer("Remove the key from this line for good?", b"n\r");
    let typed = [answer("Comment out this line?", b"y\r"), keep];
    let result = case
        .home
        .run_at_terminal(&mut command(&case, &["doctor", "--fix"]), &typed);
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

/// F-07: a key is found in every file that sets variables, and nothing more than that is claimed.
#[test]
fn keys_are_found_wherever_variables_are_set() {
    let (case, canary) = (Case::new(), Canary::api_key("places"));
    let key = canary.value();
    let home = case.home.user_home();
    let work = case.home.work();
    let universal = format!("SETUVAR --export ANTHROPIC_API_KEY:{key}").replace('-', "\\x2d");
    let universal = universal.replace("\\x2d\\x2dexport", "--export");
    let export = format!("export ANTHROPIC_API_KEY={key}\n");
    let assignment = format!("ANTHROPIC_API_KEY={key}\n");
    let json = format!("{{\n\"env\": {{\"ANTHROPIC_API_KEY\": \"{key}\"}}\n}}\n");
    write(&home.join(".bashrc"), 0o644, ". ~/.secrets\n");
    let places = [
        (home.join(".config/fish/fish_variables"), universal),
        (home.join(".bash_aliases"), export.clone()),
        (home.join(".secrets"), export),
        (
            home.join(".config/environment.d/a.conf"),
            assignment.clone(),
        ),
        (home.join(".pam_environment"), assignment.clone()),
        (
            home.join(".config/nushell/env.nu"),
            format!("$env.ANTHROPIC_API_KEY = \"{key}\"\n"),
        ),
        (work.join(".devcontainer/devcontainer.json"), json.clone()),
        (
            work.join(".devcontainer/other/devcontainer.json"),
            json.clone(),
        ),
        (
            work.join("docker-compose.yml"),
            format!("services:\n  a:\n    environment:\n      ANTHROPIC_API_KEY: {key}\n"),
        ),
        (work.join("Dockerfile"), format!("ENV {assignment}")),
        (work.join(".mcp.json"), json),
        (work.join(".env.production"), assignment),
        (
            work.join("mise.toml"),
            format!("[env]\nANTHROPIC_API_KEY = \"{key}\"\n"),
        ),
    ];
    for (path, text) in &places {
        write(path, 0o600, text);
    }
    let result = run(&case, &["doctor", "--json"]);
    assert_not_printed(&canary, &result);
    assert_eq!(result.code, 1, "{}", result.stderr);
    let view: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
    let found = view["findings"].as_array().unwrap();
    for (path, _) in &places {
        let is_here = |it: &&serde_json::Value| it["file"] == path.to_str().unwrap();
        assert_eq!(found.iter().filter(is_here).count(), 1, "{path:?}");
    }
    assert_eq!(found.len(), places.len(), "{}", result.stdout);
}

/// F-07: a variable that no file explains is noted, and a file whose name is not known is named.
#[test]
fn limits_of_the_search_are_stated() {
    let case = Case::new();
    write(
        &case.home.user_home().join(".zshrc"),
        0o600,
        "source \"$(made-up-tool path)\"\n",
    );
    let result = run(&case, &["doctor"]);
    assert_eq!(result.code, 0);
    let reported = result.stderr.replace('\n', " ");
    assert!(
        reported.contains("the file that ~/.zshrc:1 reads"),
        "{reported}"
    );
    let mut with_key = command(&case, &["doctor"]);
    let result = case
        .home
        .run(with_key.env("ANTHROPIC_BASE_URL", "https://gateway.example"));
    assert_eq!(result.code, 0, "{}", result.stdout);
    assert!(result.stdout.contains("KR212 note: ANTHROPIC_BASE_URL"));
}

/// F-04: values that cannot work are errors of `doctor`.
#[test]
fn unusable_values_fail_the_check() {
    let case = Case::new();
    for (name, value) in [
        ("ANTHROPIC_API_KEY", "op://vault/a/credential"),
        ("ANTHROPIC_API_KEY", "${ANTHROPIC_API_KEY}"),
        ("ANTHROPIC_API_KEY", "your-api-key-here"),
        ("ANTHROPIC_BASE_URL", "api.anthropic.com"),
        ("ANTHROPIC_BASE_URL", "\"https://api.anthropic.com\""),
    ] {
        let result = case.home.run(command(&case, &["doctor"]).env(name, value));
        assert_eq!(result.code, 1, "{name}={value}: {}", result.stdout);
    }
}

/// F-08, F-09: after a fix each file still parses, and a here-document is not changed.
#[test]
fn fixed_files_still_parse() {
    let (case, canary) = (Case::new(), Canary::api_key("blocks"));
    let blocks = "if true; then\nEXPORT\nfi\nfor a in b; do\nEXPORT\ndone\nwork() {\nEXPORT\n}\n\
        case a in\na)\nEXPORT\n;;\nesac\ntrue &&\nEXPORT\necho end\n\
        cat <<'END'\nEXPORT\nEND\nEXPORT\n";
    let export = format!("export ANTHROPIC_API_KEY={}", canary.value());
    let text = blocks.replace("EXPORT", &export);
    let home = case.home.user_home();
    for name in [".bashrc", ".profile", ".zshrc"] {
        write(&home.join(name), 0o600, &text);
    }
    let result = run(&case, &["doctor", "--fix", "--yes"]);
    assert_not_printed(&canary, &result);
    let marked = text
        .replace("\nexport", "\n: # export")
        .replace("END'\n: # export", "END'\nexport")
        .replace("END\n: # export", "END\n# export");
    for (name, shell) in [(".bashrc", "bash"), (".profile", "sh"), (".zshrc", "zsh")] {
        let path = home.join(name);
        assert_eq!(fs::read_to_string(&path).unwrap(), marked, "{name}");
        let parsed = std::process::Command::new(shell)
            .arg("-n")
            .arg(&path)
            .status();
        assert!(parsed.is_ok_and(|status| status.success()), "{shell}");
    }
}

/// F-08: a file that its shell cannot parse is not written, and neither is one that keyreeve does not understand.
#[test]
fn file_that_does_not_parse_is_not_written() {
    let (case, canary) = (Case::new(), Canary::api_key("broken"));
    let export = format!("export ANTHROPIC_API_KEY={}\n", canary.value());
    let bashrc = case.home.user_home().join(".bashrc");
    let text = format!("{export}echo a (b)\n");
    write(&bashrc, 0o600, &text);
    let result = run(&case, &["doctor", "--fix", "--yes"]);
    assert_not_printed(&canary, &result);
    assert_eq!(fs::read_to_string(&bashrc).unwrap(), text);
    assert_eq!(backups_of(&bashrc), Vec::<PathBuf>::new());
    let message = result.stderr.replace("\n  ", " ");
    assert!(message.contains("Nothing was written to"), "{message}");
    assert!(message.contains("bash cannot parse it"), "{message}");
    let unbalanced = format!("{export}fi\n");
    write(&bashrc, 0o600, &unbalanced);
    assert_exit(run(&case, &["doctor", "--fix", "--yes"]), 0);
    assert_eq!(fs::read_to_string(&bashrc).unwrap(), unbalanced);
}

/// F-10: what a fix leaves in a comment and in its backup is reported, and removed when the user asks again.
#[test]
fn key_left_by_a_fix_is_reported_and_removed() {
    let (case, canary, zshrc) = with_export();
    fs::set_permissions(&zshrc, fs::Permissions::from_mode(0o644)).unwrap();
    assert_exit(run(&case, &["doctor", "--yes"]), 2);
    let first = run(&case, &["doctor", "--fix", "--yes"]);
    assert_not_printed(&canary, &first);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let copies = backups_of(&zshrc);
    let [copy] = copies.as_slice() else {
        panic!("{copies:?}");
    };
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&zshrc), mode(copy)), (0o644, 0o600));
    let found = run(&case, &["doctor"]);
    let text = found.stdout.replace("\n  ", " ");
    assert_eq!(text.matches("KR211 warning").count(), 2, "{text}");
    assert!(text.contains("mode 644 lets every user read it"), "{text}");
    let second = run(&case, &["doctor", "--fix", "--yes"]);
    assert_not_printed(&canary, &second);
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert_eq!(backups_of(&zshrc), copies);
    for path in [&zshrc, copy] {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains("export ANTHROPIC_API_KEY=REMOVED"), "{text}");
        assert!(!text.contains(canary.value()));
    }
    let third = run(&case, &["doctor", "--fix", "--yes"]);
    assert!(
        third.stderr.contains("Nothing was changed"),
        "{}",
        third.stderr
    );
}
