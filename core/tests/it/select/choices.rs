//! The choice, case by case.

use keyreeve_core::profile::{BillingClass, Profile, Provenance, Source};
use keyreeve_core::select::{Cache, Further, Hold, NoProfile, Tried};
use keyreeve_core::standing::{Because, Closed, Early, Kept, Readiness};
use keyreeve_core::verdict::{ErrorAnswer, Verdict};
use keyreeve_core::virtual_key::Strategy;

use super::{Moment, at, billed, elsewhere, guessed, id, key, limited, profile};

const READY: Readiness = Readiness::Ready;
const PROBE: Readiness = Readiness::Probe;
const DRAINED: Readiness = Readiness::Closed(Closed::Drained);

fn failing() -> Readiness {
    Readiness::Resting {
        at: at(4),
        early: Early::No,
        because: Because::Upstream,
    }
}

/// Three metered profiles, the last of them at another upstream.
fn three() -> Vec<Profile> {
    vec![profile(0), profile(1), elsewhere(profile(2))]
}

#[test]
fn the_first_that_exists_and_is_no_plan_is_chosen() {
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
        let mut moment = Moment::of(&stored, &[READY; 3]);
        moment.key.profiles = names.iter().map(|number| id(*number)).collect();
        moment.key.may_spend = vec![BillingClass::Gateway];
        assert_eq!(moment.told(), expected, "{names:?}");
    }
}

#[test]
fn a_plan_login_is_known_by_any_of_its_marks_whatever_else_was_declared() {
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
        let mut moment = Moment::of(&plans, &[READY]);
        moment.key.may_spend = vec![BillingClass::Plan];
        assert_eq!(moment.told(), "only plan logins", "{plans:?}");
    }
}

#[test]
fn the_first_that_is_ready_serves_and_the_soonest_guess_is_asked_when_none_is() {
    let profiles = three();
    for (readiness, expected) in [
        ([limited(9), READY, READY], "1 first"),
        ([limited(9), PROBE, READY], "1 first, as probe"),
        ([DRAINED, guessed(9), guessed(7)], "2 first, as probe"),
        // The soonest has a time of its own: it is told, or waited for where that is short.
        ([limited(6), guessed(9), DRAINED], "resting, 0 first"),
        ([limited(5), guessed(9), DRAINED], "wait 0 5"),
        ([limited(3), limited(2), DRAINED], "wait 1 2"),
        // An upstream that fails is no limit.
        ([failing(), failing(), failing()], "resting, 0 first"),
        ([DRAINED, DRAINED, DRAINED], "closed"),
    ] {
        let told = Moment::of(&profiles, &readiness).told();
        assert_eq!(told, expected, "{readiness:?}");
    }
}

#[test]
fn a_spread_key_takes_the_one_used_longest_ago() {
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
        let mut moment = Moment::of(&profiles, &readiness);
        moment.key.strategy = Strategy::Spread;
        moment.uses = uses;
        assert_eq!(moment.told(), expected, "{readiness:?} {uses:?}");
    }
}

#[test]
fn who_pays_does_not_change_when_the_first_profile_is_removed() {
    let profiles = [
        billed(0, BillingClass::Metered),
        billed(1, BillingClass::Gateway),
    ];
    let mut moment = Moment::of(&profiles, &[READY, READY]);
    assert_eq!(moment.told(), "0 first");
    moment.key.profiles.remove(0);
    assert_eq!(moment.told(), "only the money of [Gateway]");
    moment.key.may_spend = vec![BillingClass::Gateway];
    assert_eq!(moment.told(), "1 first");
}

