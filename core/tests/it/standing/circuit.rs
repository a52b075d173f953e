//! The short circuit of an upstream.

use keyreeve_core::standing::{Because, Circuit, Early, Outcome, Readiness};
use keyreeve_core::verdict::Verdict;

use super::{at, limited, overloaded, refused, upstream_failed, verdict};

fn failed(at_seconds: &[i64]) -> Circuit {
    at_seconds
        .iter()
        .fold(Circuit::default(), |circuit, second| {
            circuit.failed(at(*second), at(*second))
        })
}

#[test]
fn five_failures_within_ten_seconds_open_it() {
    assert_eq!(failed(&[0, 1, 2, 3]).readiness(at(3)), Readiness::Ready);
    assert_eq!(
        failed(&[0, 4, 8, 12, 16]).readiness(at(16)),
        Readiness::Ready
    );
    let open = failed(&[0, 1, 2, 3, 4]);
    let expected = Readiness::Resting {
        at: at(9),
        early: Early::MayProbe,
        because: Because::Upstream,
    };
    assert_eq!(open.readiness(at(5)), expected);
    assert_eq!(open.readiness(at(9)), Readiness::Probe);
}

#[test]
fn one_request_finds_out_and_a_failure_in_between_extends_nothing() {
    let open = failed(&[0, 0, 0, 0, 0]);
    assert_eq!(open.failed(at(1), at(4)), open);
    let claimed = open.claim(at(5)).unwrap();
    assert_eq!(claimed.claim(at(6)), None);
    assert!(
        matches!(claimed.readiness(at(6)), Readiness::Resting { at: until, .. } if until == at(10))
    );
    // The one that has the probe may never say how it went.
    assert_eq!(claimed.readiness(at(10)), Readiness::Probe);
    let again = claimed.failed(at(5), at(7));
    assert!(
        matches!(again.readiness(at(8)), Readiness::Resting { at: until, .. } if until == at(12))
    );
}

#[test]
fn who_asked_early_keeps_nobody_from_asking_at_the_end() {
    let claimed = failed(&[0, 0, 0, 0, 0]).claim(at(4)).unwrap();
    assert_eq!(claimed.claim(at(4)), None);
    assert_eq!(claimed.readiness(at(5)), Readiness::Probe);
}

#[test]
fn a_probe_is_given_back_by_whoever_has_it() {
    let claimed = failed(&[0, 0, 0, 0, 0]).claim(at(6)).unwrap();
    assert_eq!(claimed.give_back(at(7)), claimed);
    assert_eq!(claimed.give_back(at(6)).readiness(at(7)), Readiness::Probe);
}

#[test]
fn only_an_upstreams_own_failures_count() {
    let foreign = verdict(502, "", "", &[]);
    for (verdict, status, expected) in [
        (Verdict::ok(), Some(200), Outcome::Lives),
        (limited(), Some(429), Outcome::Lives),
        (refused(), Some(401), Outcome::Lives),
        (upstream_failed(), Some(500), Outcome::Fails),
        (foreign, Some(502), Outcome::Fails),
        (Verdict::no_answer(), None, Outcome::Fails),
        (overloaded(), Some(529), Outcome::Overloaded),
        (
            Verdict::of_stream_end(false, None, None),
            Some(200),
            Outcome::Silent,
        ),
    ] {
        assert_eq!(Outcome::of(verdict, status), expected, "{verdict:?}");
    }
}
