//! What holds whatever is answered, in whatever order.

use keyreeve_core::standing::{
    Act, CIRCUIT_OPEN, Circuit, Early, Heard, LONGEST_UNPROBED, Readiness, Standing, act, claim,
    give_back, readiness, ready_at, step,
};
use keyreeve_core::verdict::Verdict;
use proptest::prelude::*;

use super::{
    at, blocked, heard, limited, limited_until, out_of_credit, overloaded, refused, seconds,
    wrong_request,
};

/// How far a clock may jump, in seconds: ten years.
const FAR: i64 = 10 * 366 * 86_400;

/// An answer, how long after the one before it came, and how long it had been asked for.
type Event = (Verdict, i64, i64);

fn answer() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::ok()),
        Just(limited()),
        (0..200_000_i64).prop_map(limited_until),
        Just(out_of_credit()),
        Just(refused()),
        Just(blocked()),
        Just(overloaded()),
        Just(wrong_request()),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec((answer(), 0..4_000_i64, 0..900_i64), 1..40)
}

/// Plays events, and shows each standing before and after.
fn play(
    events: &[Event],
    mut look: impl FnMut(Standing, &Heard, i64, Standing),
) -> (Standing, i64) {
    let (mut standing, mut now) = (Standing::Ready, 0);
    for (verdict, later, asked_before) in events {
        now += later;
        let told = heard(*verdict, at(now - asked_before));
        let next = step(standing, &told, at(now));
        look(standing, &told, now, next);
        standing = next;
    }
    (standing, now)
}

/// How far a clock jumps: by seconds, hours, or to the other end of what a machine's clock can be set to.
fn jump() -> impl Strategy<Value = i64> {
    prop_oneof![-10..10_i64, -90_000..90_000_i64, -FAR..FAR]
}

/// How long it still is not ready for anybody, by a clock that says `look`.
fn left(readiness: Readiness, look: i64) -> i64 {
    match readiness {
        Readiness::Resting { at: until, .. } => until.duration_since(at(look)).as_secs(),
        Readiness::Ready | Readiness::Probe | Readiness::Closed(_) => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn st_10_a_clock_that_jumps_lengthens_no_wait(events in events(), probed in any::<bool>(), first in jump(), second in jump()) {
        let (standing, now) = play(&events, |_, _, _, _| {});
        let by_a_person = act(Standing::Ready, Act::Rest { until: at(now + 3_600) }, at(now));
        for standing in [standing, by_a_person] {
            let claimed = claim(&standing, at(now)).filter(|_| probed).unwrap_or(standing);
            let Standing::Resting(rest) = claimed else { continue };
            // The window as it was told, or the minute that somebody has who asks; two seconds are no jump.
            let longest = rest.until.duration_since(rest.since).as_secs().max(60) + 2;
            for look in [now + first, now + first + second] {
                let waits = left(readiness(&claimed, at(look)), look);
                prop_assert!(waits <= longest, "{} of {}: {:?}", waits, longest, claimed);
                // Nor does what is heard after the jump.
                let told = heard(limited(), at(look));
                let after = step(claimed, &told, at(look));
                let again = left(readiness(&after, at(look)), look);
                prop_assert!(again <= longest.max(600 + 2), "{} of {}: {:?}", again, longest, after);
            }
        }
    }

    #[test]
    fn st_10_a_clock_that_jumps_keeps_no_circuit_open(first in jump(), second in jump()) {
        let open = (0..5).fold(Circuit::default(), |circuit, _| circuit.failed(at(0), at(0)));
        let claimed = open.claim(at(first)).unwrap_or(open);
        for circuit in [open, claimed, open.failed(at(first), at(first))] {
            let waits = left(circuit.readiness(at(second)), second);
            prop_assert!(waits <= CIRCUIT_OPEN.as_secs(), "{}: {:?}", waits, circuit);
        }
    }

    #[test]
    fn the_same_answer_told_again_changes_nothing(events in events()) {
        play(&events, |_, told, now, next| {
            assert_eq!(step(next, told, at(now)), next);
            assert_eq!(step(next, told, at(now + 1)), next);
        });
    }

    #[test]
    fn it_is_never_ready_before_a_servers_time(second in 1..80_000_i64, look in 0..80_000_i64, jitter in 0..=255_u8) {
        let mut told = heard(limited_until(second), at(0));
        told.jitter = keyreeve_core::standing::Jitter(jitter);
        let standing = step(Standing::Ready, &told, at(0));
        let until = ready_at(&standing).unwrap();
        prop_assert!(until >= at(second) && until <= at(second) + seconds(2));
        let is_ready = readiness(&standing, at(look)) == Readiness::Ready;
        prop_assert_eq!(is_ready, at(look) >= until);
    }

    #[test]
    fn nothing_rests_longer_than_a_day_without_a_probe(events in events()) {
        let (standing, now) = play(&events, |_, _, _, _| {});
        match readiness(&standing, at(now) + LONGEST_UNPROBED) {
            // Closed: said by the API in so many words, and only a person can mend it.
            Readiness::Ready | Readiness::Probe | Readiness::Closed(_) => {}
            Readiness::Resting { .. } => prop_assert!(false, "{:?}", standing),
        }
    }

    #[test]
    fn a_failure_inside_a_guessed_or_told_window_never_extends_it(events in events()) {
        play(&events, |before, told, now, next| {
            let (Standing::Resting(was), Standing::Resting(is)) = (before, next) else { return };
            let inside = at(now) < was.until && was.schedule == is.schedule;
            // A server's own word on what was only guessed is no extension: it is the truth.
            let told_better = was.time != is.time && told.verdict.until().is_some();
            if inside && !told_better {
                assert_eq!((is.since, is.until, is.failures), (was.since, was.until, was.failures));
            }
        });
    }

    #[test]
    fn waiting_never_makes_it_less_ready(events in events(), looks in proptest::collection::vec(0..200_000_i64, 2)) {
        let (standing, now) = play(&events, |_, _, _, _| {});
        let (first, second) = (looks[0].min(looks[1]), looks[0].max(looks[1]));
        let order = |look| match readiness(&standing, at(now + look)) {
            Readiness::Closed(_) => 0,
            Readiness::Resting { early: Early::No, .. } => 1,
            Readiness::Resting { early: Early::MayProbe, .. } => 2,
            Readiness::Probe => 3,
            Readiness::Ready => 4,
        };
        prop_assert!(order(first) <= order(second));
    }

    #[test]
    fn the_probe_is_given_to_one(events in events(), look in 0..200_000_i64) {
        let (standing, now) = play(&events, |_, _, _, _| {});
        if let Some(claimed) = claim(&standing, at(now + look)) {
            prop_assert_eq!(claim(&claimed, at(now + look)), None);
            prop_assert_eq!(give_back(claimed, at(now + look + 1)), claimed);
            prop_assert!(claim(&give_back(claimed, at(now + look)), at(now + look)).is_some());
            // Who asked early does not keep another from asking when the time is over.
            let soon = at(now + look + 59);
            let ends_meanwhile = ready_at(&standing).is_some_and(|end| at(now + look) < end && end <= soon);
            prop_assert!(ends_meanwhile || claim(&claimed, soon).is_none());
        }
    }
}
