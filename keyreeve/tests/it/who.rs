//! Who pays, as a person and a script are told it: `status`, `guard`, `bind`, `advise` and the shells' hooks.

use std::fs;
use std::path::Path;
use std::process::Command;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::Output;
use keyreeve_testkit::skip;

use crate::case::{Case, check, ends};
use crate::strace::Strace;

/// Writes what Claude Code keeps of a login that renews itself. It is not planted: it lies there on purpose.
fn login(case: &Case) {
    let canary = Canary::oauth("login");
    let text = format!(
        r#"{{"claudeAiOauth": {{"accessToken": "{}", "refreshToken": "r", "expiresAt": 4000000000000,
            "scopes": ["user:inference"], "subscriptionType": "max"}}}}"#,
        canary.value()
    );
    let folder = case.home.user_home().join(".claude");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(".credentials.json"), text).unwrap();
}

fn settings(folder: &Path, text: &str) {
    fs::create_dir_all(folder.join(".claude")).unwrap();
    fs::write(folder.join(".claude/settings.json"), text).unwrap();
}

/// A command in a directory below the home directory, so that what is shown does not depend on where that lies.
fn in_project(case: &Case, arguments: &[&str]) -> Command {
    let project = case.home.user_home().join("project");
    fs::create_dir_all(&project).unwrap();
    let mut command = case.command(arguments);
    command.current_dir(project);
    command
}

fn run(case: &Case, arguments: &[&str]) -> Output {
    case.home.run(&mut in_project(case, arguments))
}

fn a_key(case: &Case) -> Canary {
    let canary = Canary::api_key("environment");
    case.home.plant(&canary);
    canary
}

fn with_key(case: &Case, arguments: &[&str], key: &Canary) -> Command {
    let mut command = in_project(case, arguments);
    command.env("ANTHROPIC_API_KEY", key.value());
    command
}

/// A machine with all that can be in the way at once.
fn crowded() -> (Case, Canary) {
    let (case, _) = Case::with_profile();
    login(&case);
    let key = a_key(&case);
    settings(
        &case.home.user_home().join("project"),
        "{\n  \"apiKeyHelper\": \"print-a-key\",\n  \"env\": {\"ANTHROPIC_AUTH_TOKEN\": \"short\"}\n}",
    );
    ends(
        case.run(&["profile", "add", "ci", "--env", "CI_ANTHROPIC_KEY"]),
        0,
    );
    ends(case.run(&["profile", "use", "work"]), 0);
    ends(run(&case, &["bind", "--expect", "plan"]), 0);
    (case, key)
}

#[test]
fn a_stray_key_that_shadows_a_login_is_in_the_first_line() {
    let case = Case::new();
    login(&case);
    check("who_login", &case, &run(&case, &["status"]));
    let key = a_key(&case);
    let told = case.home.run(&mut with_key(&case, &["status"], &key));
    check("who_shadowed", &case, &told);
    assert!(!case.home.keyreeve_home().exists(), "no store was made");
}

#[test]
fn status_fits_the_terminal() {
    let (case, key) = crowded();
    for columns in [80, 120] {
        let mut command = with_key(&case, &["status"], &key);
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        let told = case.home.run_at_terminal_of(columns, &mut command, &[]);
        for line in told.stdout.lines() {
            let is_one_word = line.split_whitespace().count() <= 3;
            let width = line.trim_end().chars().count();
            assert!(width <= usize::from(columns) || is_one_word, "{line}");
        }
        check(&format!("who_{columns}"), &case, &told);
    }
    let mut command = with_key(&case, &["status"], &key);
    command.env("TERM", "xterm");
    let told = case.home.run_at_terminal_of(120, &mut command, &[]);
    check("who_color", &case, &told);
}

