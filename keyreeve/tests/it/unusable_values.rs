//! Values that cannot work: `status --check`, `guard`, the hook's line and `doctor` all name them.

use std::fs;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::process::ProcessOutput;

use crate::case::{Case, assert_exit, check};

fn run_with(case: &Case, variables: &[(&str, &str)], arguments: &[&str]) -> ProcessOutput {
    let mut command = case.command(arguments);
    command.envs(variables.iter().copied());
    case.home.run(&mut command)
}

/// Checks that every command refuses these variables for this reason.
#[track_caller]
fn assert_refused(variables: &[(&str, &str)], exit: i32, reason: &str) {
    let case = Case::new();
    let checked = run_with(&case, variables, &["status", "--check"]);
    assert_eq!(checked.code, exit, "{variables:?}: {}", checked.stderr);
    assert!(checked.stderr.contains(reason), "{}", checked.stderr);
    let status = run_with(&case, variables, &["status", "--json"]).expect_code(0);
    let problem = status.json()["problems"][0].to_string();
    assert!(problem.contains(reason), "{problem}");
    let brief = run_with(&case, variables, &["status", "--brief"]).stdout;
    assert!(
        brief.starts_with("warning: ") && brief.contains(reason),
        "{brief}"
    );
    for expected in ["plan", "metered", "gateway"] {
        let guard = run_with(&case, variables, &["guard", "--expect", expected]);
        assert!(guard.code == 8 || guard.code == exit, "{}", guard.stderr);
        assert!(guard.stderr.contains(reason), "{}", guard.stderr);
    }
    let doctor = run_with(&case, variables, &["doctor"]);
    assert_eq!(doctor.code, 1, "{variables:?}: {}", doctor.stdout);
}

/// F-04: a credential that is none is refused, with the reason.
#[test]
fn text_that_is_no_credential_is_refused() {
    let whole = Canary::api_key("whole");
    let whole = whole.value();
    for (value, reason) in [
        ("op://vault/a/credential", "a reference to a secret"),
        ("vault:secret/data/anthropic#key", "a reference to a secret"),
        (
            "arn:aws:secretsmanager:eu-west-1:1:secret:a",
            "a reference to a secret",
        ),
        ("${ANTHROPIC_API_KEY}", "the name of a variable"),
        ("$ANTHROPIC_API_KEY", "the name of a variable"),
        ("{{ secrets.KEY }}", "the name of a variable"),
        ("your-api-key-here", "a placeholder"),
        ("<api key>", "a placeholder"),
        ("none", "not an Anthropic token"),
        (&whole[..20], "part of it is missing"),
        (&format!("{whole};"), "ends with a comma or semicolon"),
        (&format!("'{whole}'"), "quotes around it"),
        (
            &format!("ANTHROPIC_API_KEY={whole}"),
            "the name of a variable",
        ),
        (&format!("Bearer {whole}"), "starts with `Bearer `"),
    ] {
        assert_refused(&[("ANTHROPIC_API_KEY", value)], 4, reason);
    }
}

/// F-04: a placeholder is refused in the other variables, and behind a gateway.
#[test]
fn placeholder_is_refused_behind_a_gateway() {
    let gateway = ("ANTHROPIC_BASE_URL", "https://gateway.example");
    for name in ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"] {
        assert_refused(&[(name, "<token>"), gateway], 4, "a placeholder");
        assert_refused(&[(name, "op://a/b/c"), gateway], 4, "a reference");
    }
    let case = Case::new();
    let variables = [("ANTHROPIC_AUTH_TOKEN", "a-gateways-own-token"), gateway];
    assert_exit(run_with(&case, &variables, &["status", "--check"]), 0);
    let guard = ["guard", "--expect", "gateway"];
    assert_exit(run_with(&case, &variables, &guard), 0);
    let header = [
        ("ANTHROPIC_API_KEY", "a-gateways-own-token"),
        ("ANTHROPIC_CUSTOM_HEADERS", "Authorization: Bearer ${TOKEN}"),
        gateway,
    ];
    let checked = run_with(&case, &header, &["status", "--check"]);
    assert!(
        checked.code == 4 && checked.stderr.contains("the name of a variable"),
        "{}",
        checked.stderr
    );
}

/// F-04: an address that is none is refused, with the reason.
#[test]
fn base_url_that_is_no_address_is_refused() {
    let key = Canary::api_key("key");
    for (value, reason) in [
        ("api.anthropic.com", "must start with https://"),
        ("localhost:8484", "must start with https://"),
        ("\"https://api.anthropic.com\"", "quotes around its value"),
        ("${GATEWAY_URL}", "the name of a variable"),
        ("https://${HOST}/", "the name of a variable"),
        ("https://", "not a valid address"),
        ("ftp://api.anthropic.com", "must start with https://"),
        ("https://gateway.example/v1", "a path that Claude Code"),
    ] {
        let variables = [
            ("ANTHROPIC_API_KEY", key.value()),
            ("ANTHROPIC_BASE_URL", value),
        ];
        assert_refused(&variables, 3, reason);
    }
}

/// F-04: a value in a settings file is named with its line, and so is the variable of a profile.
#[test]
fn value_in_a_file_or_a_profile_is_refused() {
    let case = Case::new();
    let directory = case.home.user_home().join(".claude");
    fs::create_dir_all(&directory).unwrap();
    let settings = "{\n  \"env\": {\"ANTHROPIC_API_KEY\": \"your-api-key-here\"}\n}";
    fs::write(directory.join("settings.json"), settings).unwrap();
    check(
        "status_check_placeholder",
        &case,
        &run_with(&case, &[], &["status", "--check"]),
    );
    let add = ["profile", "add", "ci", "--env", "CI_KEY"];
    assert_exit(run_with(&case, &[], &add), 0);
    let own = ["status", "--check", "--for", "keyreeve"];
    let result = run_with(&case, &[("CI_KEY", "op://ci/key/value")], &own).expect_code(4);
    assert!(result.stderr.contains("a reference"), "{}", result.stderr);
}
