//! Launch errors: programs that are not started.

use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Profile, Provenance, SecretExposure, Source};
use keyreeve_resolver::claude_code::SettingsScope;
use keyreeve_resolver::launch::{ConflictEffect, LaunchError, LaunchErrorKind, LaunchGoal, Target};
use keyreeve_resolver::resolve::ClientProgram;

use super::{
    Machine, SDK_CONFIG, VENDOR, ant, arguments, claude, claude_login, gateway, key, profile,
    python, sdk_profile, setup_token,
};

/// SU-01: a plan login is only given to the genuine program.
#[test]
fn plan_login_is_only_given_to_the_genuine_program() {
    let machine = Machine::with_variables(&[]);
    let (token, login) = (setup_token(), claude_login(None));
    let gateway_token = Profile {
        provenance: Provenance::SetupToken,
        ..profile("mine", "https://gateway.example", Source::Sealed)
    };
    let client = ClientProgram::CLAUDE_CODE;
    let npx = Target::new("/usr/bin/npx", Some(client), arguments("claude -p"));
    for (profile, target) in [
        (&token, &python()),
        (&token, &npx),
        (&login, &python()),
        (&gateway_token, &claude("-p hi")),
    ] {
        let error = machine
            .plan_and_verify(LaunchGoal::Profile(profile), target)
            .unwrap_err();
        assert!(error.to_string().contains("plan login"), "{error}");
    }
    assert!(
        machine
            .plan_and_verify(LaunchGoal::Profile(&login), &npx)
            .is_ok()
    );
    assert!(
        machine
            .plan_and_verify(LaunchGoal::OwnLogin, &python())
            .is_err()
    );
}

/// Only a terminal session asks, and only about a key in its own header.
#[test]
fn rejected_key_is_not_given_to_a_terminal_session() {
    const SUFFIX: &str = "abcdefghijklmnopqrst";
    let machine = Machine {
        rejected: Some(SUFFIX),
        ..Machine::with_variables(&[])
    };
    let (work, team) = (key(), gateway());
    let secret = format!("1234{SUFFIX}");
    let client = ClientProgram::CLAUDE_CODE;
    let npx = Target::new("/usr/bin/npx", Some(client), arguments("claude"));
    for (profile, target, secret, is_accepted) in [
        (&work, &claude(""), &*secret, false),
        (&work, &npx, &secret, false),
        (&work, &claude("hi there"), &secret, false),
        (&work, &claude(""), "another", true),
        (&work, &claude("-p hi"), &secret, true),
        (&work, &claude("--bare"), &secret, true),
        (&work, &python(), &secret, true),
        (&team, &claude(""), &secret, true),
    ] {
        let (plan, verified) = machine
            .plan_and_verify(LaunchGoal::Profile(profile), target)
            .unwrap();
        let result = verified.check_secret(secret, &plan);
        let expected = LaunchError::KeyRejected {
            profile: profile.name.clone(),
        };
        let expected = if is_accepted { Ok(()) } else { Err(expected) };
        assert_eq!(result, expected, "{target:?}");
        assert!(!format!("{verified:?}").contains(SUFFIX));
    }
}

#[test]
fn unusable_credential_is_reported_before_the_start() {
    let (token, sdk) = (setup_token(), sdk_profile());
    let signed_in = Machine::with_variables(&[]);
    let signed_out = Machine::default();
    let expired = Machine {
        login: Some(
            r#"{"claudeAiOauth": {"accessToken": "a", "expiresAt": 1, "scopes": ["user:inference"]}}"#,
        ),
        ..Machine::default()
    };
    let bare = Machine::with_file(
        SettingsScope::User,
        r#"{"env": {"CLAUDE_CODE_SIMPLE": "1"}}"#,
    );
    let missing = Profile {
        source: Source::SdkProfile {
            directory: None,
            name: "other".parse().unwrap(),
        },
        ..sdk_profile()
    };
    let (own_login, token, sdk, missing) = (
        LaunchGoal::OwnLogin,
        LaunchGoal::Profile(&token),
        LaunchGoal::Profile(&sdk),
        LaunchGoal::Profile(&missing),
    );
    let has_expired = "cannot be used: it has expired and nothing refreshes it";
    let with_bare = "when it is started with --bare";
    let bare_by_settings =
        "env.CLAUDE_CODE_SIMPLE in /user.json:1 would start Claude Code in bare mode";
    let absent = "cannot be used: there is no such profile";
    for (machine, goal, line, expected) in [
        (
            &signed_out,
            own_login,
            "-p",
            "Claude Code has no login here",
        ),
        (&expired, own_login, "-p", has_expired),
        (&signed_in, own_login, "--bare -p", with_bare),
        (&signed_in, token, "--bare", with_bare),
        (&bare, own_login, "-p", bare_by_settings),
        (&bare, sdk, "-p", bare_by_settings),
        (&signed_in, missing, "-p", absent),
    ] {
        let error = machine.plan_and_verify(goal, &claude(line)).unwrap_err();
        assert!(error.to_string().contains(expected), "{line}: {error}");
    }
}

