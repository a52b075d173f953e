//! The circuit breaker of an upstream.

use keyreeve_core::health::{
    CircuitBreaker, CooldownReason, EarlyProbe, Readiness, UpstreamOutcome,
};
use keyreeve_core::verdict::Verdict;

use super::{at, limited, overloaded, rejected, upstream_failed, verdict};

fn failed(failure_seconds: &[i64]) -> CircuitBreaker {
    failure_seconds
        .iter()
        .fold(CircuitBreaker::default(), |circuit, second| {
            circuit.record_failure(at(*second), at(*second))
        })
}

#[test]
fn five_failures_within_ten_seconds_open_the_circuit() {
    assert_eq!(failed(&[0, 1, 2, 3]).readiness(at(3)), Readiness::Ready);
    assert_eq!(
        failed(&[0, 4, 8, 12, 16]).readiness(at(16)),
        Readiness::Ready
    );
    let open = failed(&[0, 1, 2, 3, 4]);
    let expected = Readiness::Cooldown {
        until: at(9),
        early_probe: EarlyProbe::Allowed,
        reason: CooldownReason::CircuitOpen,
    };
    assert_eq!(open.readiness(at(5)), expected);
    assert_eq!(open.readiness(at(9)), Readiness::Probe);
}

#[test]
fn one_request_probes_and_late_failures_extend_nothing() {
    let open = failed(&[0, 0, 0, 0, 0]);
    assert_eq!(open.record_failure(at(1), at(4)), open);
    let claimed = open.claim_probe(at(5)).unwrap();
    assert_eq!(claimed.claim_probe(at(6)), None);
    assert!(
        matches!(claimed.readiness(at(6)), Readiness::Cooldown { until, .. } if until == at(10))
    );
    // The request with the probe may never report a result.
    assert_eq!(claimed.readiness(at(10)), Readiness::Probe);
    let again = claimed.record_failure(at(5), at(7));
    assert!(matches!(again.readiness(at(8)), Readiness::Cooldown { until, .. } if until == at(12)));
}

#[test]
fn early_probe_does_not_block_the_half_open_probe() {
    let claimed = failed(&[0, 0, 0, 0, 0]).claim_probe(at(4)).unwrap();
    assert_eq!(claimed.claim_probe(at(4)), None);
    assert_eq!(claimed.readiness(at(5)), Readiness::Probe);
}

#[test]
fn probe_is_released_only_by_its_claim_time() {
    let claimed = failed(&[0, 0, 0, 0, 0]).claim_probe(at(6)).unwrap();
    assert_eq!(claimed.release_probe(at(7)), claimed);
    assert_eq!(
        claimed.release_probe(at(6)).readiness(at(7)),
        Readiness::Probe
    );
}

#[test]
fn only_failures_of_the_upstream_itself_count() {
    let foreign = verdict(502, "", "", &[]);
    for (verdict, status, expected) in [
        (Verdict::ok(), Some(200), UpstreamOutcome::Responds),
        (limited(), Some(429), UpstreamOutcome::Responds),
        (rejected(), Some(401), UpstreamOutcome::Responds),
        (upstream_failed(), Some(500), UpstreamOutcome::Failing),
        (foreign, Some(502), UpstreamOutcome::Failing),
        (Verdict::no_response(), None, UpstreamOutcome::Failing),
        (overloaded(), Some(529), UpstreamOutcome::Overloaded),
        (
            Verdict::from_stream_end(false, None, None),
            Some(200),
            UpstreamOutcome::Inconclusive,
        ),
    ] {
        assert_eq!(
            UpstreamOutcome::from_verdict(verdict, status),
            expected,
            "{verdict:?}"
        );
    }
}
