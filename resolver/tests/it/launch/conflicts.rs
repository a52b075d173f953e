//! Conflicting credentials on a machine are removed, ignored or reported.

use std::sync::Arc;

use keyreeve_os::environment::Environment;
use keyreeve_resolver::claude_code::SettingsScope;
use keyreeve_resolver::conflicts::is_conflicting;
use keyreeve_resolver::launch::{LaunchError, LaunchGoal, Target, list_project_overrides, plan};
use keyreeve_resolver::resolve::ClientProgram;
use proptest::prelude::*;

use super::{
    Machine, arguments, claude, claude_login, every_profile, gateway, key, python, sdk_profile,
    setup_token,
};

/// A value with which a variable would override the intended credential.
fn conflicting_value(name: &str) -> String {
    match name {
        "ANTHROPIC_BASE_URL" => "https://evil.example".to_owned(),
        "ANTHROPIC_CUSTOM_HEADERS" => "Authorization: Bearer x".to_owned(),
        _ => "1".to_owned(),
    }
}

const CONFLICTING: [&str; 18] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_FEDERATION_RULE_ID",
    "ANTHROPIC_FOUNDRY_API_KEY",
    "ANTHROPIC_IDENTITY_TOKEN",
    "ANTHROPIC_ORGANIZATION_ID",
    "ANTHROPIC_PROFILE",
    "AWS_BEARER_TOKEN_BEDROCK",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
    "CLAUDE_CODE_SIMPLE",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_VERTEX",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// SU-02: the intended credential pays in any environment.
    #[test]
    fn intended_credential_pays_in_any_environment(
        names in prop::sample::subsequence(CONFLICTING.to_vec(), 0..=CONFLICTING.len())
    ) {
        let pairs: Vec<_> = names.iter().map(|name| (*name, conflicting_value(name))).collect();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let machine = Machine::with_variables(&pairs);
        for profile in every_profile() {
            let started = machine.plan_and_verify(LaunchGoal::Profile(&profile), &claude("-p hi"));
            prop_assert!(started.is_ok(), "{}: {:?}", profile.name, started.err());
        }
        let own_login = machine.plan_and_verify(LaunchGoal::OwnLogin, &claude("-p hi"));
        prop_assert!(own_login.is_ok(), "{:?}", own_login.err());
        for profile in [key(), gateway(), sdk_profile()] {
            let started = machine.plan_and_verify(LaunchGoal::Profile(&profile), &python());
            prop_assert!(started.is_ok(), "{}: {:?}", profile.name, started.err());
        }
    }
}

/// SU-02: a conflicting setting in a file is ignored for keys and refused for logins.
#[test]
fn conflicting_setting_is_refused_only_for_logins() {
    for (text, expected) in [
        (
            r#"{"env": {"ANTHROPIC_API_KEY": "x"}}"#,
            "env.ANTHROPIC_API_KEY in /user.json:1",
        ),
        (
            "{\n\"env\": {\"ANTHROPIC_AUTH_TOKEN\": \"x\"}}",
            "env.ANTHROPIC_AUTH_TOKEN in /user.json:2",
        ),
        (
            r#"{"env": {"ANTHROPIC_BASE_URL": "https://evil.example"}}"#,
            "env.ANTHROPIC_BASE_URL in /user.json:1",
        ),
        (
            r#"{"env": {"CLAUDE_CODE_USE_BEDROCK": "1"}}"#,
            "env.CLAUDE_CODE_USE_BEDROCK in /user.json:1",
        ),
        (
            "{\"apiKeyHelper\":\n\"~/key\"}",
            "apiKeyHelper in /user.json:2",
        ),
    ] {
        let machine = Machine::with_file(SettingsScope::User, text);
        for profile in [key(), gateway()] {
            let started = machine.plan_and_verify(LaunchGoal::Profile(&profile), &claude("-p hi"));
            assert!(
                started.is_ok(),
                "{}: {text}: {:?}",
                profile.name,
                started.err()
            );
        }
        let (login, token, sdk) = (claude_login(None), setup_token(), sdk_profile());
        for goal in [
            LaunchGoal::OwnLogin,
            LaunchGoal::Profile(&login),
            LaunchGoal::Profile(&token),
            LaunchGoal::Profile(&sdk),
        ] {
            let error = machine.plan_and_verify(goal, &claude("-p hi")).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{text}: {error}");
        }
    }
}

