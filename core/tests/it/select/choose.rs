//! Selection of the next profile and retry rules, case by case.

use keyreeve_core::health::{BlockReason, CooldownReason, EarlyProbe, Readiness, SecretStorage};
use keyreeve_core::profile::{BillingClass, Profile, Provenance, Source};
use keyreeve_core::select::{CacheBenefit, FailedAttempt, NoProfileError, PinUpdate, RetryWith};
use keyreeve_core::verdict::{ErrorResponse, Verdict};
use keyreeve_core::virtual_key::Strategy;

use super::{Scenario, at, at_other_upstream, billed, guessed, id, key, limited, profile};

const READY: Readiness = Readiness::Ready;
const PROBE: Readiness = Readiness::Probe;
const DRAINED: Readiness = Readiness::Blocked(BlockReason::Drained);

fn failing() -> Readiness {
    Readiness::Cooldown {
        until: at(4),
        early_probe: EarlyProbe::Denied,
        reason: CooldownReason::CircuitOpen,
    }
}

/// Three metered profiles, the last of them at another upstream.
fn three() -> Vec<Profile> {
    vec![profile(0), profile(1), at_other_upstream(profile(2))]
}

#[test]
fn first_existing_non_plan_profile_is_selected() {
    let stored = [
        billed(1, BillingClass::Metered),
        billed(2, BillingClass::Plan),
        billed(3, BillingClass::Gateway),
    ];
    for (names, expected) in [
        (vec![1, 3], "1 first"),
        (vec![3, 1], "3 first"),
        (vec![9, 2, 3], "3 first"),
        (vec![], "none assigned"),
        (vec![8, 9], "none assigned"),
        (vec![9, 2], "only plan logins"),
    ] {
        let mut scenario = Scenario::new(&stored, &[READY; 3]);
        scenario.key.profiles = names.iter().map(|number| id(*number)).collect();
        scenario.key.allow_billing = vec![BillingClass::Gateway];
        assert_eq!(scenario.summary(), expected, "{names:?}");
    }
}

#[test]
fn plan_login_is_recognized_by_any_property() {
    for plan in [
        billed(0, BillingClass::Plan),
        Profile {
            provenance: Provenance::SetupToken,
            ..profile(0)
        },
        Profile {
            source: Source::ClaudeLogin { config_dir: None },
            ..profile(0)
        },
    ] {
        let plans = [plan];
        let mut scenario = Scenario::new(&plans, &[READY]);
        scenario.key.allow_billing = vec![BillingClass::Plan];
        assert_eq!(scenario.summary(), "only plan logins", "{plans:?}");
    }
}

#[test]
fn first_ready_profile_serves_else_early_probe() {
    let profiles = three();
    for (readiness, expected) in [
        ([limited(9), READY, READY], "1 first"),
        ([limited(9), PROBE, READY], "1 first, as probe"),
        ([DRAINED, guessed(9), guessed(7)], "2 first, as probe"),
        // The first available has a server's reset time: it is reported, or waited for if it is near.
        ([limited(6), guessed(9), DRAINED], "cooldown, 0 first"),
        ([limited(5), guessed(9), DRAINED], "wait 0 5"),
        ([limited(3), limited(2), DRAINED], "wait 1 2"),
        // A failing upstream is not a limit.
        ([failing(), failing(), failing()], "cooldown, 0 first"),
        ([DRAINED, DRAINED, DRAINED], "blocked"),
    ] {
        let summary = Scenario::new(&profiles, &readiness).summary();
        assert_eq!(summary, expected, "{readiness:?}");
    }
}

#[test]
fn spread_key_takes_the_least_recently_used() {
    let profiles = three();
    for (readiness, uses, expected) in [
        ([READY, READY, READY], &[][..], "0 spread"),
        ([READY, READY, READY], &[3, 1, 2], "1 spread"),
        ([READY, READY, READY], &[3, 1], "2 spread"),
        ([READY, limited(9), READY], &[3, 1, 2], "2 spread"),
        ([READY, PROBE, READY], &[3, 1, 2], "1 spread, as probe"),
        (
            [guessed(9), guessed(8), DRAINED],
            &[1, 2, 3],
            "1 spread, as probe",
        ),
    ] {
        let mut scenario = Scenario::new(&profiles, &readiness);
        scenario.key.strategy = Strategy::Spread;
        scenario.uses = uses;
        assert_eq!(scenario.summary(), expected, "{readiness:?} {uses:?}");
    }
}

