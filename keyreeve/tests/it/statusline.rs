//! `statusline`: one line whatever is piped and however the store is, and windows that are kept where they may be.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyreeve_core::inert::inert;
use keyreeve_core::limits::{Seen, Share, Subject};
use keyreeve_os::world;
use keyreeve_store::{Glance, Places};
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::Output;
use keyreeve_testkit::skip;

use crate::case::{Case, check, ends};
use crate::strace::Strace;

/// What a plan's session pipes; windows without a reset, so that the line is the same at any time.
const PLAN: &str = r#"{"version": "2.1.329", "cost": {"total_cost_usd": 0.4249},
    "rate_limits": {"five_hour": {"used_percentage": 42}, "seven_day": {"used_percentage": 91.5, "resets_at": null}}}"#;

/// What a session that a key pays for pipes.
const KEY: &str = r#"{"version": "2.1.329", "cost": {"total_cost_usd": 0.4249}}"#;

/// Writes a login into one of Claude Code's directories. It is not planted: it lies there on purpose.
fn login(case: &Case, directory: &str) {
    let canary = Canary::oauth("login");
    let text = format!(
        r#"{{"claudeAiOauth": {{"accessToken": "{}", "refreshToken": "r", "scopes": ["user:inference"]}}}}"#,
        canary.value()
    );
    let folder = case.home.user_home().join(directory);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(".credentials.json"), text).unwrap();
}

/// The command as Claude Code runs it, in a directory below the home directory.
fn statusline(case: &Case, arguments: &[&str]) -> Command {
    let project = case.home.user_home().join("project");
    fs::create_dir_all(&project).unwrap();
    let mut all = vec!["statusline", "--color", "never"];
    all.extend(arguments);
    let mut command = case.command(&all);
    command.current_dir(project).env("TZ", "UTC0");
    command
}

fn piped(case: &Case, arguments: &[&str], input: &str) -> Output {
    let mut command = statusline(case, arguments);
    case.home.run_with_input(&mut command, input.as_bytes())
}

fn planted_key(case: &Case) -> Canary {
    let key = Canary::api_key("environment");
    case.home.plant(&key);
    key
}

/// What the store remembers.
fn remembered(case: &Case) -> Vec<Seen> {
    let home = case.home.keyreeve_home();
    let places = Places {
        data: home.join("data"),
        keys: home.join("config"),
    };
    Glance::at(&places).unwrap().unwrap().limits().unwrap()
}

/// What is remembered of one subject: each window and its share in percent.
fn shares(case: &Case, config_dir: Option<&str>) -> Vec<(String, Option<u32>)> {
    let subject = Subject::ClaudeCode {
        config_dir: config_dir.map(ToOwned::to_owned),
    };
    let of_it = remembered(case)
        .into_iter()
        .filter(|seen| seen.subject == subject);
    let share = |seen: Seen| {
        let used = seen.limit.used().map(Share::percent);
        (seen.limit.which.name().to_owned(), used)
    };
    of_it.map(share).collect()
}

