//! `status`, `guard`, `bind`, `advise` and the shell hooks: who pays, for people and for scripts.

use std::fs;
use std::path::Path;
use std::process::Command;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::ProcessOutput;
use keyreeve_testkit::skip;

use crate::case::{Case, assert_exit, check};
use crate::strace::Strace;

/// Writes Claude Code's file of a login that renews itself. It is not planted, because it belongs there.
fn login(case: &Case) {
    let canary = Canary::oauth("login");
    let text = format!(
        r#"{{"claudeAiOauth": {{"accessToken": "{}", "refreshToken": "r", "expiresAt": 4000000000000,
            "scopes": ["user:inference"], "subscriptionType": "max"}}}}"#,
        canary.value()
    );
    let directory = case.home.user_home().join(".claude");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(".credentials.json"), text).unwrap();
}

fn settings(directory: &Path, text: &str) {
    fs::create_dir_all(directory.join(".claude")).unwrap();
    fs::write(directory.join(".claude/settings.json"), text).unwrap();
}

fn run(case: &Case, arguments: &[&str]) -> ProcessOutput {
    case.home.run(&mut case.in_project(arguments))
}

fn planted_key(case: &Case) -> Canary {
    let canary = Canary::api_key("environment");
    case.home.plant(&canary);
    canary
}

fn with_key(case: &Case, arguments: &[&str], key: &Canary) -> Command {
    let mut command = case.in_project(arguments);
    command.env("ANTHROPIC_API_KEY", key.value());
    command
}

/// A machine with every kind of conflict at once.
fn with_every_conflict() -> (Case, Canary) {
    let (case, _) = Case::with_profile();
    login(&case);
    let key = planted_key(&case);
    settings(
        &case.home.user_home().join("project"),
        "{\n  \"apiKeyHelper\": \"print-a-key\",\n  \"env\": {\"ANTHROPIC_AUTH_TOKEN\": \"short\"}\n}",
    );
    assert_exit(
        case.run(&["profile", "add", "ci", "--env", "CI_ANTHROPIC_KEY"]),
        0,
    );
    assert_exit(case.run(&["profile", "use", "work"]), 0);
    assert_exit(run(&case, &["bind", "--expect", "plan"]), 0);
    (case, key)
}

#[test]
fn key_that_shadows_a_login_is_in_the_headline() {
    let case = Case::new();
    login(&case);
    check("status_login", &case, &run(&case, &["status"]));
    let key = planted_key(&case);
    let result = case.home.run(&mut with_key(&case, &["status"], &key));
    check("status_shadowed", &case, &result);
    assert!(!case.home.keyreeve_home().exists(), "no store was made");
}

#[test]
fn status_fits_the_terminal() {
    let (case, key) = with_every_conflict();
    for columns in [80, 120] {
        let mut command = with_key(&case, &["status"], &key);
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        let result = case
            .home
            .run_at_terminal_with_width(columns, &mut command, &[]);
        for line in result.stdout.lines() {
            let is_one_word = line.split_whitespace().count() <= 3;
            let width = line.trim_end().chars().count();
            assert!(width <= usize::from(columns) || is_one_word, "{line}");
        }
        check(&format!("status_{columns}"), &case, &result);
    }
    let mut command = with_key(&case, &["status"], &key);
    command.env("TERM", "xterm");
    let result = case.home.run_at_terminal_with_width(120, &mut command, &[]);
    check("status_color", &case, &result);
}

/// F-03: a release that is not in the table is resolved by the nearest known one, and `status` names it in one line.
#[test]
fn status_names_a_version_that_was_not_observed() {
    let (case, _) = Case::with_profile();
    let output = |client: &str| {
        let result = run(&case, &["status", "--for", client]);
        format!("{}{}", result.stdout, result.stderr)
    };
    let newer = output("claude-code@2.1.400");
    let note = "claude-code@2.1.400 was not observed, so the rules of claude-code@2.1.332 apply";
    assert_eq!(newer.matches(note).count(), 1, "{newer}");
    assert!(!output("claude-code@2.1.332").contains("was not observed"));
}

