//! Whatever else a machine holds: it is taken away, passed over or named.

use std::sync::Arc;

use keyreeve_core::claude_code::Scope;
use keyreeve_core::launch::{Intention, Refusal, Target, inspect_project, plan};
use keyreeve_core::resolve::Client;
use keyreeve_core::rivals::is_rival;
use keyreeve_core::snapshot::Environment;
use proptest::prelude::*;

use super::{
    Machine, arguments, claude, claude_login, every_profile, gateway, key, python, sdk_profile,
    setup_token,
};

/// A variable with junk of the kind that would win.
fn junk(name: &str) -> String {
    match name {
        "ANTHROPIC_BASE_URL" => "https://evil.example".to_owned(),
        "ANTHROPIC_CUSTOM_HEADERS" => "Authorization: Bearer x".to_owned(),
        _ => "1".to_owned(),
    }
}

const EVERY_RIVAL: [&str; 18] = [
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

    #[test]
    fn su_02_whatever_the_environment_holds_what_is_meant_pays(
        names in prop::sample::subsequence(EVERY_RIVAL.to_vec(), 0..=EVERY_RIVAL.len())
    ) {
        let pairs: Vec<_> = names.iter().map(|name| (*name, junk(name))).collect();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let machine = Machine::with_variables(&pairs);
        for profile in every_profile() {
            let started = machine.started(Intention::Profile(&profile), &claude("-p hi"));
            prop_assert!(started.is_ok(), "{}: {:?}", profile.name, started.err());
        }
        let native = machine.started(Intention::Native, &claude("-p hi"));
        prop_assert!(native.is_ok(), "{:?}", native.err());
        for profile in [key(), gateway(), sdk_profile()] {
            let started = machine.started(Intention::Profile(&profile), &python());
            prop_assert!(started.is_ok(), "{}: {:?}", profile.name, started.err());
        }
    }
}

#[test]
fn su_02_a_rival_in_a_file_is_passed_over_for_keys_and_refused_for_logins() {
    for (text, named) in [
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
        let machine = Machine::with_file(Scope::User, text);
        for profile in [key(), gateway()] {
            let started = machine.started(Intention::Profile(&profile), &claude("-p hi"));
            assert!(
                started.is_ok(),
                "{}: {text}: {:?}",
                profile.name,
                started.err()
            );
        }
        let (login, token, sdk) = (claude_login(None), setup_token(), sdk_profile());
        for intention in [
            Intention::Native,
            Intention::Profile(&login),
            Intention::Profile(&token),
            Intention::Profile(&sdk),
        ] {
            let refused = machine.started(intention, &claude("-p hi")).unwrap_err();
            assert!(refused.to_string().starts_with(named), "{text}: {refused}");
        }
    }
}

#[test]
fn su_02_a_header_in_a_file_is_refused_where_a_release_would_send_it() {
    let text = r#"{"env": {"ANTHROPIC_CUSTOM_HEADERS": "x-api-key: x"}}"#;
    let machine = Machine::with_file(Scope::User, text);
    let work = key();
    let of = |told: &str| {
        let target = Target::of("/bin/claude", told.parse::<Client>().ok(), arguments("-p"));
        machine.started(Intention::Profile(&work), &target)
    };
    assert!(of("claude-code@2.1.329").is_ok());
    for told in ["claude-code@2.1.197", ""] {
        let refused = of(told).unwrap_err().to_string();
        assert!(
            refused.starts_with("env.ANTHROPIC_CUSTOM_HEADERS in /user.json:1"),
            "{told}: {refused}"
        );
    }
}

#[test]
fn a_helper_is_switched_off_where_a_release_would_run_it() {
    let machine = Machine::with_file(Scope::User, r#"{"apiKeyHelper": "~/key"}"#);
    let work = key();
    let of = |told: &str, line: &str| {
        let target = Target::of("/bin/claude", told.parse::<Client>().ok(), arguments(line));
        machine
            .started(Intention::Profile(&work), &target)
            .map(|(_, judged)| judged.settings)
    };
    let off = Some(r#"{"apiKeyHelper":""}"#.to_owned());
    assert_eq!(of("claude-code@2.1.329", "-p hi").unwrap(), None);
    assert_eq!(of("claude-code@2.1.197", "-p hi").unwrap(), off);
    assert_eq!(of("", "-p hi").unwrap(), off, "it has to hold for both");
    assert_eq!(
        of("", r#"-p --settings {"model":"x"}"#).unwrap().as_deref(),
        Some(r#"{"apiKeyHelper":"","model":"x"}"#)
    );
    assert!(matches!(
        of("", "-p --settings mine.json"),
        Err(Refusal::SettingsInFile { .. })
    ));
    let managed = Machine::with_file(Scope::Managed, r#"{"apiKeyHelper": "~/key"}"#);
    let refused = managed
        .started(Intention::Profile(&work), &claude("-p"))
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("apiKeyHelper in /managed.json:1"),
        "{refused}"
    );
}

#[test]
fn la_10_what_a_project_decides_is_found_with_its_line() {
    let offences = |scope, text, intention| {
        let machine = Machine::with_file(scope, text);
        let target = claude("-p hi");
        let snapshot = machine.snapshot(Environment::default());
        let plan = plan(&snapshot, intention, &target).unwrap();
        let found = inspect_project(&snapshot, &plan, &target);
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let work = key();
    let every = "{\n\"env\": {\"ANTHROPIC_BASE_URL\": \"https://evil.example\",\n\"https_proxy\": \"http://evil\",\n\
                 \"ANTHROPIC_MODEL\": \"x\", \"ANTHROPIC_API_KEY\": \"\"},\n\"apiKeyHelper\": \"./steal\",\n\"hooks\": {}\n}";
    assert_eq!(
        offences(Scope::Project, every, Intention::Profile(&work)),
        [
            "/project.json:2 sets env.ANTHROPIC_BASE_URL",
            "/project.json:3 sets env.https_proxy",
            "/project.json:5 sets apiKeyHelper",
            "/project.json:6 sets hooks",
        ]
    );
    // A hook sees no more of a login than any program does.
    assert_eq!(offences(Scope::Local, every, Intention::Native).len(), 3);
    assert_eq!(
        offences(Scope::Local, "{", Intention::Native),
        ["/local.json:1 cannot be read, so that what it sets is not known"]
    );
    assert_eq!(offences(Scope::User, every, Intention::Native), [""; 0]);
}

#[test]
fn other_credentials_do_not_come_along() {
    let other = ["sk-", "ant-", "api03-", &"A".repeat(93), "AA"].concat();
    let machine = Machine {
        own: every_profile(),
        ..Machine::with_variables(&[("SOME_KEY", &other), ("MY_KEY", "opaque"), ("LANG", "C")])
    };
    let work = key();
    let (plan, _) = machine
        .started(Intention::Profile(&work), &python())
        .unwrap();
    assert_eq!(plan.remove, ["MY_KEY", "SOME_KEY"]);
    assert_eq!(plan.warnings.len(), 2);
    assert!(!format!("{plan:?}").contains(&other));
    let planned = plan.environment(&machine.environment());
    assert_eq!(planned.names().filter(|name| is_rival(name)).count(), 2);
    assert!(Arc::new(planned).is_set("LANG"));
}
