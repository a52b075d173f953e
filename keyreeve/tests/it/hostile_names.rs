//! BI-02: names that could end a line or start another field, in everything that takes a name.

use std::fs;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::ProcessOutput;

use crate::case::{Case, assert_exit};

/// Invalid names.
const INVALID_NAMES: [&str; 7] = [
    "a\nb",
    "a\r\nx-api-key: b",
    "a=b",
    "a\u{1b}[2Jb",
    "a\u{202e}b",
    "\u{2028}",
    "",
];

/// Fails the test if the output contains control characters, or a line that comes from a hostile name.
#[track_caller]
fn assert_sanitized(what: &str, output: &ProcessOutput) {
    let live = |c: char| (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c);
    for text in [&output.stdout, &output.stderr] {
        assert!(!text.contains(live), "{what}: {text:?}");
        assert!(
            !text.lines().any(|line| line.starts_with("owned")),
            "{what}: {text:?}"
        );
    }
}

/// BI-02: every command that takes a name refuses an invalid one.
#[test]
fn every_command_refuses_invalid_names() {
    let (case, _) = Case::with_profile();
    let commands: [&[&str]; 20] = [
        &["profile", "link", "NAME"],
        &["profile", "link", "work", "--key", "NAME"],
        &["profile", "unlink", "NAME"],
        &["profile", "direct", "NAME"],
        &["profile", "resume", "NAME"],
        &["profile", "drain", "NAME"],
        &["profile", "add", "x", "--sdk-profile", "NAME"],
        &["profile", "add", "x", "--ant", "NAME"],
        &["check", "NAME"],
        &["ask", "--profile", "NAME", "hi"],
        &["helper", "--profile", "NAME"],
        &["helper", "--key", "NAME"],
        &["credential", "--json", "--profile", "NAME"],
        &["env", "--json", "--profile", "NAME"],
        &["exec", "--profile", "NAME", "--", "true"],
        &["exec", "--expect", "NAME", "--", "true"],
        &["exec", "--for", "NAME", "--", "true"],
        &["exec", "--for", "claude-code@NAME", "--", "true"],
        &["status", "--json", "--for", "NAME"],
        &["doctor", "--json", "--for", "NAME"],
    ];
    for (number, command) in commands.into_iter().enumerate() {
        // Each command is run with two of the names.
        for name in [
            INVALID_NAMES[number % INVALID_NAMES.len()],
            INVALID_NAMES[(number + 3) % INVALID_NAMES.len()],
        ] {
            let arguments: Vec<_> = command
                .iter()
                .map(|word| word.replace("NAME", name))
                .collect();
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let refused = case.run(&arguments).expect_code(2);
            assert_eq!(refused.stdout, "", "{arguments:?}");
            assert_sanitized(&format!("{arguments:?}"), &refused);
        }
    }
    let profiles = case.run(&["profile", "list", "--json"]).json();
    assert_eq!(profiles["profiles"].as_array().map(Vec::len), Some(1));
}

/// BI-02: names from another program's files become valid names.
#[test]
fn imported_names_are_sanitized() {
    let case = Case::new();
    let directory = case.home.user_home().join(".clawdbot/agents/main/agent");
    fs::create_dir_all(&directory).unwrap();
    let mut entries = serde_json::Map::new();
    for (number, name) in INVALID_NAMES
        .into_iter()
        .chain(["a\0b", "a\nowned b"])
        .enumerate()
    {
        let key = Canary::api_key(&format!("bi02-{number}"));
        let entry =
            serde_json::json!({"type": "api_key", "provider": "anthropic", "key": key.value()});
        entries.insert(format!("anthropic:{name}"), entry);
    }
    let file = directory.join("auth-profiles.json");
    let text = serde_json::json!({"version": 1, "profiles": entries}).to_string();
    fs::write(&file, text).unwrap();
    for arguments in [
        &["import", "clawdbot", "--dry-run"][..],
        &["import", "clawdbot", "--dry-run", "--json"],
        &["import", "clawdbot", "--json"],
        &["import", "clawdbot"],
        &["profile", "list"],
        &["profile", "list", "--json"],
        &["status"],
        &["status", "--json"],
    ] {
        let result = case.run(arguments);
        assert_sanitized(&format!("{arguments:?}"), &result);
        if arguments.contains(&"--json") {
            assert_eq!(result.stdout.lines().count(), 1, "{arguments:?}");
            let _parsed = result.json();
        }
    }
    let profiles = case.run(&["profile", "list", "--json"]).json();
    let profiles = profiles["profiles"].as_array().unwrap();
    assert!(profiles.len() >= 8, "{profiles:?}");
    for profile in profiles {
        let name = profile["name"].as_str().unwrap();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        assert!(name.chars().all(plain), "{name:?}");
    }
}

/// BI-02: the name of a directory cannot add lines or control characters to the output.
#[test]
fn directory_names_are_sanitized_in_output() {
    let (case, _) = Case::with_profile();
    let directory = case
        .home
        .work()
        .join("a\nowned \u{1b}]0;x\u{7}\u{9b}2J\u{202e}b=c");
    fs::create_dir_all(directory.join(".claude")).unwrap();
    let settings = r#"{"env": {"ANTHROPIC_BASE_URL": "https://evil.test/\u001b[2J\nowned"}, "apiKeyHelper": "a\nowned"}"#;
    fs::write(directory.join(".claude/settings.json"), settings).unwrap();
    fs::write(directory.join(".env"), "ANTHROPIC_API_KEY='a\nowned'\n").unwrap();
    let named = directory.display().to_string();
    let from_file = format!("{named}/key");
    for (name, more) in [
        ("file", &["--from-file", &from_file][..]),
        ("sdk", &["--sdk-profile", "x", "--sdk-dir", &named]),
        ("login", &["--claude-login", "--config-dir", &named]),
    ] {
        let add = [&["profile", "add", name][..], more].concat();
        assert_sanitized(name, &case.run(&add));
    }
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["check", "file"],
        &["check", "sdk", "--json"],
        &["exec", "--profile", "work", "--", "true"],
        &["exec", "--native", "--", "true"],
        &["profile", "list"],
        &["profile", "show", "login"],
        &["profile", "list", "--json"],
        &["import", "anthropic-profiles", &named],
        &["import", "claude-code", &named, "--dry-run"],
        &["import", "claude-code", &named, "--dry-run", "--json"],
    ] {
        let result = case
            .home
            .run(case.command(arguments).current_dir(&directory));
        assert!(
            !(result.stdout.is_empty() && result.stderr.is_empty()),
            "{arguments:?}"
        );
        assert_sanitized(&format!("{arguments:?}"), &result);
    }
    assert_exit(case.run(&["profile", "list"]), 0);
}
