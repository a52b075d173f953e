//! Reported limits reach the store in batches, and a detected plan login is never used.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use keyreeve_broker::{LeaseError, RawKeyError};
use keyreeve_core::limits::Fraction;
use keyreeve_core::profile::{Profile, SecretExposure, Source};
use keyreeve_core::select::NoProfileError;
use keyreeve_core::verdict::Verdict;
use keyreeve_os::environment::Environment;

use crate::harness::{GATEWAY, Harness, lease_request, profile};

fn headers(lines: &[(&'static str, String)]) -> HeaderMap {
    let line = |(name, value): &(&'static str, String)| {
        let value = HeaderValue::from_str(value).unwrap();
        (HeaderName::from_static(name), value)
    };
    lines.iter().map(line).collect()
}

/// Returns the headers of a response after which this part of the requests is used, in percent.
fn requests_used(percent: u32) -> HeaderMap {
    headers(&[
        ("anthropic-ratelimit-requests-limit", "100".to_owned()),
        (
            "anthropic-ratelimit-requests-remaining",
            (100 - percent).to_string(),
        ),
    ])
}

/// Returns the headers of a response that reports the use of a plan's window.
fn window(used: &str, state: &str) -> HeaderMap {
    headers(&[
        (
            "anthropic-ratelimit-unified-5h-utilization",
            used.to_owned(),
        ),
        ("anthropic-ratelimit-unified-5h-status", state.to_owned()),
    ])
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
        lease.observe_limits(&requests_used(percent));
        assert_eq!(harness.written(), Some(1));
    }
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(harness.written(), Some(1));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(harness.written(), Some(50), "without another response");
    lease.observe_limits(&requests_used(60));
    assert_eq!(harness.written(), Some(50));
    harness.broker.finish_pending().await;
    assert_eq!(harness.written(), Some(60), "after the final flush");
}

#[tokio::test(start_paused = true)]
async fn changed_window_state_is_written_at_once() {
    let harness = Harness::sealed();
    let (mut lease, _) = harness.lease().await.unwrap();
    for (used, state, expected) in [
        ("0.5", "allowed", 50),
        ("0.6", "allowed", 50),
        ("0.9", "allowed_warning", 90),
        ("0.95", "allowed_warning", 90),
        ("1.0", "rejected", 100),
    ] {
        lease.observe_limits(&window(used, state));
        assert_eq!(harness.written(), Some(expected), "{used}");
    }
}

fn plan_headers() -> HeaderMap {
    headers(&[("anthropic-ratelimit-unified-status", "allowed".to_owned())])
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
    lease.observe_limits(&plan_headers());
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
        .lease_for_owner(&exposed_profile, &lease_request())
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