#[test]
fn a_plan_its_windows_and_its_cost_are_one_line() {
    let case = Case::new();
    login(&case, ".claude");
    check("statusline_plan", &case, &piped(&case, &[], PLAN));
    check("statusline_not_seen", &case, &piped(&case, &[], "{}"));
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
fn a_key_that_shadows_a_login_is_marked() {
    let case = Case::new();
    login(&case, ".claude");
    let key = planted_key(&case);
    let with_key = |input: &str| {
        let mut command = statusline(&case, &[]);
        command.env("ANTHROPIC_API_KEY", key.value());
        case.home.run_with_input(&mut command, input.as_bytes())
    };
    check("statusline_shadowed", &case, &with_key(KEY));
    check("statusline_answered", &case, &with_key(PLAN));

    // Asked by Claude Code, the person said no: the login pays.
    let end = &key.value()[key.value().len() - 20..];
    let memory = format!(r#"{{"customApiKeyResponses": {{"rejected": ["{end}"]}}}}"#);
    fs::write(case.home.user_home().join(".claude.json"), memory).unwrap();
    let told = with_key(PLAN).expect_code(0).stdout;
    assert!(told.starts_with("plan · 5h 42%"), "{told}");
    fs::remove_file(case.home.user_home().join(".claude.json")).unwrap();
}

#[test]
fn who_is_meant_to_pay_is_of_the_directory_that_was_told() {
    let case = Case::new();
    login(&case, ".claude");
    let elsewhere = case.home.user_home().join("elsewhere");
    fs::create_dir_all(&elsewhere).unwrap();
    let bound = elsewhere.display().to_string();
    ends(case.run(&["bind", &bound, "--expect", "metered"]), 0);
    let told = |workspace: &str| {
        let input = format!(r#"{{"cwd": "/", "workspace": {workspace}}}"#);
        piped(&case, &[], &input).expect_code(0).stdout
    };
    let meant = "! plan: metered is meant to pay";
    for (workspace, is_marked) in [
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
        let line = told(&workspace);
        assert_eq!(line.starts_with(meant), is_marked, "{workspace}: {line}");
    }
}

#[test]
fn windows_are_kept_when_they_are_news() {
    let case = Case::new();
    ends(case.run(&["store", "init"]), 0);
    login(&case, ".claude");
    login(&case, "other");
    ends(piped(&case, &[], PLAN), 0);
    let both = |first| {
        [("five_hour", first), ("seven_day", 91)]
            .map(|(window, used)| (window.to_owned(), Some(used)))
    };
    assert_eq!(shares(&case, None), both(42));
    let before = remembered(&case);
    ends(piped(&case, &[], PLAN), 0);
    ends(piped(&case, &[], KEY), 0);
    assert_eq!(remembered(&case), before, "nothing was written again");
    ends(piped(&case, &[], &PLAN.replace("42", "43")), 0);
    assert_eq!(shares(&case, None), both(43));
    assert_eq!(remembered(&case)[1], before[1], "only what changed");

    let other = case.home.user_home().join("other");
    let mut command = statusline(&case, &[]);
    command.env("CLAUDE_CONFIG_DIR", &other);
    ends(case.home.run_with_input(&mut command, PLAN.as_bytes()), 0);
    assert_eq!(shares(&case, other.to_str()), both(42));
    assert_eq!(shares(&case, None), both(43));
}

#[test]
fn a_reset_is_shown_and_kept() {
    let case = Case::new();
    ends(case.run(&["store", "init"]), 0);
    login(&case, ".claude");
    // At noon, UTC, tomorrow: its weekday is shown.
    let at = world::now().as_second() / 86_400 * 86_400 + 86_400 + 43_200;
    let input = format!(
        r#"{{"rate_limits": {{"five_hour": {{"used_percentage": 7, "resets_at": {at}}}}}}}"#
    );
    let line = piped(&case, &[], &input).expect_code(0).stdout;
    assert!(
        line.contains("5h 7% resets ") && line.contains(" 12:00 · week not seen"),
        "{line}"
    );
    let kept = &remembered(&case)[0].limit;
    assert_eq!(kept.resets_at.map(jiff::Timestamp::as_second), Some(at));
}

#[test]
fn windows_of_somebody_else_are_not_kept() {
    let case = Case::new();
    ends(case.run(&["store", "init"]), 0);
    login(&case, ".claude");
    let token = Canary::oauth("environment");
    case.home.plant(&token);
    for (name, value) in [
        ("CLAUDE_CODE_OAUTH_TOKEN", token.value()),
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9"),
    ] {
        let mut command = statusline(&case, &["--verbose"]);
        command.env(name, value);
        let told = case.home.run_with_input(&mut command, PLAN.as_bytes());
        let told = told.expect_code(0);
        assert!(told.stdout.contains("5h 42%"), "{}", told.stdout);
        assert!(told.stderr.contains("nothing is kept"), "{}", told.stderr);
    }
    assert_eq!(remembered(&case), []);
}

#[test]
fn a_store_that_cannot_be_used_takes_nothing_from_the_line() {
    let case = Case::new();
    ends(case.run(&["store", "init"]), 0);
    login(&case, ".claude");
    let line = "plan · 5h 42% · week 91% · ≈ $0.42\n";
    let data = case.home.keyreeve_home().join("data");
    let told = |case: &Case| {
        let told = piped(case, &["--verbose"], PLAN).expect_code(0);
        assert_eq!(told.stdout, line);
        told.stderr
    };
    assert_eq!(told(&case), "");
    let mode = |mode| fs::set_permissions(&data, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    assert!(told(&case).contains("the store was not looked at"));
    // Whoever may do everything may write there all the same.
    mode(0o500);
    let _told_or_not = told(&case);
    mode(0o700);
    fs::write(data.join("keyreeve.db"), "junk").unwrap();
    assert!(told(&case).contains("the store was not looked at"));
    assert_eq!(piped(&case, &[], PLAN).expect_code(0).stderr, "");
    let mut command = statusline(&case, &["--verbose"]);
    command.env("KEYREEVE_HOME", "relative");
    let told = case.home.run_with_input(&mut command, PLAN.as_bytes());
    assert_eq!(told.expect_code(0).stdout, line);
}

#[test]
fn whatever_is_piped_gives_one_quiet_line() {
    let case = Case::new();
    login(&case, ".claude");
    let long = format!(r#"{{"filler": "{}"}}"#, "x".repeat(2 << 20));
    let hidden = "{\"cwd\": \"/\u{202e}\u{1b}[31m\", \"rate_limits\": {\"\u{202e}\": {\"used_percentage\": 1}}}";
    for input in ["", "[]", "null", "{", "\u{1b}]0;x\u{7}", hidden, &long] {
        let told = piped(&case, &[], input).expect_code(0);
        assert_eq!(told.stdout, "plan · 5h not seen · week not seen\n");
        assert_eq!(told.stderr, "");
    }
}

/// Escapes for a terminal, directions of text, line ends, and what is not seen.
const EVIL: &str = "\u{1b}]52;c;eA==\u{7}\u{9b}31m\u{202e}\u{2066}\r\n\u{200b}";

fn hostile_project(case: &Case, key: &Canary) -> PathBuf {
    let project = case.home.user_home().join(format!("project {EVIL}"));
    fs::create_dir_all(project.join(".claude")).unwrap();
    let settings = serde_json::json!({
        "apiKeyHelper": format!("echo {EVIL}"), "model": EVIL,
        "env": {"ANTHROPIC_BASE_URL": format!("http://a{EVIL}@evil.test:1/{EVIL}"),
            "ANTHROPIC_API_KEY": key.value(), "ANTHROPIC_CUSTOM_HEADERS": EVIL},
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

/// Every field of the input, the project's settings, the variables and the name of the directory are somebody else's.
#[test]
fn bi_08_nothing_that_acts_comes_out_of_a_line() {
    let case = Case::new();
    ends(case.run(&["store", "init"]), 0);
    login(&case, ".claude");
    // Not planted: it lies in the project on purpose.
    let key = Canary::api_key("project");
    let project = hostile_project(&case, &key);
    let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for input in [
        hostile_input(&project, EVIL),
        hostile_input(&project, ""),
        deep,
    ] {
        for zone in [
            ":/etc/shadow",
            "../../../etc/passwd",
            "/dev/zero",
            EVIL,
            "/proc/self/environ",
        ] {
            for format in [&[][..], &["--json"], &["--verbose"]] {
                let mut command = statusline(&case, format);
                command
                    .current_dir(&project)
                    .env("TZ", zone)
                    .env("CLAUDE_PID", "1");
                let told = case.home.run_with_input(&mut command, input.as_bytes());
                let told = told.expect_code(0);
                assert_eq!(told.stdout.lines().count(), 1, "{:?}", told.stdout);
                for text in [told.stdout, told.stderr] {
                    assert_eq!(inert(&text), text);
                    assert!(!text.contains(key.value()));
                }
            }
        }
    }
}

#[test]
fn a_pipe_is_coloured_since_claude_code_shows_colours() {
    let case = Case::new();
    login(&case, ".claude");
    let painted = |variables: &[(&str, &str)]| {
        let mut command = case.command(&["statusline"]);
        command.envs(variables.iter().copied());
        let told = case.home.run_with_input(&mut command, PLAN.as_bytes());
        told.expect_code(0).stdout.contains("\u{1b}[")
    };
    assert!(painted(&[("TERM", "xterm")]));
    assert!(!painted(&[("TERM", "xterm"), ("NO_COLOR", "1")]));
    assert!(!painted(&[("TERM", "dumb")]));
}

#[test]
fn how_the_session_was_started_is_looked_up() {
    let case = Case::new();
    login(&case, ".claude");
    let settings = case.home.user_home().join(".claude/settings.json");
    fs::write(settings, r#"{"apiKeyHelper": "print-a-key"}"#).unwrap();
    let line = |arguments: &[&str]| {
        // Stands in for a session: it was started with these arguments, and waits until its input ends.
        let mut session = case.home.command("/bin/sh");
        session
            .args(["-c", "read nothing", "claude"])
            .args(arguments);
        let mut session = case.home.spawn(session.stdin(Stdio::piped()));
        let mut command = statusline(&case, &[]);
        command.env("CLAUDE_PID", session.pid().to_string());
        let told = case.home.run_with_input(&mut command, KEY.as_bytes());
        session.kill();
        told.expect_code(0).stdout
    };
    let shadowed =
        "! whoever apiKeyHelper (user settings) belongs to: your plan does not pay · ≈ $0.42\n";
    assert_eq!(line(&[]), shadowed);
    let off = ["--settings", r#"{"apiKeyHelper": ""}"#];
    assert_eq!(line(&off), "plan · 5h not seen · week not seen · ≈ $0.42\n");
    assert!(
        line(&["--bare"]).starts_with("nobody: "),
        "{}",
        line(&["--bare"])
    );
}

#[test]
fn the_settings_name_this_very_program() {
    let case = Case::new();
    let told = case.run(&["statusline", "--print-settings"]).expect_code(0);
    let settings: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let command = settings["statusLine"]["command"].as_str().unwrap();
    assert!(
        command.starts_with("'/") && command.ends_with("' statusline"),
        "{command}"
    );
    let mut shell = case.home.command("/bin/sh");
    shell.args(["-c", command]);
    let told = case.home.run_with_input(&mut shell, b"{}");
    let line = told.expect_code(0).stdout;
    assert!(line.contains("nobody: no credential"), "{line}");
}

#[test]
fn a_person_who_types_it_is_told_what_it_is_for() {
    let case = Case::new();
    let mut command = statusline(&case, &[]);
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    let told = case.home.run_at_terminal(&mut command, &[]);
    assert_eq!(told.code, 2);
    let said = format!("{}{}", told.stdout, told.stderr);
    assert!(said.contains("--print-settings"), "{said}");
}

#[test]
fn nothing_is_sent_or_started_for_a_line() {
    let strace = match Strace::of("execve,execveat,socket,connect") {
        Ok(strace) => strace,
        Err(why) => skip!("{why}"),
    };
    let case = Case::new();
    ends(case.run(&["store", "init"]), 0);
    login(&case, ".claude");
    let mut command = strace.command(&case, &["statusline"]);
    ends(case.home.run_with_input(&mut command, PLAN.as_bytes()), 0);
    for trace in strace.traces() {
        let calls: Vec<&str> = trace.lines().filter(|line| line.contains('(')).collect();
        assert_eq!(calls.len(), 1, "its own start and nothing else: {calls:?}");
    }
}
