//! Properties of health for any responses in any order.

use keyreeve_core::health::{
    CIRCUIT_OPEN_DURATION, CircuitBreaker, EarlyProbe, Health, HealthInput, MAX_TIME_WITHOUT_PROBE,
    ManualAction, Readiness, apply_action, claim_probe, readiness, ready_at, release_probe,
    transition,
};
use keyreeve_core::verdict::Verdict;
use proptest::prelude::*;

use super::{
    at, blocked, health_input, invalid_request, limited, limited_until, out_of_credit, overloaded,
    rejected, seconds,
};

/// Maximum clock jump in seconds: ten years.
const MAX_JUMP: i64 = 10 * 366 * 86_400;

/// A verdict, the seconds since the previous one, and the seconds since its lease.
type Event = (Verdict, i64, i64);

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::ok()),
        Just(limited()),
        (0..200_000_i64).prop_map(limited_until),
        Just(out_of_credit()),
        Just(rejected()),
        Just(blocked()),
        Just(overloaded()),
        Just(invalid_request()),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec((any_verdict(), 0..4_000_i64, 0..900_i64), 1..40)
}

/// Applies events and passes each health before and after to a callback.
fn play(
    events: &[Event],
    mut observe: impl FnMut(Health, &HealthInput, i64, Health),
) -> (Health, i64) {
    let (mut health, mut now) = (Health::Ready, 0);
    for (verdict, later, leased_before) in events {
        now += later;
        let input = health_input(*verdict, at(now - leased_before));
        let next = transition(health, &input, at(now));
        observe(health, &input, now, next);
        health = next;
    }
    (health, now)
}

/// A clock jump: seconds, hours, or the whole range of a machine's clock.
fn jump() -> impl Strategy<Value = i64> {
    prop_oneof![-10..10_i64, -90_000..90_000_i64, -MAX_JUMP..MAX_JUMP]
}

