//! `statusline`: one line whatever the input and the state of the store, and plan windows that are saved if allowed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyreeve_core::limits::{Fraction, LimitObservation, LimitOwner};
use keyreeve_core::sanitize::sanitize;
use keyreeve_os::system;
use keyreeve_store::{QuickReader, StorePaths};
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::ProcessOutput;
use keyreeve_testkit::skip;

use crate::case::{Case, assert_exit, check};
use crate::strace::Strace;

/// Input of a session that a plan pays for; without reset times, so that the line does not depend on the time.
const PLAN: &str = r#"{"version": "2.1.329", "cost": {"total_cost_usd": 0.4249},
    "rate_limits": {"five_hour": {"used_percentage": 42}, "seven_day": {"used_percentage": 91.5, "resets_at": null}}}"#;

/// Input of a session that a key pays for.
const KEY: &str = r#"{"version": "2.1.329", "cost": {"total_cost_usd": 0.4249}}"#;

/// Writes a login into one of Claude Code's directories. It is not planted, because it belongs there.
fn login(case: &Case, directory: &str) {
    let canary = Canary::oauth("login");
    let text = format!(
        r#"{{"claudeAiOauth": {{"accessToken": "{}", "refreshToken": "r", "scopes": ["user:inference"]}}}}"#,
        canary.value()
    );
    let dir = case.home.user_home().join(directory);
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join(".credentials.json"), text).unwrap();
}

/// Returns the command as Claude Code runs it, in a directory below the home directory.
fn statusline(case: &Case, arguments: &[&str]) -> Command {
    let project = case.home.user_home().join("project");
    fs::create_dir_all(&project).unwrap();
    let mut all = vec!["statusline", "--color", "never"];
    all.extend(arguments);
    let mut command = case.command(&all);
    command.current_dir(project).env("TZ", "UTC0");
    command
}

fn piped(case: &Case, arguments: &[&str], input: &str) -> ProcessOutput {
    let mut command = statusline(case, arguments);
    case.home.run_with_input(&mut command, input.as_bytes())
}

fn planted_key(case: &Case) -> Canary {
    let key = Canary::api_key("environment");
    case.home.plant(&key);
    key
}

/// Returns the limits saved in the store.
fn saved_limits(case: &Case) -> Vec<LimitObservation> {
    let home = case.home.keyreeve_home();
    let paths = StorePaths {
        data: home.join("data"),
        keys: home.join("config"),
    };
    QuickReader::open(&paths)
        .unwrap()
        .unwrap()
        .limits()
        .unwrap()
}

/// Returns the saved windows of one login, with the percentage used.
fn saved_windows(case: &Case, config_dir: Option<&str>) -> Vec<(String, Option<u32>)> {
    let owner = LimitOwner::ClaudeCode {
        config_dir: config_dir.map(ToOwned::to_owned),
    };
    let windows = saved_limits(case)
        .into_iter()
        .filter(|seen| seen.owner == owner);
    let used = |seen: LimitObservation| {
        let used = seen.limit.used().map(Fraction::percent);
        (seen.limit.kind.name().to_owned(), used)
    };
    windows.map(used).collect()
}

#[test]
fn plan_windows_and_cost_fit_one_line() {
    let case = Case::new();
    login(&case, ".claude");
    check("statusline_plan", &case, &piped(&case, &[], PLAN));
    check("statusline_no_windows", &case, &piped(&case, &[], "{}"));
    check("statusline_no_store", &case, &piped(&case, &["-v"], "?"));
    assert!(!case.home.keyreeve_home().exists(), "no store was made");
    let json = piped(&case, &["--json"], PLAN).expect_code(0).json();
    assert_eq!(json["payer"]["class"], "plan");
    assert_eq!(json["warnings"], serde_json::json!([]));
    assert_eq!(json["session"]["windows"][0]["window"], "five_hour");
    assert_eq!(json["session"]["windows"][0]["used_percent"], 42);
    assert_eq!(
        json["session"]["windows"][0]["resets_at"],
        serde_json::Value::Null
    );
    assert_eq!(json["session"]["cost_usd"], "0.4249");
}