#[test]
fn payer_does_not_change_when_first_profile_is_removed() {
    let profiles = [
        billed(0, BillingClass::Metered),
        billed(1, BillingClass::Gateway),
    ];
    let mut scenario = Scenario::new(&profiles, &[READY, READY]);
    assert_eq!(scenario.summary(), "0 first");
    scenario.key.profiles.remove(0);
    assert_eq!(scenario.summary(), "billing not allowed: [Gateway]");
    scenario.key.allow_billing = vec![BillingClass::Gateway];
    assert_eq!(scenario.summary(), "1 first");
}

#[test]
fn other_billing_class_needs_permission_of_the_key() {
    use BillingClass::{Cloud, Gateway, Metered, Plan};
    let profiles = [
        billed(0, Metered),
        billed(1, Gateway),
        billed(2, Plan),
        billed(3, Cloud),
    ];
    let readiness = [limited(9), READY, READY, READY];
    for (allowed, expected) in [
        (&[][..], Err(vec![Gateway, Cloud])),
        (&[Plan], Err(vec![Gateway, Cloud])),
        (&[Cloud], Ok(3)),
        (&[Cloud, Gateway], Ok(1)),
    ] {
        let mut scenario = Scenario::new(&profiles, &readiness);
        scenario.key.allow_billing = allowed.to_vec();
        match (scenario.selection(), expected) {
            (Err(NoProfileError::AllCoolingDown { excluded, .. }), Err(classes)) => {
                assert_eq!(excluded.classes, classes);
                assert_eq!(excluded.key.as_str(), "tool");
            }
            (_, Err(_)) => unreachable!("{allowed:?}: {}", scenario.summary()),
            (_, Ok(number)) => assert_eq!(scenario.summary(), format!("{number} first")),
        }
    }
}

#[test]
fn conversation_sticks_to_its_profile_if_useful() {
    let profiles = three();
    for (readiness, cache, expected) in [
        ([READY, READY, READY], CacheBenefit::None, "1 sticky"),
        (
            [READY, PROBE, READY],
            CacheBenefit::None,
            "1 sticky, as probe",
        ),
        (
            [READY, limited(5), READY],
            CacheBenefit::Significant,
            "wait 1 5",
        ),
        ([READY, limited(5), READY], CacheBenefit::None, "0 moved"),
        (
            [READY, limited(6), READY],
            CacheBenefit::Significant,
            "0 moved",
        ),
        (
            [READY, guessed(5), READY],
            CacheBenefit::Significant,
            "0 moved",
        ),
        (
            [READY, failing(), READY],
            CacheBenefit::Significant,
            "0 moved",
        ),
        (
            [READY, DRAINED, READY],
            CacheBenefit::Significant,
            "0 moved",
        ),
    ] {
        let mut scenario = Scenario::new(&profiles, &readiness);
        scenario.pinned = Some(1);
        scenario.cache_benefit = cache;
        assert_eq!(scenario.summary(), expected, "{readiness:?} {cache:?}");
    }
    // The pinned profile was removed from the key.
    let mut scenario = Scenario::new(&profiles, &[READY; 3]);
    scenario.key = key(&profiles[..1]);
    scenario.pinned = Some(1);
    assert_eq!(scenario.summary(), "0 moved");
}

fn failed_attempt(profile: &Profile, retry_with: RetryWith) -> FailedAttempt {
    FailedAttempt {
        profile: profile.id,
        origin: profile.base_url.origin().clone(),
        retry_with,
    }
}

/// The failed attempts, the readiness of three profiles, and the expected selection.
type Retry = (&'static [(usize, RetryWith)], [Readiness; 3], &'static str);

#[rustfmt::skip]
const RETRIES: [Retry; 10] = {
    use RetryWith::{OtherCredential, OtherUpstream, AfterLimit, RefreshedSecret};
    const ALL: [Readiness; 3] = [READY; 3];
    [
        (&[(0, OtherCredential)], ALL, "1 after-refusal"),
        (&[(0, OtherUpstream)], ALL, "2 after-failure"),
        (&[(0, OtherUpstream), (2, OtherCredential)], ALL, "all failed"),
        (&[(0, OtherCredential), (1, OtherCredential), (2, OtherCredential)], ALL, "all failed"),
        (&[(0, AfterLimit)], [READY, DRAINED, DRAINED], "0 waited"),
        (&[(0, AfterLimit)], [DRAINED, READY, READY], "1 after-refusal"),
        (&[(0, RefreshedSecret)], [PROBE, READY, READY], "0 renewed, as probe"),
        (&[(0, RefreshedSecret)], [DRAINED, READY, READY], "1 after-refusal"),
        (&[(0, RefreshedSecret), (0, RefreshedSecret)], [PROBE, READY, READY], "1 after-refusal"),
        (&[(0, RefreshedSecret), (0, OtherCredential)], ALL, "1 after-refusal"),
    ]
};