/// Remaining seconds of a cooldown at `second`.
fn remaining(readiness: Readiness, second: i64) -> i64 {
    match readiness {
        Readiness::Cooldown { until, .. } => until.duration_since(at(second)).as_secs(),
        Readiness::Ready | Readiness::Probe | Readiness::Blocked(_) => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// ST-10: a clock that jumps lengthens no cooldown.
    #[test]
    fn clock_jump_lengthens_no_cooldown(events in events(), probed in any::<bool>(), first in jump(), second in jump()) {
        let (health, now) = play(&events, |_, _, _, _| {});
        let paused = apply_action(Health::Ready, ManualAction::Pause { until: at(now + 3_600) }, at(now));
        for health in [health, paused] {
            let claimed = claim_probe(&health, at(now)).filter(|_| probed).unwrap_or(health);
            let Health::Cooldown(cooldown) = claimed else { continue };
            // The window as set, or the probe timeout; two seconds are not a jump.
            let max = cooldown.until.duration_since(cooldown.since).as_secs().max(60) + 2;
            for checked_at in [now + first, now + first + second] {
                let remaining_wait = remaining(readiness(&claimed, at(checked_at)), checked_at);
                prop_assert!(remaining_wait <= max, "{} of {}: {:?}", remaining_wait, max, claimed);
                // Nor does a response after the jump.
                let input = health_input(limited(), at(checked_at));
                let after = transition(claimed, &input, at(checked_at));
                let again = remaining(readiness(&after, at(checked_at)), checked_at);
                prop_assert!(again <= max.max(600 + 2), "{} of {}: {:?}", again, max, after);
            }
        }
    }

    /// ST-10: a clock that jumps keeps no circuit open.
    #[test]
    fn clock_jump_keeps_no_circuit_open(first in jump(), second in jump()) {
        let open = (0..5).fold(CircuitBreaker::default(), |circuit, _| circuit.record_failure(at(0), at(0)));
        let claimed = open.claim_probe(at(first)).unwrap_or(open);
        for circuit in [open, claimed, open.record_failure(at(first), at(first))] {
            let remaining_wait = remaining(circuit.readiness(at(second)), second);
            prop_assert!(remaining_wait <= CIRCUIT_OPEN_DURATION.as_secs(), "{}: {:?}", remaining_wait, circuit);
        }
    }

    #[test]
    fn same_response_reported_twice_changes_nothing(events in events()) {
        play(&events, |_, input, now, next| {
            assert_eq!(transition(next, input, at(now)), next);
            assert_eq!(transition(next, input, at(now + 1)), next);
        });
    }

    #[test]
    fn never_ready_before_the_servers_reset(second in 1..80_000_i64, checked_at in 0..80_000_i64, jitter in 0..=255_u8) {
        let mut input = health_input(limited_until(second), at(0));
        input.jitter = keyreeve_core::health::Jitter(jitter);
        let health = transition(Health::Ready, &input, at(0));
        let until = ready_at(&health).unwrap();
        prop_assert!(until >= at(second) && until <= at(second) + seconds(2));
        let is_ready = readiness(&health, at(checked_at)) == Readiness::Ready;
        prop_assert_eq!(is_ready, at(checked_at) >= until);
    }

    #[test]
    fn no_cooldown_exceeds_a_day_without_a_probe(events in events()) {
        let (health, now) = play(&events, |_, _, _, _| {});
        match readiness(&health, at(now) + MAX_TIME_WITHOUT_PROBE) {
            // Blocked: the API states it explicitly, and only the user can fix it.
            Readiness::Ready | Readiness::Probe | Readiness::Blocked(_) => {}
            Readiness::Cooldown { .. } => prop_assert!(false, "{:?}", health),
        }
    }

    #[test]
    fn failure_inside_a_cooldown_never_extends_it(events in events()) {
        play(&events, |before, input, now, next| {
            let (Health::Cooldown(was), Health::Cooldown(is)) = (before, next) else { return };
            let inside = at(now) < was.until && was.schedule == is.schedule;
            // A server's reset time that replaces a guess is not an extension.
            let replaced_guess = was.time_source != is.time_source && input.verdict.until().is_some();
            if inside && !replaced_guess {
                assert_eq!((is.since, is.until, is.failures), (was.since, was.until, was.failures));
            }
        });
    }

    #[test]
    fn waiting_never_makes_it_less_ready(events in events(), looks in proptest::collection::vec(0..200_000_i64, 2)) {
        let (health, now) = play(&events, |_, _, _, _| {});
        let (first, second) = (looks[0].min(looks[1]), looks[0].max(looks[1]));
        let order = |checked_at| match readiness(&health, at(now + checked_at)) {
            Readiness::Blocked(_) => 0,
            Readiness::Cooldown { early_probe: EarlyProbe::Denied, .. } => 1,
            Readiness::Cooldown { early_probe: EarlyProbe::Allowed, .. } => 2,
            Readiness::Probe => 3,
            Readiness::Ready => 4,
        };
        prop_assert!(order(first) <= order(second));
    }

    #[test]
    fn probe_is_claimed_by_one_request(events in events(), checked_at in 0..200_000_i64) {
        let (health, now) = play(&events, |_, _, _, _| {});
        if let Some(claimed) = claim_probe(&health, at(now + checked_at)) {
            prop_assert_eq!(claim_probe(&claimed, at(now + checked_at)), None);
            prop_assert_eq!(release_probe(claimed, at(now + checked_at + 1)), claimed);
            prop_assert!(claim_probe(&release_probe(claimed, at(now + checked_at)), at(now + checked_at)).is_some());
            // An early probe does not block the probe at the end of the cooldown.
            let soon = at(now + checked_at + 59);
            let ends_meanwhile = ready_at(&health).is_some_and(|end| at(now + checked_at) < end && end <= soon);
            prop_assert!(ends_meanwhile || claim_probe(&claimed, soon).is_none());
        }
    }
}