#[test]
fn key_that_shadows_a_login_causes_a_warning() {
    let case = Case::new();
    login(&case, ".claude");
    let key = planted_key(&case);
    let with_key = |input: &str| {
        let mut command = statusline(&case, &[]);
        command.env("ANTHROPIC_API_KEY", key.value());
        case.home.run_with_input(&mut command, input.as_bytes())
    };
    check("statusline_shadowed", &case, &with_key(KEY));
    check("statusline_plan_used", &case, &with_key(PLAN));

    // The user rejected the key in Claude Code, so the login pays.
    let end = &key.value()[key.value().len() - 20..];
    let memory = format!(r#"{{"customApiKeyResponses": {{"rejected": ["{end}"]}}}}"#);
    fs::write(case.home.user_home().join(".claude.json"), memory).unwrap();
    let output = with_key(PLAN).expect_code(0).stdout;
    assert!(output.starts_with("plan · 5h 42%"), "{output}");
    fs::remove_file(case.home.user_home().join(".claude.json")).unwrap();
}

#[test]
fn expected_payer_comes_from_the_sessions_directory() {
    let case = Case::new();
    login(&case, ".claude");
    let bound_directory = case.home.user_home().join("elsewhere");
    fs::create_dir_all(&bound_directory).unwrap();
    let bound = bound_directory.display().to_string();
    assert_exit(case.run(&["bind", &bound, "--expect", "metered"]), 0);
    let line_for = |workspace: &str| {
        let input = format!(r#"{{"cwd": "/", "workspace": {workspace}}}"#);
        piped(&case, &[], &input).expect_code(0).stdout
    };
    let warning = "! plan: metered should pay";
    for (workspace, has_warning) in [
        (format!(r#"{{"project_dir": "{bound}"}}"#), true),
        (format!(r#"{{"current_dir": "{bound}"}}"#), true),
        (
            format!(r#"{{"project_dir": "/", "current_dir": "{bound}"}}"#),
            false,
        ),
        (
            format!(r#"{{"project_dir": "/no/such/directory", "current_dir": "{bound}"}}"#),
            true,
        ),
        (r#"{"project_dir": 3}"#.to_owned(), false),
    ] {
        let line = line_for(&workspace);
        assert_eq!(
            line.starts_with(warning),
            has_warning,
            "{workspace}: {line}"
        );
    }
}

#[test]
fn new_plan_windows_are_saved() {
    let case = Case::new();
    assert_exit(case.run(&["store", "init"]), 0);
    login(&case, ".claude");
    login(&case, "other");
    assert_exit(piped(&case, &[], PLAN), 0);
    let both = |first| {
        [("five_hour", first), ("seven_day", 91)]
            .map(|(window, used)| (window.to_owned(), Some(used)))
    };
    assert_eq!(saved_windows(&case, None), both(42));
    let before = saved_limits(&case);
    assert_exit(piped(&case, &[], PLAN), 0);
    assert_exit(piped(&case, &[], KEY), 0);
    assert_eq!(saved_limits(&case), before, "nothing was written again");
    assert_exit(piped(&case, &[], &PLAN.replace("42", "43")), 0);
    assert_eq!(saved_windows(&case, None), both(43));
    assert_eq!(saved_limits(&case)[1], before[1], "only what changed");

    let other = case.home.user_home().join("other");
    let mut command = statusline(&case, &[]);
    command.env("CLAUDE_CONFIG_DIR", &other);
    assert_exit(case.home.run_with_input(&mut command, PLAN.as_bytes()), 0);
    assert_eq!(saved_windows(&case, other.to_str()), both(42));
    assert_eq!(saved_windows(&case, None), both(43));
}

#[test]
fn reset_time_is_shown_and_saved() {
    let case = Case::new();
    assert_exit(case.run(&["store", "init"]), 0);
    login(&case, ".claude");
    // Noon UTC tomorrow: the weekday is shown.
    let at = system::now().as_second() / 86_400 * 86_400 + 86_400 + 43_200;
    let input = format!(
        r#"{{"rate_limits": {{"five_hour": {{"used_percentage": 7, "resets_at": {at}}}}}}}"#
    );
    let line = piped(&case, &[], &input).expect_code(0).stdout;
    assert!(
        line.contains("5h 7% resets ") && line.contains(" 12:00 · week not seen"),
        "{line}"
    );
    let saved = &saved_limits(&case)[0].limit;
    assert_eq!(saved.resets_at.map(jiff::Timestamp::as_second), Some(at));
}

#[test]
fn windows_of_another_account_are_not_saved() {
    let case = Case::new();
    assert_exit(case.run(&["store", "init"]), 0);
    login(&case, ".claude");
    let token = Canary::oauth("environment");
    case.home.plant(&token);
    for (name, value) in [
        ("CLAUDE_CODE_OAUTH_TOKEN", token.value()),
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9"),
    ] {
        let mut command = statusline(&case, &["--verbose"]);
        command.env(name, value);
        let output = case.home.run_with_input(&mut command, PLAN.as_bytes());
        let output = output.expect_code(0);
        assert!(output.stdout.contains("5h 42%"), "{}", output.stdout);
        assert!(
            output.stderr.contains("nothing is saved"),
            "{}",
            output.stderr
        );
    }
    assert_eq!(saved_limits(&case), []);
}

#[test]
fn unusable_store_does_not_change_the_line() {
    let case = Case::new();
    assert_exit(case.run(&["store", "init"]), 0);
    login(&case, ".claude");
    let line = "plan · 5h 42% · week 91% · ≈ $0.42\n";
    let data = case.home.keyreeve_home().join("data");
    let stderr_of = |case: &Case| {
        let output = piped(case, &["--verbose"], PLAN).expect_code(0);
        assert_eq!(output.stdout, line);
        output.stderr
    };
    assert_eq!(stderr_of(&case), "");
    let mode = |mode| fs::set_permissions(&data, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    assert!(stderr_of(&case).contains("Cannot read the store"));
    // Root may write there all the same.
    mode(0o500);
    let _output = stderr_of(&case);
    mode(0o700);
    fs::write(data.join("policy.db"), "junk").unwrap();
    assert!(stderr_of(&case).contains("Cannot read the store"));
    assert_eq!(piped(&case, &[], PLAN).expect_code(0).stderr, "");
    let mut command = statusline(&case, &["--verbose"]);
    command.env("KEYREEVE_HOME", "relative");
    let output = case.home.run_with_input(&mut command, PLAN.as_bytes());
    assert_eq!(output.expect_code(0).stdout, line);
}

#[test]
fn any_input_gives_one_line() {
    let case = Case::new();
    login(&case, ".claude");
    let long = format!(r#"{{"filler": "{}"}}"#, "x".repeat(2 << 20));
    let hidden = "{\"cwd\": \"/\u{202e}\u{1b}[31m\", \"rate_limits\": {\"\u{202e}\": {\"used_percentage\": 1}}}";
    for input in ["", "[]", "null", "{", "\u{1b}]0;x\u{7}", hidden, &long] {
        let output = piped(&case, &[], input).expect_code(0);
        assert_eq!(output.stdout, "plan · 5h not seen · week not seen\n");
        assert_eq!(output.stderr, "");
    }
}

/// Terminal escapes, text direction marks, line ends and invisible characters.
const HOSTILE_TEXT: &str = "\u{1b}]52;c;eA==\u{7}\u{9b}31m\u{202e}\u{2066}\r\n\u{200b}";

fn hostile_project(case: &Case, key: &Canary) -> PathBuf {
    let project = case
        .home
        .user_home()
        .join(format!("project {HOSTILE_TEXT}"));
    fs::create_dir_all(project.join(".claude")).unwrap();
    let settings = serde_json::json!({
        "apiKeyHelper": format!("echo {HOSTILE_TEXT}"), "model": HOSTILE_TEXT,
        "env": {"ANTHROPIC_BASE_URL": format!("http://a{HOSTILE_TEXT}@evil.test:1/{HOSTILE_TEXT}"),
            "ANTHROPIC_API_KEY": key.value(), "ANTHROPIC_CUSTOM_HEADERS": HOSTILE_TEXT},
    });
    fs::write(project.join(".claude/settings.json"), settings.to_string()).unwrap();
    symlink("/etc/shadow", project.join("transcript")).unwrap();
    project
}

fn hostile_input(project: &Path, text: &str) -> String {
    serde_json::json!({
        "version": format!("2.1.329{text}"), "session_id": text, "cwd": format!("/{text}"),
        "transcript_path": project.join("transcript"),
        "model": {"id": text, "display_name": text}, "output_style": {"name": text},
        "workspace": {"current_dir": project, "project_dir": project},
        "cost": {"total_cost_usd": format!("{text}1"), "total_duration_ms": 1e308},
        "rate_limits": {"five_hour": {"used_percentage": 1e300, "resets_at": i64::MAX},
            "seven_day": {"used_percentage": -1, "resets_at": text}, text: {"used_percentage": 5}},
    })
    .to_string()
}

/// BI-08: hostile text in the input, the project's settings, variables and directory names is sanitized.
#[test]
fn hostile_input_is_sanitized() {
    let case = Case::new();
    assert_exit(case.run(&["store", "init"]), 0);
    login(&case, ".claude");
    // Not planted, because it belongs in the project.
    let key = Canary::api_key("project");
    let project = hostile_project(&case, &key);
    let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for input in [
        hostile_input(&project, HOSTILE_TEXT),
        hostile_input(&project, ""),
        deep,
    ] {
        for zone in [
            ":/etc/shadow",
            "../../../etc/passwd",
            "/dev/zero",
            HOSTILE_TEXT,
            "/proc/self/environ",
        ] {
            for format in [&[][..], &["--json"], &["--verbose"]] {
                let mut command = statusline(&case, format);
                command
                    .current_dir(&project)
                    .env("TZ", zone)
                    .env("CLAUDE_PID", "1");
                let output = case.home.run_with_input(&mut command, input.as_bytes());
                let output = output.expect_code(0);
                assert_eq!(output.stdout.lines().count(), 1, "{:?}", output.stdout);
                for text in [output.stdout, output.stderr] {
                    assert_eq!(sanitize(&text), text);
                    assert!(!text.contains(key.value()));
                }
            }
        }
    }
}

#[test]
fn piped_output_is_colored_for_claude_code() {
    let case = Case::new();
    login(&case, ".claude");
    let painted = |variables: &[(&str, &str)]| {
        let mut command = case.command(&["statusline"]);
        command.envs(variables.iter().copied());
        let output = case.home.run_with_input(&mut command, PLAN.as_bytes());
        output.expect_code(0).stdout.contains("\u{1b}[")
    };
    assert!(painted(&[("TERM", "xterm")]));
    assert!(!painted(&[("TERM", "xterm"), ("NO_COLOR", "1")]));
    assert!(!painted(&[("TERM", "dumb")]));
}

#[test]
fn session_arguments_are_read_from_its_process() {
    let case = Case::new();
    login(&case, ".claude");
    let settings = case.home.user_home().join(".claude/settings.json");
    fs::write(settings, r#"{"apiKeyHelper": "print-a-key"}"#).unwrap();
    let line = |arguments: &[&str]| {
        // Simulates a session: started with these arguments, it waits until its input ends.
        let mut session = case.home.command("/bin/sh");
        session
            .args(["-c", "read nothing", "claude"])
            .args(arguments);
        let mut session = case.home.spawn(session.stdin(Stdio::piped()));
        let mut command = statusline(&case, &[]);
        command.env("CLAUDE_PID", session.pid().to_string());
        let output = case.home.run_with_input(&mut command, KEY.as_bytes());
        session.kill();
        output.expect_code(0).stdout
    };
    let shadowed =
        "! apiKeyHelper (user settings), payer unknown: your plan is not used · ≈ $0.42\n";
    assert_eq!(line(&[]), shadowed);
    let off = ["--settings", r#"{"apiKeyHelper": ""}"#];
    assert_eq!(line(&off), "plan · 5h not seen · week not seen · ≈ $0.42\n");
    assert!(
        line(&["--bare"]).starts_with("no payer: "),
        "{}",
        line(&["--bare"])
    );
}

#[test]
fn printed_settings_run_this_program() {
    let case = Case::new();
    let output = case.run(&["statusline", "--print-settings"]).expect_code(0);
    let settings: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let command = settings["statusLine"]["command"].as_str().unwrap();
    assert!(
        command.starts_with("'/") && command.ends_with("' statusline"),
        "{command}"
    );
    let mut shell = case.home.command("/bin/sh");
    shell.args(["-c", command]);
    let output = case.home.run_with_input(&mut shell, b"{}");
    let line = output.expect_code(0).stdout;
    assert!(line.contains("no payer: no credential"), "{line}");
}

#[test]
fn terminal_input_is_a_usage_error() {
    let case = Case::new();
    let mut command = statusline(&case, &[]);
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    let output = case.home.run_at_terminal(&mut command, &[]);
    assert_eq!(output.code, 2);
    let message = format!("{}{}", output.stdout, output.stderr);
    assert!(message.contains("--print-settings"), "{message}");
}

#[test]
fn statusline_opens_no_socket_and_starts_no_program() {
    let strace = match Strace::new("execve,execveat,socket,connect") {
        Ok(strace) => strace,
        Err(why) => skip!("{why}"),
    };
    let case = Case::new();
    assert_exit(case.run(&["store", "init"]), 0);
    login(&case, ".claude");
    let mut command = strace.command(&case, &["statusline"]);
    assert_exit(case.home.run_with_input(&mut command, PLAN.as_bytes()), 0);
    for trace in strace.traces() {
        let calls: Vec<&str> = trace.lines().filter(|line| line.contains('(')).collect();
        assert_eq!(calls.len(), 1, "its own start and nothing else: {calls:?}");
    }
}
