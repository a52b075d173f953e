//! What is not started, and why.

use keyreeve_core::claude_code::Scope;
use keyreeve_core::launch::{Intention, Refusal, Target};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Handing, Profile, Provenance, Source};
use keyreeve_core::resolve::Client;

use super::{
    Machine, SDK_CONFIG, VENDOR, ant, arguments, claude, claude_login, gateway, key, profile,
    python, sdk_profile, setup_token,
};

#[test]
fn su_01_a_plan_login_goes_to_the_genuine_program_alone() {
    let machine = Machine::with_variables(&[]);
    let (token, login) = (setup_token(), claude_login(None));
    let elsewhere = profile("mine", "https://gateway.example", Source::Sealed);
    let elsewhere = Profile {
        provenance: Provenance::SetupToken,
        ..elsewhere
    };
    let said = Client::CLAUDE_CODE;
    let npx = Target::of("/usr/bin/npx", Some(said), arguments("claude -p"));
    for (profile, target) in [
        (&token, &python()),
        (&token, &npx),
        (&login, &python()),
        (&elsewhere, &claude("-p hi")),
    ] {
        let refused = machine
            .started(Intention::Profile(profile), target)
            .unwrap_err();
        assert!(refused.to_string().contains("plan login"), "{refused}");
    }
    assert!(machine.started(Intention::Profile(&login), &npx).is_ok());
    assert!(machine.started(Intention::Native, &python()).is_err());
}

/// Only a terminal session has asked, and only about a key in its own header.
#[test]
fn a_key_that_the_person_refused_is_handed_to_no_terminal_session() {
    const END: &str = "abcdefghijklmnopqrst";
    let machine = Machine {
        refused: Some(END),
        ..Machine::with_variables(&[])
    };
    let (work, team) = (key(), gateway());
    let secret = format!("1234{END}");
    let said = Client::CLAUDE_CODE;
    let npx = Target::of("/usr/bin/npx", Some(said), arguments("claude"));
    for (profile, target, secret, is_taken) in [
        (&work, &claude(""), &*secret, false),
        (&work, &npx, &secret, false),
        (&work, &claude("hi there"), &secret, false),
        (&work, &claude(""), "another", true),
        (&work, &claude("-p hi"), &secret, true),
        (&work, &claude("--bare"), &secret, true),
        (&work, &python(), &secret, true),
        (&team, &claude(""), &secret, true),
    ] {
        let (plan, judged) = machine
            .started(Intention::Profile(profile), target)
            .unwrap();
        let taken = judged.takes(secret, &plan);
        let expected = Refusal::Refused {
            profile: profile.name.clone(),
        };
        let expected = if is_taken { Ok(()) } else { Err(expected) };
        assert_eq!(taken, expected, "{target:?}");
        assert!(!format!("{judged:?}").contains(END));
    }
}

#[test]
fn what_cannot_be_used_is_said_before_the_start() {
    let (token, sdk) = (setup_token(), sdk_profile());
    let signed_in = Machine::with_variables(&[]);
    let signed_out = Machine::default();
    let dead = Machine {
        login: Some(
            r#"{"claudeAiOauth": {"accessToken": "a", "expiresAt": 1, "scopes": ["user:inference"]}}"#,
        ),
        ..Machine::default()
    };
    let bare = Machine::with_file(Scope::User, r#"{"env": {"CLAUDE_CODE_SIMPLE": "1"}}"#);
    let no_such = Profile {
        source: Source::SdkProfile {
            directory: None,
            name: "other".parse().unwrap(),
        },
        ..sdk_profile()
    };
    let (native, token, sdk, no_such) = (
        Intention::Native,
        Intention::Profile(&token),
        Intention::Profile(&sdk),
        Intention::Profile(&no_such),
    );
    let is_over = "cannot be used: its time is over and nothing renews it";
    let when_bare = "is not looked at when Claude Code is bare";
    let made_bare = "env.CLAUDE_CODE_SIMPLE in /user.json:1 would keep";
    let absent = "cannot be used: there is no such profile";
    for (machine, intention, line, said) in [
        (&signed_out, native, "-p", "Claude Code has no login here"),
        (&dead, native, "-p", is_over),
        (&signed_in, native, "--bare -p", when_bare),
        (&signed_in, token, "--bare", when_bare),
        (&bare, native, "-p", made_bare),
        (&bare, sdk, "-p", made_bare),
        (&signed_in, no_such, "-p", absent),
    ] {
        let refused = machine.started(intention, &claude(line)).unwrap_err();
        assert!(refused.to_string().contains(said), "{line}: {refused}");
    }
}

#[test]
fn nf_01_an_sdk_profile_that_leads_elsewhere_than_its_profile_is_bound_to_starts_nothing() {
    let at_gateway = r#"{"base_url": "https://gateway.example/a", "authentication": {"type": "user_oauth", "client_id": "c"}}"#;
    let at_vendor = r#"{"base_url": "https://api.anthropic.com/", "authentication": {"type": "user_oauth", "client_id": "c"}}"#;
    let at_nothing =
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
            (at_nothing, &to_vendor, false),
            (SDK_CONFIG, &to_gateway, false),
            (at_vendor, &to_gateway, false),
            (at_gateway, &to_gateway, true),
        ] {
            let machine = Machine {
                sdk_config: Some(config),
                ..Machine::with_variables(&[])
            };
            for target in [claude("-p"), python()] {
                let started = machine.started(Intention::Profile(profile), &target);
                let refused = matches!(started, Err(Refusal::LeadsElsewhere { .. }));
                assert_eq!((started.is_ok(), refused), (starts, !starts), "{config}");
            }
        }
    }
}

#[test]
fn only_what_was_marked_for_it_is_handed_over() {
    let machine = Machine::with_variables(&[]);
    for profile in [key(), gateway(), sdk_profile(), ant()] {
        let leased = Profile {
            handing: Handing::Leased,
            ..profile
        };
        let refused = machine.started(Intention::Profile(&leased), &claude("-p"));
        assert!(
            matches!(refused, Err(Refusal::Leased { .. })),
            "{}",
            leased.name
        );
    }
}