/// NF-01: an SDK profile whose base URL differs from the one its keyreeve profile is bound to starts nothing.
#[test]
fn sdk_profile_with_another_base_url_starts_nothing() {
    let at_gateway = r#"{"base_url": "https://gateway.example/a", "authentication": {"type": "user_oauth", "client_id": "c"}}"#;
    let at_vendor = r#"{"base_url": "https://api.anthropic.com/", "authentication": {"type": "user_oauth", "client_id": "c"}}"#;
    let at_invalid_url =
        r#"{"base_url": "nowhere", "authentication": {"type": "user_oauth", "client_id": "c"}}"#;
    let bound = |profile: Profile| {
        let at = |url| Profile {
            base_url: BaseUrl::parse(url, PlainHttp::LoopbackOnly).unwrap(),
            ..profile.clone()
        };
        (at(VENDOR), at("https://gateway.example/a"))
    };
    for profile in [sdk_profile(), ant()] {
        let (to_vendor, to_gateway) = bound(profile);
        for (config, profile, starts) in [
            (SDK_CONFIG, &to_vendor, true),
            (at_vendor, &to_vendor, true),
            (at_gateway, &to_vendor, false),
            (at_invalid_url, &to_vendor, false),
            (SDK_CONFIG, &to_gateway, false),
            (at_vendor, &to_gateway, false),
            (at_gateway, &to_gateway, true),
        ] {
            let machine = Machine {
                sdk_config: Some(config),
                ..Machine::with_variables(&[])
            };
            for target in [claude("-p"), python()] {
                let started = machine.plan_and_verify(LaunchGoal::Profile(profile), &target);
                let is_mismatch = matches!(started, Err(LaunchError::BaseUrlMismatch { .. }));
                assert_eq!(
                    (started.is_ok(), is_mismatch),
                    (starts, !starts),
                    "{config}"
                );
            }
        }
    }
}

#[test]
fn raw_key_is_only_given_out_by_a_direct_profile() {
    let machine = Machine::with_variables(&[]);
    for profile in [key(), gateway(), sdk_profile(), ant()] {
        let profile = Profile {
            secret_exposure: SecretExposure::RequestsOnly,
            ..profile
        };
        let result = machine.plan_and_verify(LaunchGoal::Profile(&profile), &claude("-p"));
        assert!(
            matches!(result, Err(LaunchError::SecretNotExposed { .. })),
            "{}",
            profile.name
        );
    }
}

/// F-00: a Console key is sent next to a plan's token, so a plan with one is not started.
#[test]
fn console_key_next_to_a_plan_is_refused() {
    let machine = Machine {
        stored_key: Some(r#"{"primaryApiKey": "made-up"}"#),
        ..Machine::with_variables(&[])
    };
    let token = setup_token();
    for goal in [LaunchGoal::OwnLogin, LaunchGoal::Profile(&token)] {
        let error = machine.plan_and_verify(goal, &claude("-p")).unwrap_err();
        assert_eq!(error.kind(), LaunchErrorKind::Policy);
        assert!(
            error
                .to_string()
                .starts_with("primaryApiKey in /.claude.json:1"),
            "{error}"
        );
        assert_eq!(error.fix_command().as_deref(), Some("claude auth logout"));
    }
    let started = machine.plan_and_verify(LaunchGoal::Profile(&key()), &claude("-p"));
    assert!(started.is_ok(), "{started:?}");
}

/// F-00: a stored key that is no text is sent in the background, too.
#[test]
fn stored_value_that_is_no_text_is_refused_next_to_a_plan() {
    for text in [
        r#"{"primaryApiKey": 7000001}"#,
        r#"{"primaryApiKey": ["made-up"]}"#,
        r#"{"primaryApiKey": " "}"#,
    ] {
        let machine = Machine {
            stored_key: Some(text),
            ..Machine::with_variables(&[])
        };
        for goal in [LaunchGoal::OwnLogin, LaunchGoal::Profile(&setup_token())] {
            let error = machine.plan_and_verify(goal, &claude("-p")).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with("primaryApiKey in /.claude.json:1"),
                "{text}: {error}"
            );
        }
        let started = machine.plan_and_verify(LaunchGoal::Profile(&key()), &claude("-p"));
        assert!(started.is_ok(), "{text}: {started:?}");
    }
}

/// F-00: a login of another directory does not pay in place of the profile's.
#[test]
fn login_that_a_setting_moves_is_refused() {
    let login = claude_login(Some("/home/me/.claude-work"));
    for name in ["CLAUDE_SECURESTORAGE_CONFIG_DIR", "CLAUDE_CONFIG_DIR"] {
        let text: &'static str = format!(r#"{{"env": {{"{name}": "/elsewhere"}}}}"#).leak();
        let machine = Machine::with_file(SettingsScope::User, text);
        let started = machine.plan_and_verify(LaunchGoal::Profile(&login), &claude("-p"));
        let effect = match started {
            Err(LaunchError::Conflict { effect, .. }) => Some(effect),
            Ok(_) | Err(_) => None,
        };
        assert_eq!(effect, Some(ConflictEffect::MovesLogin), "{name}");
    }
}

/// F-00: a key that a hosted session ignores is sent in the background all the same.
#[test]
fn ignored_key_of_a_hosted_session_is_refused() {
    let text = r#"{"env": {"ANTHROPIC_API_KEY": "made-up"}}"#;
    let machine = Machine {
        files: vec![(SettingsScope::User, text)],
        ..Machine::with_variables(&[("CLAUDE_CODE_ENTRYPOINT", "claude-desktop")])
    };
    let started = machine.plan_and_verify(LaunchGoal::OwnLogin, &claude("-p"));
    let effect = match started {
        Err(LaunchError::Conflict { effect, .. }) => Some(effect),
        Ok(_) | Err(_) => None,
    };
    assert_eq!(effect, Some(ConflictEffect::IsSentInBackground));
}