#[test]
fn status_json_is_complete() {
    let (case, key) = with_every_conflict();
    let result = case
        .home
        .run(&mut with_key(&case, &["status", "--json"], &key));
    let status = result.json();
    assert_eq!(status["payer"]["class"], "conflict");
    assert_eq!(status["active_profile"], "work");
    assert_eq!(status["expected"]["expect"], "plan");
    assert_eq!(status["expected"]["met"], false);
    let unusable = &status["unusable_profiles"][0];
    assert_eq!(unusable["name"], "ci");
    assert_eq!(unusable["kind"], "no_variable");
    assert_eq!(unusable["until"], serde_json::Value::Null);
    let shadowed = status["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["method"] == "login")
        .unwrap();
    assert_eq!(shadowed["state"], "shadowed");
    assert_eq!(shadowed["would_pay"]["class"], "plan");
    let all = run(&case, &["status", "--all"]).expect_code(0).stdout;
    assert!(all.contains("CLAUDE_CODE_USE_BEDROCK"), "{all}");
}

#[test]
fn status_check_sets_the_exit_code() {
    let case = Case::new();
    check(
        "status_check_no_credential",
        &case,
        &run(&case, &["status", "--check"]),
    );
    let key = planted_key(&case);
    let keyed = |arguments: &[&str]| case.home.run(&mut with_key(&case, arguments, &key));
    assert_exit(keyed(&["status", "--check"]), 0);
    assert_exit(keyed(&["status", "--check", "--expect", "metered"]), 0);
    let unexpected = keyed(&["status", "--check", "--expect", "plan"]);
    check("status_check_unexpected", &case, &unexpected);
    assert_exit(keyed(&["bind", "--expect", "plan"]), 0);
    assert_exit(keyed(&["status", "--check"]), 8);
    assert_exit(keyed(&["status"]), 0);

    let directory = case.home.user_home().join(".claude");
    fs::create_dir_all(&directory).unwrap();
    let over = r#"{"claudeAiOauth": {"accessToken": "a", "expiresAt": 1000, "scopes": ["user:inference"]}}"#;
    fs::write(directory.join(".credentials.json"), over).unwrap();
    check(
        "status_check_expired_login",
        &case,
        &run(&case, &["status", "--check"]),
    );

    assert_exit(
        run(
            &case,
            &["profile", "add", "ci", "--env", "CI_ANTHROPIC_KEY"],
        ),
        0,
    );
    let own = &["status", "--check", "--for", "keyreeve", "--expect", "ci"];
    check("status_check_variable", &case, &run(&case, own));
    let mut command = case.in_project(own);
    command.env("CI_ANTHROPIC_KEY", key.value());
    assert_exit(case.home.run(&mut command), 0);
}

#[test]
fn status_reports_profile_health() {
    let (case, _) = Case::with_profile();
    assert_exit(run(&case, &["profile", "drain", "work"]), 0);
    let status = run(&case, &["status", "--json"]).json();
    let unusable = &status["unusable_profiles"][0];
    assert_eq!(unusable["kind"], "drained");
    assert_eq!(unusable["remaining_seconds"], serde_json::Value::Null);
    let own = &["status", "--check", "--for", "keyreeve"];
    check("status_check_drained", &case, &run(&case, own));
    assert_exit(run(&case, &["profile", "resume", "work"]), 0);
    assert_exit(run(&case, own), 0);
    assert_exit(run(&case, &["profile", "pause", "work", "--for", "2h"]), 0);
    let status = run(&case, &["status", "--json"]).json();
    let unusable = &status["unusable_profiles"][0];
    assert_eq!(unusable["kind"], "paused");
    let remaining = unusable["remaining_seconds"].as_i64().unwrap();
    assert!((7000..=7200).contains(&remaining), "{remaining}");
    assert_exit(run(&case, own), 5);
}

#[test]
fn status_uses_no_network_and_starts_no_program() {
    let strace = match Strace::new("execve,execveat,socket,connect") {
        Ok(strace) => strace,
        Err(why) => skip!("{why}"),
    };
    let (case, key) = with_every_conflict();
    let commands: [&[&str]; 5] = [
        &["status"],
        &["status", "--json", "--for", "sdk-python"],
        &["status", "--brief"],
        &["status", "--check"],
        &["guard", "--expect", "metered"],
    ];
    for arguments in commands {
        let mut command = strace.command(&case, arguments);
        command
            .env("ANTHROPIC_API_KEY", key.value())
            .current_dir(case.home.user_home().join("project"));
        let code = case.home.run(&mut command).code;
        assert!(matches!(code, 0 | 4 | 8), "{arguments:?}: {code}");
    }
    for trace in strace.traces() {
        let calls: Vec<&str> = trace.lines().filter(|line| line.contains('(')).collect();
        assert_eq!(calls.len(), 1, "only its own start: {calls:?}");
    }
}

#[test]
fn guard_explains_a_mismatch_in_one_line() {
    let (case, profile) = Case::with_profile();
    login(&case);
    let key = planted_key(&case);
    check("guard_no_expectation", &case, &run(&case, &["guard"]));
    check(
        "guard_expected",
        &case,
        &run(&case, &["guard", "--expect", "plan"]),
    );
    let expect_plan = &["guard", "--expect", "plan"];
    check(
        "guard_unexpected",
        &case,
        &case.home.run(&mut with_key(&case, expect_plan, &key)),
    );
    let of_profile = &["guard", "--expect", "work"];
    assert_exit(case.home.run(&mut with_key(&case, of_profile, &key)), 8);
    let likely = case.home.run(&mut with_key(&case, of_profile, &profile));
    check("guard_likely", &case, &likely);
    assert_exit(
        run(&case, &["guard", "--expect", "work", "--for", "keyreeve"]),
        0,
    );
    check(
        "guard_unknown",
        &case,
        &run(&case, &["guard", "--expect", "other"]),
    );
    let json = case.home.run(&mut with_key(
        &case,
        &["guard", "--expect", "plan", "--json"],
        &key,
    ));
    assert_eq!(json.code, 8);
    assert!(json.stdout.contains(r#""met":false"#), "{}", json.stdout);
}

#[test]
fn nearest_binding_applies_and_nothing_is_written() {
    let (case, _) = Case::with_profile();
    assert_exit(
        run(&case, &["profile", "add", "other", "--env", "OTHER_KEY"]),
        0,
    );
    let project = case.home.user_home().join("project");
    let deep = project.join("a/b");
    fs::create_dir_all(&deep).unwrap();
    std::os::unix::fs::symlink(&deep, project.join("link")).unwrap();
    check(
        "bind",
        &case,
        &run(&case, &["bind", "--profile", "work", "--expect", "metered"]),
    );
    assert_exit(run(&case, &["bind", "link", "--profile", "other"]), 0);
    let active = |directory: &Path| {
        let mut command = case.command(&["status", "--json", "--for", "keyreeve"]);
        case.home.run(command.current_dir(directory)).json()["active_profile"].clone()
    };
    assert_eq!(active(&project.join("a")), "work");
    assert_eq!(active(&deep), "other");
    assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
    check("bindings", &case, &run(&case, &["bindings"]));

    assert_exit(run(&case, &["profile", "remove", "other"]), 0);
    assert_eq!(
        active(&deep),
        serde_json::Value::Null,
        "no other profile is used instead"
    );
    check("bindings_removed", &case, &run(&case, &["bindings"]));
    fs::remove_dir(&deep).unwrap();
    assert_exit(run(&case, &["unbind", "a/b"]), 0);
    check("unbind_unbound", &case, &run(&case, &["unbind", "a"]));
    check("bind_without_target", &case, &run(&case, &["bind"]));
    check(
        "bind_unknown",
        &case,
        &run(&case, &["bind", "--expect", "unknown"]),
    );
    assert_exit(run(&case, &["bind", "not-there", "--expect", "plan"]), 1);
}

#[test]
fn advice_matches_the_recipes() {
    let case = Case::new();
    let recipes = include_str!("../../../docs/recipes.md");
    let recipes: Vec<_> = recipes.split_whitespace().collect();
    let recipes = recipes.join(" ");
    for wanted in ["interactive", "ci", "bare", "gateway", "rotating", "shared"] {
        let advice = run(&case, &["advise", "--use", wanted, "--json"]).json();
        let method = advice["method"].as_str().unwrap();
        assert!(recipes.contains(method), "{wanted}: {method}");
        for avoided in advice["avoid"].as_array().unwrap() {
            let method = avoided["method"].as_str().unwrap();
            assert!(recipes.contains(method), "{wanted}: {method}");
        }
    }
    check("advise_ci", &case, &run(&case, &["advise", "--use", "ci"]));
}

/// Changes from a plain directory to one whose settings set a key, and back.
fn walk(case: &Case, shell: &str, arguments: &[&str], load: &str) -> ProcessOutput {
    let directory = case.home.work().join("it's $(odd) here");
    settings(
        &directory,
        r#"{"env": {"ANTHROPIC_AUTH_TOKEN": "a-token-that-is-made-up"}}"#,
    );
    let walk = format!(
        "{load}\necho began\ncd quiet\ncd ..\necho quiet\ncd \"it's \\$(odd) here\"\necho there\ncd ..\necho back\n"
    );
    fs::create_dir_all(case.home.work().join("quiet")).unwrap();
    let mut command = case.home.command(shell);
    command
        .args(arguments)
        .env("KEYREEVE", env!("CARGO_BIN_EXE_keyreeve"));
    case.home.run_with_input(&mut command, walk.as_bytes())
}

fn is_installed(shell: &str) -> bool {
    Command::new(shell).arg("--version").output().is_ok()
}

/// Checks that the hook reported two changes on standard error: entering the directory and leaving it.
fn assert_changes_reported(result: &ProcessOutput) {
    let message: Vec<&str> = result
        .stderr
        .lines()
        .filter(|line| line.contains("keyreeve: "))
        .collect();
    assert_eq!(message.len(), 2, "{}{}", result.stdout, result.stderr);
    assert!(
        message[0].contains("env.ANTHROPIC_AUTH_TOKEN"),
        "{message:?}"
    );
    assert!(message[1].contains("the login in ~/.claude"), "{message:?}");
    for word in ["began", "quiet", "there", "back"] {
        assert!(result.stdout.contains(word), "{}", result.stdout);
    }
}

#[test]
fn bash_hook_reports_a_change_of_payer() {
    let case = Case::new();
    login(&case);
    let load = "PROMPT_COMMAND='true'; set -u; eval \"$(\"$KEYREEVE\" hook bash)\"; eval \"$(\"$KEYREEVE\" hook bash)\"";
    assert_changes_reported(&walk(&case, "bash", &["--norc", "-i"], load));

    // With a store that does not open, nothing is printed and nothing breaks.
    assert_exit(case.run(&["bind", "--expect", "plan"]), 0);
    fs::write(case.home.keyreeve_home().join("data/policy.db"), "junk").unwrap();
    let result = walk(&case, "bash", &["--norc", "-i"], load);
    assert!(!result.stderr.contains("keyreeve: "), "{}", result.stderr);
    assert!(result.stdout.contains("back"), "{}", result.stdout);
}

#[test]
fn hook_warns_at_start_about_an_unexpected_payer() {
    let case = Case::new();
    login(&case);
    assert_exit(case.run(&["bind", "--expect", "metered"]), 0);
    let load = "eval \"$(\"$KEYREEVE\" hook bash)\"";
    let result = walk(&case, "bash", &["--norc", "-i"], load);
    let first = result
        .stderr
        .lines()
        .find(|line| line.contains("keyreeve: "));
    assert!(
        first.is_some_and(|line| line.contains("warning: expected metered to pay")),
        "{}",
        result.stderr
    );
}

#[test]
fn zsh_hook_reports_a_change_of_payer() {
    if !is_installed("zsh") {
        skip!("zsh is not installed");
    }
    let case = Case::new();
    login(&case);
    let load = "eval \"$(\"$KEYREEVE\" hook zsh)\"";
    assert_changes_reported(&walk(&case, "zsh", &["-f", "-i"], load));
}

#[test]
fn fish_hook_reports_a_change_of_payer() {
    if !is_installed("fish") {
        skip!("fish is not installed");
    }
    let case = Case::new();
    login(&case);
    let load = "$KEYREEVE hook fish | source";
    assert_changes_reported(&walk(&case, "fish", &["--no-config"], load));
}

/// Odd settings that Claude Code still reads, and that redirect all requests.
fn odd_settings() -> [(&'static str, Vec<u8>); 3] {
    let redirect = br#"{"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}}"#;
    let with_mark = [b"\xef\xbb\xbf".as_slice(), redirect].concat();
    let no_text = [
        br#"{"theme": ""#.as_slice(),
        b"\xff",
        br#"", "#,
        &redirect[1..],
    ]
    .concat();
    let long = [redirect.as_slice(), &vec![b' '; 2 << 20]].concat();
    [
        ("a byte order mark", with_mark),
        ("no UTF-8", no_text),
        ("two megabytes", long),
    ]
}

#[test]
fn odd_settings_do_not_hide_a_redirect() {
    for (what, bytes) in odd_settings() {
        let case = Case::new();
        login(&case);
        let project = case.home.user_home().join("project");
        settings(&project, "");
        fs::write(project.join(".claude/settings.json"), bytes).unwrap();
        let result = run(&case, &["status"]).expect_code(0);
        assert!(
            result.stdout.contains("to 127.0.0.1"),
            "{what}: {}",
            result.stdout
        );
        assert_exit(run(&case, &["guard", "--expect", "plan"]), 8);
    }
}

#[test]
fn guard_refuses_a_project_that_redirects_requests() {
    for variable in ["HTTPS_PROXY", "NODE_EXTRA_CA_CERTS", "NODE_OPTIONS"] {
        let case = Case::new();
        login(&case);
        let guard = ["guard", "--expect", "plan"];
        assert_exit(case.home.run(&mut case.in_project(&guard)), 0);
        let project = case.home.user_home().join("project");
        settings(&project, &format!(r#"{{"env": {{"{variable}": "x"}}}}"#));
        let result = case.home.run(&mut case.in_project(&guard));
        assert_eq!(result.code, 8, "{variable}: {}", result.stderr);
        let named = format!(".claude/settings.json:1 sets env.{variable}");
        assert!(result.stderr.contains(&named), "{}", result.stderr);
        let unread = [&guard[..], &["--", "claude", "--setting-sources", "user"]].concat();
        assert_exit(case.home.run(&mut case.in_project(&unread)), 0);
    }
}

#[test]
fn unreadable_settings_leave_the_payer_unknown() {
    let case = Case::new();
    login(&case);
    let unread = case.home.user_home().join(".claude/settings.json");
    fs::create_dir(unread).unwrap();
    check(
        "status_unreadable_settings",
        &case,
        &run(&case, &["status"]),
    );
    let guard = run(&case, &["guard", "--expect", "plan"]);
    check("guard_unreadable_settings", &case, &guard);
    let result = run(&case, &["status", "--json"]).expect_code(0);
    let result: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!(result["payer"]["certain"], false);
}