#[test]
fn another_payer_takes_part_only_where_the_key_says_so() {
    use BillingClass::{Cloud, Gateway, Metered, Plan};
    let profiles = [
        billed(0, Metered),
        billed(1, Gateway),
        billed(2, Plan),
        billed(3, Cloud),
    ];
    let readiness = [limited(9), READY, READY, READY];
    for (may_spend, expected) in [
        (&[][..], Err(vec![Gateway, Cloud])),
        (&[Plan], Err(vec![Gateway, Cloud])),
        (&[Cloud], Ok(3)),
        (&[Cloud, Gateway], Ok(1)),
    ] {
        let mut moment = Moment::of(&profiles, &readiness);
        moment.key.may_spend = may_spend.to_vec();
        match (moment.choice(), expected) {
            (Err(NoProfile::Resting { left_out, .. }), Err(classes)) => {
                assert_eq!(left_out.classes, classes);
                assert_eq!(left_out.key.as_str(), "tool");
            }
            (_, Err(_)) => unreachable!("{may_spend:?}: {}", moment.told()),
            (_, Ok(number)) => assert_eq!(moment.told(), format!("{number} first")),
        }
    }
}

#[test]
fn a_conversation_stays_where_that_serves_it() {
    let profiles = three();
    for (readiness, cache, expected) in [
        ([READY, READY, READY], Cache::Needless, "1 held"),
        ([READY, PROBE, READY], Cache::Needless, "1 held, as probe"),
        ([READY, limited(5), READY], Cache::Cold, "wait 1 5"),
        ([READY, limited(5), READY], Cache::Needless, "0 moved"),
        ([READY, limited(6), READY], Cache::Cold, "0 moved"),
        ([READY, guessed(5), READY], Cache::Cold, "0 moved"),
        ([READY, failing(), READY], Cache::Cold, "0 moved"),
        ([READY, DRAINED, READY], Cache::Cold, "0 moved"),
    ] {
        let mut moment = Moment::of(&profiles, &readiness);
        moment.held = Some(1);
        moment.cache = cache;
        assert_eq!(moment.told(), expected, "{readiness:?} {cache:?}");
    }
    // It left the key.
    let mut moment = Moment::of(&profiles, &[READY; 3]);
    moment.key = key(&profiles[..1]);
    moment.held = Some(1);
    assert_eq!(moment.told(), "0 moved");
}

fn tried(profile: &Profile, further: Further) -> Tried {
    Tried {
        profile: profile.id,
        origin: profile.base_url.origin().clone(),
        further,
    }
}

/// What each of three was tried for, how they stand, and who is next.
type Tries = (&'static [(usize, Further)], [Readiness; 3], &'static str);

#[rustfmt::skip]
const TRIED: [Tries; 10] = {
    use Further::{AnotherCredential, AnotherUpstream, WhenItsLimitIsOver, WithItsSecretRenewed};
    const ALL: [Readiness; 3] = [READY; 3];
    [
        (&[(0, AnotherCredential)], ALL, "1 after-refusal"),
        (&[(0, AnotherUpstream)], ALL, "2 after-failure"),
        (&[(0, AnotherUpstream), (2, AnotherCredential)], ALL, "all tried"),
        (&[(0, AnotherCredential), (1, AnotherCredential), (2, AnotherCredential)], ALL, "all tried"),
        (&[(0, WhenItsLimitIsOver)], [READY, DRAINED, DRAINED], "0 waited"),
        (&[(0, WhenItsLimitIsOver)], [DRAINED, READY, READY], "1 after-refusal"),
        (&[(0, WithItsSecretRenewed)], [PROBE, READY, READY], "0 renewed, as probe"),
        (&[(0, WithItsSecretRenewed)], [DRAINED, READY, READY], "1 after-refusal"),
        (&[(0, WithItsSecretRenewed), (0, WithItsSecretRenewed)], [PROBE, READY, READY], "1 after-refusal"),
        (&[(0, WithItsSecretRenewed), (0, AnotherCredential)], ALL, "1 after-refusal"),
    ]
};

#[track_caller]
fn check_tried(tries: &[(usize, Further)], readiness: &[Readiness; 3], expected: &str) {
    let profiles = three();
    let tries: Vec<Tried> = tries
        .iter()
        .map(|(number, further)| tried(&profiles[*number], *further))
        .collect();
    let mut moment = Moment::of(&profiles, readiness);
    moment.tried = &tries;
    assert_eq!(moment.told(), expected, "{tries:?} {readiness:?}");
}