#[track_caller]
fn check_retry(attempts: &[(usize, RetryWith)], readiness: &[Readiness; 3], expected: &str) {
    let profiles = three();
    let attempts: Vec<FailedAttempt> = attempts
        .iter()
        .map(|(number, retry_with)| failed_attempt(&profiles[*number], *retry_with))
        .collect();
    let mut scenario = Scenario::new(&profiles, readiness);
    scenario.failed_attempts = &attempts;
    assert_eq!(scenario.summary(), expected, "{attempts:?} {readiness:?}");
}

#[test]
fn failed_attempts_decide_the_next_profile() {
    for (attempts, readiness, expected) in &RETRIES {
        check_retry(attempts, readiness, expected);
    }
}

#[test]
fn limited_profile_is_not_retried_early() {
    let limit = &[(0, RetryWith::AfterLimit)];
    let refused = &[(0, RetryWith::RefreshedSecret)];
    let alone = |first| [first, DRAINED, DRAINED];
    check_retry(limit, &[limited(3), READY, READY], "1 after-refusal");
    check_retry(limit, &alone(limited(3)), "wait 0 3");
    check_retry(limit, &alone(guessed(30)), "cooldown, 0 first");
    // Except for a secret that may have been refreshed, unless another request is probing.
    check_retry(refused, &alone(guessed(30)), "0 renewed, as probe");
    check_retry(refused, &[limited(30), READY, READY], "1 after-refusal");
}

#[test]
fn pin_is_kept_if_only_the_upstream_fails() {
    let profiles = three();
    let failed = [failed_attempt(&profiles[0], RetryWith::OtherUpstream)];
    let refused = [failed_attempt(&profiles[0], RetryWith::OtherCredential)];
    for (attempts, readiness, pin_update) in [
        (&failed[..], [READY; 3], PinUpdate::Keep),
        (&refused[..], [READY; 3], PinUpdate::Pin),
        (&[], [failing(), failing(), READY], PinUpdate::Keep),
        (&[], [limited(60), READY, READY], PinUpdate::Pin),
        (&[], [DRAINED, READY, READY], PinUpdate::Pin),
        (&[], [READY; 3], PinUpdate::Pin),
    ] {
        let mut scenario = Scenario::new(&profiles, &readiness);
        scenario.failed_attempts = attempts;
        scenario.pinned = Some(0);
        assert_eq!(
            scenario.selected().pin_update,
            pin_update,
            "{attempts:?} {readiness:?}"
        );
    }
}

/// A status, error type and message, or a proxy's page; the retry allowed for a stored secret.
type RetryCase = (u16, Option<(&'static str, &'static str)>, Option<RetryWith>);

#[rustfmt::skip]
const RETRY_CASES: [RetryCase; 10] = [
    (200, None, None),
    (400, Some(("invalid_request_error", "no")), None),
    (404, Some(("not_found_error", "model: x")), None),
    (429, Some(("rate_limit_error", "over the rate limit of 50 requests per minute")), Some(RetryWith::AfterLimit)),
    (401, Some(("authentication_error", "invalid x-api-key")), Some(RetryWith::OtherCredential)),
    (401, Some(("authentication_error", "OAuth token has expired")), Some(RetryWith::OtherCredential)),
    (500, Some(("api_error", "no")), Some(RetryWith::OtherUpstream)),
    (529, Some(("overloaded_error", "no")), Some(RetryWith::OtherUpstream)),
    (502, None, Some(RetryWith::OtherUpstream)),
    // A proxy may refuse a request for any credential.
    (403, None, None),
];

#[test]
fn verdict_decides_the_retry() {
    for (status, error, expected) in RETRY_CASES {
        let body = error.map_or_else(
            || "<html>".to_owned(),
            |(kind, message)| {
                serde_json::json!({"type": "error", "error": {"type": kind, "message": message}})
                    .to_string()
            },
        );
        let response = ErrorResponse {
            status,
            headers: &[],
            body: body.as_bytes(),
        };
        let verdict = Verdict::from_response(&response, at(0));
        let retry = |storage| RetryWith::from_verdict(verdict, Some(status), storage);
        assert_eq!(retry(SecretStorage::Sealed), expected, "{status} {body}");
        // The next fetch of a secret may return another.
        let fetched = if status == 401 {
            Some(RetryWith::RefreshedSecret)
        } else {
            expected
        };
        assert_eq!(retry(SecretStorage::Fetched), fetched, "{status} {body}");
    }
    let no_response = RetryWith::from_verdict(Verdict::no_response(), None, SecretStorage::Sealed);
    assert_eq!(no_response, Some(RetryWith::OtherUpstream));
}