#[test]
fn status_for_machines_has_it_all() {
    let (case, key) = crowded();
    let told = case
        .home
        .run(&mut with_key(&case, &["status", "--json"], &key));
    let status = told.json();
    assert_eq!(status["payer"]["class"], "conflict");
    assert_eq!(status["active_profile"], "work");
    assert_eq!(status["expected"]["expect"], "plan");
    assert_eq!(status["expected"]["met"], false);
    let unusable = &status["unusable_profiles"][0];
    assert_eq!(unusable["name"], "ci");
    assert_eq!(unusable["kind"], "no_variable");
    assert_eq!(unusable["until"], serde_json::Value::Null);
    let shadowed = status["rungs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rung| rung["method"] == "login")
        .unwrap();
    assert_eq!(shadowed["state"], "shadowed");
    assert_eq!(shadowed["would_pay"]["class"], "plan");
    let all = run(&case, &["status", "--all"]).expect_code(0).stdout;
    assert!(all.contains("CLAUDE_CODE_USE_BEDROCK"), "{all}");
}

#[test]
fn the_exit_code_of_status_tells() {
    let case = Case::new();
    check(
        "who_check_nothing",
        &case,
        &run(&case, &["status", "--check"]),
    );
    let key = a_key(&case);
    let keyed = |arguments: &[&str]| case.home.run(&mut with_key(&case, arguments, &key));
    ends(keyed(&["status", "--check"]), 0);
    ends(keyed(&["status", "--check", "--expect", "metered"]), 0);
    let unexpected = keyed(&["status", "--check", "--expect", "plan"]);
    check("who_check_unexpected", &case, &unexpected);
    ends(keyed(&["bind", "--expect", "plan"]), 0);
    ends(keyed(&["status", "--check"]), 8);
    ends(keyed(&["status"]), 0);

    let folder = case.home.user_home().join(".claude");
    fs::create_dir_all(&folder).unwrap();
    let over = r#"{"claudeAiOauth": {"accessToken": "a", "expiresAt": 1000, "scopes": ["user:inference"]}}"#;
    fs::write(folder.join(".credentials.json"), over).unwrap();
    check("who_check_over", &case, &run(&case, &["status", "--check"]));

    ends(
        run(
            &case,
            &["profile", "add", "ci", "--env", "CI_ANTHROPIC_KEY"],
        ),
        0,
    );
    let own = &["status", "--check", "--for", "keyreeve", "--expect", "ci"];
    check("who_check_variable", &case, &run(&case, own));
    let mut command = in_project(&case, own);
    command.env("CI_ANTHROPIC_KEY", key.value());
    ends(case.home.run(&mut command), 0);
}

#[test]
fn how_a_profile_stands_is_told() {
    let (case, _) = Case::with_profile();
    ends(run(&case, &["profile", "drain", "work"]), 0);
    let status = run(&case, &["status", "--json"]).json();
    let unusable = &status["unusable_profiles"][0];
    assert_eq!(unusable["kind"], "drained");
    assert_eq!(unusable["remaining_seconds"], serde_json::Value::Null);
    let own = &["status", "--check", "--for", "keyreeve"];
    check("who_check_drained", &case, &run(&case, own));
    ends(run(&case, &["profile", "enable", "work"]), 0);
    ends(run(&case, own), 0);
    ends(run(&case, &["profile", "rest", "work", "--for", "2h"]), 0);
    let status = run(&case, &["status", "--json"]).json();
    let unusable = &status["unusable_profiles"][0];
    assert_eq!(unusable["kind"], "resting");
    let remaining = unusable["remaining_seconds"].as_i64().unwrap();
    assert!((7000..=7200).contains(&remaining), "{remaining}");
    ends(run(&case, own), 5);
}

#[test]
fn who_pays_is_told_without_a_network_or_another_program() {
    let strace = match Strace::of("execve,execveat,socket,connect") {
        Ok(strace) => strace,
        Err(why) => skip!("{why}"),
    };
    let (case, key) = crowded();
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
        assert!(code == 0 || code == 8, "{arguments:?}: {code}");
    }
    for trace in strace.traces() {
        let calls: Vec<&str> = trace.lines().filter(|line| line.contains('(')).collect();
        assert_eq!(calls.len(), 1, "its own start and nothing else: {calls:?}");
    }
}

