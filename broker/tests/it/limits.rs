//! Reported limits reach the store in batches, and a detected plan login is never used.

use std::time::Duration;

use jiff::Timestamp;
use keyreeve_broker::{Lease, LeaseError, RawKeyError};
use keyreeve_core::limits::{
    Fraction, Limit, LimitState, LimitUsage, ReportedLimits, read_headers,
};
use keyreeve_core::profile::{Profile, SecretExposure, Source};
use keyreeve_core::select::NoProfileError;
use keyreeve_core::verdict::Verdict;
use keyreeve_os::environment::Environment;
use keyreeve_os::system;

use crate::harness::{GATEWAY, Harness, lease_request, profile};

fn limit(kind: &str, used: f64, state: Option<LimitState>) -> Limit {
    Limit {
        kind: kind.parse().unwrap(),
        usage: Fraction::from_ratio(used).map(LimitUsage::Used),
        state,
        resets_at: None,
        observed_at: system::now(),
    }
}

/// Reports a limit in a response.
fn report(lease: &mut Lease, limit: Limit) {
    lease.observe_limits(ReportedLimits {
        is_plan: false,
        limits: vec![limit],
    });
}

impl Harness {
    /// Returns the stored use of the only limit, in percent.
    fn written(&self) -> Option<u32> {
        self.broker.store().flush().unwrap();
        let found = self.broker.store().limits().unwrap();
        assert!(found.len() <= 1, "{found:?}");
        found.first()?.limit.used().map(Fraction::percent)
    }
}

#[tokio::test(start_paused = true)]
async fn limits_are_written_at_once_then_once_a_second() {
    let harness = Harness::sealed();
    let (mut lease, _) = harness.lease().await.unwrap();
    for percent in 1..=50 {
        report(
            &mut lease,
            limit("requests", f64::from(percent) / 100.0, None),
        );
        assert_eq!(harness.written(), Some(1));
    }
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(harness.written(), Some(1));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(harness.written(), Some(50), "without another response");
    report(&mut lease, limit("requests", 0.6, None));
    assert_eq!(harness.written(), Some(50));
    harness.broker.finish_pending().await;
    assert_eq!(harness.written(), Some(60), "after the final flush");
}

#[tokio::test(start_paused = true)]
async fn changed_window_state_is_written_at_once() {
    let harness = Harness::sealed();
    let (mut lease, _) = harness.lease().await.unwrap();
    for (used, state, expected) in [
        (0.5, LimitState::Allowed, 50),
        (0.6, LimitState::Allowed, 50),
        (0.9, LimitState::AllowedWarning, 90),
        (0.95, LimitState::AllowedWarning, 90),
        (1.0, LimitState::Rejected, 100),
    ] {
        report(&mut lease, limit("plan five_hour", used, Some(state)));
        assert_eq!(harness.written(), Some(expected), "{used}");
    }
}

fn plan_headers() -> ReportedLimits {
    let headers = [("anthropic-ratelimit-unified-status", "allowed")];
    read_headers(headers, Timestamp::UNIX_EPOCH)
}

#[tokio::test]
async fn detected_plan_login_is_neither_leased_nor_exposed() {
    let exposed_profile = Profile {
        secret_exposure: SecretExposure::Programs,
        ..profile(Source::Sealed, GATEWAY)
    };
    let harness = Harness::with_profile(&exposed_profile, Environment::default());
    assert!(harness.broker.raw_key(&exposed_profile).await.is_ok());
    let (mut lease, _) = harness.lease().await.unwrap();
    lease.observe_limits(plan_headers());
    lease.observe_response(Verdict::ok(), Some(200), None).await;

    let refused = harness.lease().await.err().unwrap();
    assert!(
        matches!(
            refused,
            LeaseError::NoProfile(NoProfileError::AllBlocked { .. })
        ),
        "{refused:?}"
    );
    let for_owner = harness
        .broker
        .lease_for_owner(&exposed_profile, lease_request())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(for_owner, LeaseError::PlanDetected { .. }),
        "{for_owner:?}"
    );
    let exposed = harness
        .broker
        .raw_key(&exposed_profile)
        .await
        .err()
        .unwrap();
    assert!(
        matches!(exposed, RawKeyError::PlanDetected { .. }),
        "{exposed:?}"
    );
    // The response that showed the plan ends successfully, which does not lift the block.
    drop(lease);
    assert!(harness.lease().await.is_err());
}
