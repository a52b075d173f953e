//! Findings about keyreeve's own profiles and SDK profiles.

use jiff::SignedDuration;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{
    Auth, BillingClass, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::token::Family;
use keyreeve_resolver::finding::{Evidence, LastResponse, findings};
use keyreeve_resolver::sdk_store::{SdkConfig, SdkCredentials, SdkProfile, SdkStore};

use super::{Machine, NOW};

/// A stored profile that was added an hour ago.
fn profile(provenance: Provenance, billing: BillingClass, family: Family) -> Profile {
    Profile {
        id: ProfileId(uuid::Uuid::nil()),
        name: "work".parse().unwrap(),
        source: Source::Sealed,
        base_url: BaseUrl::parse("https://api.anthropic.com", PlainHttp::LoopbackOnly).unwrap(),
        auth: Auth::Bearer,
        provenance,
        billing,
        family: Some(family),
        hint: None,
        secret_exposure: SecretExposure::RequestsOnly,
        simulated: false,
        expires_at: None,
        created_at: NOW - SignedDuration::from_hours(1),
        rotated_at: None,
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn profiles_have_their_codes() {
    let setup = || {
        profile(
            Provenance::SetupToken,
            BillingClass::Plan,
            Family::OauthAccess,
        )
    };
    let key = |billing| profile(Provenance::Console, billing, Family::ApiKey);
    let hours = |hours| NOW + SignedDuration::from_hours(hours);
    let response = |verdict: &str| LastResponse {
        profile: "work".parse().unwrap(),
        verdict: verdict.to_owned(),
        at: NOW,
    };
    for (profile, changed, responses, codes) in [
        (key(BillingClass::Metered), None, vec![], &[][..]),
        (key(BillingClass::Plan), None, vec![], &["KR501"]),
        (setup(), None, vec![], &[]),
        (
            Profile {
                billing: BillingClass::Metered,
                ..setup()
            },
            None,
            vec![],
            &["KR501"],
        ),
        (
            Profile {
                created_at: hours(-340 * 24),
                ..setup()
            },
            None,
            vec![],
            &["KR502"],
        ),
        (
            Profile {
                expires_at: Some(hours(24)),
                ..key(BillingClass::Metered)
            },
            None,
            vec![],
            &["KR502"],
        ),
        (
            Profile {
                expires_at: Some(hours(40 * 24)),
                ..key(BillingClass::Metered)
            },
            None,
            vec![],
            &[],
        ),
        (setup(), Some(NOW), vec![], &["KR503"]),
        (setup(), Some(hours(-2)), vec![], &[]),
        (
            key(BillingClass::Metered),
            None,
            vec![response("organization_disabled")],
            &["KR505"],
        ),
        (
            key(BillingClass::Metered),
            None,
            vec![response("overloaded")],
            &[],
        ),
    ] {
        let mut snapshot = Machine::default().snapshot();
        snapshot.keyreeve.profiles.push(profile);
        let evidence = Evidence {
            password_changed_at: changed,
            last_responses: responses,
            ..Evidence::default()
        };
        let found = findings(&snapshot, &evidence, &[]);
        let found: Vec<_> = found.iter().map(|it| it.code.name()).collect();
        assert_eq!(found, codes);
    }
}

#[test]
fn sdk_profiles_have_their_code() {
    let known = || SdkConfig::parse(r#"{"authentication": {"type": "user_oauth"}}"#);
    let present = Some(SdkCredentials::Present { expires_at: None });
    for (config, credentials, codes) in [
        (known(), present.clone(), &[][..]),
        (
            known(),
            Some(SdkCredentials::Present {
                expires_at: Some(NOW),
            }),
            &["KR506"],
        ),
        (known(), None, &[]),
        (known(), Some(SdkCredentials::Refused), &["KR506"]),
        (SdkConfig::Refused, present, &["KR506"]),
        (SdkConfig::Damaged { line: 3 }, None, &["KR506"]),
    ] {
        let mut snapshot = Machine::default().snapshot();
        snapshot.sdk_stores.push(SdkStore {
            directory: "/home/me/.config/anthropic".to_owned(),
            active: None,
            profiles: vec![SdkProfile {
                name: "work".to_owned(),
                config,
                credentials,
            }],
        });
        let found = findings(&snapshot, &Evidence::default(), &[]);
        let found: Vec<_> = found.iter().map(|it| it.code.name()).collect();
        assert_eq!(found, codes);
    }
}