/// SU-02: a credential header in a settings file is refused if a release would send it.
#[test]
fn header_in_settings_is_refused_if_a_release_sends_it() {
    let text = r#"{"env": {"ANTHROPIC_CUSTOM_HEADERS": "x-api-key: x"}}"#;
    let machine = Machine::with_file(SettingsScope::User, text);
    let work = key();
    let started = |client: &str| {
        let target = Target::new(
            "/bin/claude",
            client.parse::<ClientProgram>().ok(),
            arguments("-p"),
        );
        machine.plan_and_verify(LaunchGoal::Profile(&work), &target)
    };
    assert!(started("claude-code@2.1.329").is_ok());
    for client in ["claude-code@2.1.197", ""] {
        let error = started(client).unwrap_err().to_string();
        assert!(
            error.starts_with("env.ANTHROPIC_CUSTOM_HEADERS in /user.json:1"),
            "{client}: {error}"
        );
    }
}

#[test]
fn helper_is_turned_off_if_a_release_would_run_it() {
    let machine = Machine::with_file(SettingsScope::User, r#"{"apiKeyHelper": "~/key"}"#);
    let work = key();
    let settings = |client: &str, line: &str| {
        let target = Target::new(
            "/bin/claude",
            client.parse::<ClientProgram>().ok(),
            arguments(line),
        );
        machine
            .plan_and_verify(LaunchGoal::Profile(&work), &target)
            .map(|(_, verified)| verified.settings_argument)
    };
    let off = Some(r#"{"apiKeyHelper":""}"#.to_owned());
    assert_eq!(settings("claude-code@2.1.329", "-p hi").unwrap(), None);
    assert_eq!(settings("claude-code@2.1.197", "-p hi").unwrap(), off);
    assert_eq!(settings("", "-p hi").unwrap(), off, "both releases need it");
    assert_eq!(
        settings("", r#"-p --settings {"model":"x"}"#)
            .unwrap()
            .as_deref(),
        Some(r#"{"apiKeyHelper":"","model":"x"}"#)
    );
    assert!(matches!(
        settings("", "-p --settings mine.json"),
        Err(LaunchError::SettingsInFile { .. })
    ));
    let managed = Machine::with_file(SettingsScope::Managed, r#"{"apiKeyHelper": "~/key"}"#);
    let error = managed
        .plan_and_verify(LaunchGoal::Profile(&work), &claude("-p"))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("apiKeyHelper in /managed.json:1"),
        "{error}"
    );
}

/// LA-10: project settings that decide who pays are found with their lines.
#[test]
fn project_overrides_are_found_with_their_lines() {
    let overrides = |scope, text, goal| {
        let machine = Machine::with_file(scope, text);
        let target = claude("-p hi");
        let snapshot = machine.snapshot(Environment::default());
        let plan = plan(&snapshot, goal, &target).unwrap();
        let found = list_project_overrides(&snapshot, &plan, &target);
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let work = key();
    let all = "{\n\"env\": {\"ANTHROPIC_BASE_URL\": \"https://evil.example\",\n\"https_proxy\": \"http://evil\",\n\
                 \"ANTHROPIC_MODEL\": \"x\", \"ANTHROPIC_API_KEY\": \"\"},\n\"apiKeyHelper\": \"./steal\",\n\"hooks\": {}\n}";
    assert_eq!(
        overrides(SettingsScope::Project, all, LaunchGoal::Profile(&work)),
        [
            "/project.json:2 sets env.ANTHROPIC_BASE_URL",
            "/project.json:3 sets env.https_proxy",
            "/project.json:5 sets apiKeyHelper",
            "/project.json:6 sets hooks",
        ]
    );
    // A hook sees no more of a login than any other program.
    assert_eq!(
        overrides(SettingsScope::Local, all, LaunchGoal::OwnLogin).len(),
        3
    );
    assert_eq!(
        overrides(SettingsScope::Local, "{", LaunchGoal::OwnLogin),
        ["/local.json:1 cannot be read, so its settings are unknown"]
    );
    assert_eq!(
        overrides(SettingsScope::User, all, LaunchGoal::OwnLogin),
        [""; 0]
    );
}

#[test]
fn other_credentials_are_removed() {
    let other = ["sk-", "ant-", "api03-", &"A".repeat(93), "AA"].concat();
    let machine = Machine {
        profiles: every_profile(),
        ..Machine::with_variables(&[("SOME_KEY", &other), ("MY_KEY", "opaque"), ("LANG", "C")])
    };
    let work = key();
    let (plan, _) = machine
        .plan_and_verify(LaunchGoal::Profile(&work), &python())
        .unwrap();
    assert_eq!(plan.remove, ["MY_KEY", "SOME_KEY"]);
    assert_eq!(plan.warnings.len(), 2);
    assert!(!format!("{plan:?}").contains(&other));
    let planned = plan.environment(&machine.environment());
    assert_eq!(
        planned.names().filter(|name| is_conflicting(name)).count(),
        2
    );
    assert!(Arc::new(planned).is_set("LANG"));
}