#[test]
fn guard_says_why_in_a_line() {
    let (case, profile) = Case::with_profile();
    login(&case);
    let key = a_key(&case);
    check("guard_nobody", &case, &run(&case, &["guard"]));
    check(
        "guard_met",
        &case,
        &run(&case, &["guard", "--expect", "plan"]),
    );
    let stray = &["guard", "--expect", "plan"];
    check(
        "guard_unmet",
        &case,
        &case.home.run(&mut with_key(&case, stray, &key)),
    );
    let of_profile = &["guard", "--expect", "work"];
    ends(case.home.run(&mut with_key(&case, of_profile, &key)), 8);
    let likely = case.home.run(&mut with_key(&case, of_profile, &profile));
    check("guard_likely", &case, &likely);
    ends(
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
fn the_nearest_bound_ancestor_holds_and_nothing_is_written_there() {
    let (case, _) = Case::with_profile();
    ends(
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
    ends(run(&case, &["bind", "link", "--profile", "other"]), 0);
    let active = |folder: &Path| {
        let mut command = case.command(&["status", "--json", "--for", "keyreeve"]);
        case.home.run(command.current_dir(folder)).json()["active_profile"].clone()
    };
    assert_eq!(active(&project.join("a")), "work");
    assert_eq!(active(&deep), "other");
    assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
    check("bindings", &case, &run(&case, &["bindings"]));

    ends(run(&case, &["profile", "remove", "other"]), 0);
    assert_eq!(
        active(&deep),
        serde_json::Value::Null,
        "nobody pays in its place"
    );
    check("bindings_removed", &case, &run(&case, &["bindings"]));
    fs::remove_dir(&deep).unwrap();
    ends(run(&case, &["unbind", "a/b"]), 0);
    check("unbind_unbound", &case, &run(&case, &["unbind", "a"]));
    check("bind_to_nobody", &case, &run(&case, &["bind"]));
    check(
        "bind_unknown",
        &case,
        &run(&case, &["bind", "--expect", "nobody-known"]),
    );
    ends(run(&case, &["bind", "not-there", "--expect", "plan"]), 1);
}

#[test]
fn every_use_has_advice_that_the_recipes_repeat() {
    let case = Case::new();
    let recipes = include_str!("../../../docs/recipes.md");
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

/// Goes from a quiet directory to one whose settings set a key, and back.
fn walk(case: &Case, shell: &str, arguments: &[&str], load: &str) -> Output {
    let folder = case.home.work().join("it's $(odd) here");
    settings(
        &folder,
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

/// What a hook says comes on standard error, twice: going in and coming back.
fn says_what_changed(told: &Output) {
    let said: Vec<&str> = told
        .stderr
        .lines()
        .filter(|line| line.contains("keyreeve: "))
        .collect();
    assert_eq!(said.len(), 2, "{}{}", told.stdout, told.stderr);
    assert!(said[0].contains("env.ANTHROPIC_AUTH_TOKEN"), "{said:?}");
    assert!(said[1].contains("the login in ~/.claude"), "{said:?}");
    for word in ["began", "quiet", "there", "back"] {
        assert!(told.stdout.contains(word), "{}", told.stdout);
    }
}

#[test]
fn the_hook_tells_in_bash_when_the_payer_changes() {
    let case = Case::new();
    login(&case);
    let load = "PROMPT_COMMAND='true'; set -u; eval \"$(\"$KEYREEVE\" hook bash)\"; eval \"$(\"$KEYREEVE\" hook bash)\"";
    says_what_changed(&walk(&case, "bash", &["--norc", "-i"], load));

    // With a store that does not open, nothing is said and nothing breaks.
    ends(case.run(&["bind", "--expect", "plan"]), 0);
    fs::write(case.home.keyreeve_home().join("data/keyreeve.db"), "junk").unwrap();
    let told = walk(&case, "bash", &["--norc", "-i"], load);
    assert!(!told.stderr.contains("keyreeve: "), "{}", told.stderr);
    assert!(told.stdout.contains("back"), "{}", told.stdout);
}

#[test]
fn the_hook_warns_at_once_where_not_who_was_meant_pays() {
    let case = Case::new();
    login(&case);
    ends(case.run(&["bind", "--expect", "metered"]), 0);
    let load = "eval \"$(\"$KEYREEVE\" hook bash)\"";
    let told = walk(&case, "bash", &["--norc", "-i"], load);
    let first = told.stderr.lines().find(|line| line.contains("keyreeve: "));
    assert!(
        first.is_some_and(|line| line.contains("warning: metered was meant to pay")),
        "{}",
        told.stderr
    );
}

#[test]
fn the_hook_tells_in_zsh_when_the_payer_changes() {
    if !is_installed("zsh") {
        skip!("zsh is not installed");
    }
    let case = Case::new();
    login(&case);
    let load = "eval \"$(\"$KEYREEVE\" hook zsh)\"";
    says_what_changed(&walk(&case, "zsh", &["-f", "-i"], load));
}

#[test]
fn the_hook_tells_in_fish_when_the_payer_changes() {
    if !is_installed("fish") {
        skip!("fish is not installed");
    }
    let case = Case::new();
    login(&case);
    let load = "$KEYREEVE hook fish | source";
    says_what_changed(&walk(&case, "fish", &["--no-config"], load));
}

/// Settings that Claude Code reads, however odd they are, and that send everything elsewhere.
fn odd_settings() -> [(&'static str, Vec<u8>); 3] {
    let moved = br#"{"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}}"#;
    let with_mark = [b"\xef\xbb\xbf".as_slice(), moved].concat();
    let no_text = [
        br#"{"theme": ""#.as_slice(),
        b"\xff",
        br#"", "#,
        &moved[1..],
    ]
    .concat();
    let long = [moved.as_slice(), &vec![b' '; 2 << 20]].concat();
    [
        ("a byte order mark", with_mark),
        ("no UTF-8", no_text),
        ("two megabytes", long),
    ]
}

#[test]
fn settings_that_only_claude_code_would_read_do_not_hide_where_a_request_goes() {
    for (what, bytes) in odd_settings() {
        let case = Case::new();
        login(&case);
        let project = case.home.user_home().join("project");
        settings(&project, "");
        fs::write(project.join(".claude/settings.json"), bytes).unwrap();
        let told = run(&case, &["status"]).expect_code(0);
        assert!(
            told.stdout.contains("to 127.0.0.1"),
            "{what}: {}",
            told.stdout
        );
        ends(run(&case, &["guard", "--expect", "plan"]), 8);
    }
}

#[test]
fn guard_refuses_a_project_that_leads_what_is_sent_past_somebody_else() {
    for variable in ["HTTPS_PROXY", "NODE_EXTRA_CA_CERTS", "NODE_OPTIONS"] {
        let case = Case::new();
        login(&case);
        let guard = ["guard", "--expect", "plan"];
        ends(case.home.run(&mut in_project(&case, &guard)), 0);
        let project = case.home.user_home().join("project");
        settings(&project, &format!(r#"{{"env": {{"{variable}": "x"}}}}"#));
        let told = case.home.run(&mut in_project(&case, &guard));
        assert_eq!(told.code, 8, "{variable}: {}", told.stderr);
        let named = format!(".claude/settings.json:1 sets env.{variable}");
        assert!(told.stderr.contains(&named), "{}", told.stderr);
        let unread = [&guard[..], &["--", "claude", "--setting-sources", "user"]].concat();
        ends(case.home.run(&mut in_project(&case, &unread)), 0);
    }
}

#[test]
fn settings_that_cannot_be_read_leave_it_open_who_pays() {
    let case = Case::new();
    login(&case);
    let unread = case.home.user_home().join(".claude/settings.json");
    fs::create_dir(unread).unwrap();
    check("who_unread", &case, &run(&case, &["status"]));
    let guard = run(&case, &["guard", "--expect", "plan"]);
    check("who_unread_guard", &case, &guard);
    let told = run(&case, &["status", "--json"]).expect_code(0);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told["payer"]["sure"], false);
}