#[test]
fn what_was_tried_decides_who_is_left() {
    for (tries, readiness, expected) in &TRIED {
        check_tried(tries, readiness, expected);
    }
}

#[test]
fn what_has_just_said_when_is_asked_no_sooner() {
    let limit = &[(0, Further::WhenItsLimitIsOver)];
    let refused = &[(0, Further::WithItsSecretRenewed)];
    let alone = |first| [first, DRAINED, DRAINED];
    check_tried(limit, &[limited(3), READY, READY], "1 after-refusal");
    check_tried(limit, &alone(limited(3)), "wait 0 3");
    check_tried(limit, &alone(guessed(30)), "resting, 0 first");
    // But for a secret that may be another by now, where nobody else finds out.
    check_tried(refused, &alone(guessed(30)), "0 renewed, as probe");
    check_tried(refused, &[limited(30), READY, READY], "1 after-refusal");
}

#[test]
fn whoever_is_spared_for_its_upstream_alone_keeps_its_conversation() {
    let profiles = three();
    let failed = [tried(&profiles[0], Further::AnotherUpstream)];
    let refused = [tried(&profiles[0], Further::AnotherCredential)];
    for (tries, readiness, hold) in [
        (&failed[..], [READY; 3], Hold::AsBefore),
        (&refused[..], [READY; 3], Hold::Chosen),
        (&[], [failing(), failing(), READY], Hold::AsBefore),
        (&[], [limited(60), READY, READY], Hold::Chosen),
        (&[], [DRAINED, READY, READY], Hold::Chosen),
        (&[], [READY; 3], Hold::Chosen),
    ] {
        let mut moment = Moment::of(&profiles, &readiness);
        moment.tried = tries;
        moment.held = Some(0);
        assert_eq!(moment.chosen().hold, hold, "{tries:?} {readiness:?}");
    }
}

/// A status, the type and message with it, or an edge's page; what may be tried, for a secret that is kept.
type Answer = (u16, Option<(&'static str, &'static str)>, Option<Further>);

#[rustfmt::skip]
const ANSWERS: [Answer; 10] = [
    (200, None, None),
    (400, Some(("invalid_request_error", "no")), None),
    (404, Some(("not_found_error", "model: x")), None),
    (429, Some(("rate_limit_error", "over the rate limit of 50 requests per minute")), Some(Further::WhenItsLimitIsOver)),
    (401, Some(("authentication_error", "invalid x-api-key")), Some(Further::AnotherCredential)),
    (401, Some(("authentication_error", "OAuth token has expired")), Some(Further::AnotherCredential)),
    (500, Some(("api_error", "no")), Some(Further::AnotherUpstream)),
    (529, Some(("overloaded_error", "no")), Some(Further::AnotherUpstream)),
    (502, None, Some(Further::AnotherUpstream)),
    // An edge may refuse what is asked, whoever asks.
    (403, None, None),
];

#[test]
fn an_answer_says_what_may_be_tried() {
    for (status, said, expected) in ANSWERS {
        let body = said.map_or_else(
            || "<html>".to_owned(),
            |(kind, message)| {
                serde_json::json!({"type": "error", "error": {"type": kind, "message": message}})
                    .to_string()
            },
        );
        let answer = ErrorAnswer {
            status,
            headers: &[],
            body: body.as_bytes(),
        };
        let verdict = Verdict::of_error(&answer, at(0));
        let after = |kept| Further::after(verdict, Some(status), kept);
        assert_eq!(after(Kept::Sealed), expected, "{status} {body}");
        // A secret that is fetched may be another one by the next time.
        let fetched = if status == 401 {
            Some(Further::WithItsSecretRenewed)
        } else {
            expected
        };
        assert_eq!(after(Kept::Fetched), fetched, "{status} {body}");
    }
    let nobody = Further::after(Verdict::no_answer(), None, Kept::Sealed);
    assert_eq!(nobody, Some(Further::AnotherUpstream));
}
