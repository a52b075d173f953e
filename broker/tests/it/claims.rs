//! Probe slots: a half-open profile is leased to one request, and to another once the slot is released.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use keyreeve_broker::{AttemptResult, Lease, LeaseError, Report, RetryDecision, RetryState};
use keyreeve_core::health::{BackoffSchedule, Cooldown, Health, HealthScope, TimeSource};
use keyreeve_core::profile::{Profile, ProfileId, Source};
use keyreeve_core::select::NoProfileError;
use keyreeve_core::verdict::{ErrorResponse, Verdict};
use keyreeve_os::environment::Environment;
use keyreeve_os::system;
use keyreeve_store::Ending;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::harness::{GATEWAY, Harness, lease_request, profile, shell};

/// Creates a harness with one profile per source.
fn harness(sources: &[Source]) -> Harness {
    let named = |(number, source): (usize, &Source)| Profile {
        id: id(number),
        name: format!("work-{number}").parse().unwrap(),
        ..profile(source.clone(), GATEWAY)
    };
    let profiles: Vec<_> = sources.iter().enumerate().map(named).collect();
    Harness::with_profiles(&profiles, Environment::default())
}

fn id(number: usize) -> ProfileId {
    ProfileId(Uuid::from_u128(100 + number as u128))
}

/// Makes a profile half-open: its scheduled cooldown has just ended, and one request may probe it.
fn make_half_open(harness: &Harness, number: usize) {
    let now = system::now();
    let cooldown = Health::Cooldown(Cooldown {
        schedule: BackoffSchedule::Billing,
        reason: None,
        since: now - SignedDuration::from_secs(60),
        until: now - SignedDuration::from_secs(1),
        time_source: TimeSource::Schedule,
        failures: 1,
        probed_at: None,
    });
    let store = harness.reopen_store();
    let scope = HealthScope::Credential(id(number));
    store.update_health(&scope, move |_| cooldown).unwrap();
}

/// Returns `true` if no request holds a profile's probe slot, after all queued changes are written.
fn is_free(harness: &Harness, number: usize) -> bool {
    let scope = HealthScope::Credential(id(number));
    harness.broker.store().flush().unwrap();
    let after = harness.broker.store().update_health(&scope, |same| same);
    matches!(after.unwrap().after, Health::Cooldown(cooldown) if cooldown.probed_at.is_none())
}

fn is_cooldown_error(error: &LeaseError) -> bool {
    matches!(
        error,
        LeaseError::NoProfile(NoProfileError::AllCoolingDown { .. })
    )
}

#[tokio::test]
async fn half_open_profile_is_leased_to_one_request_at_a_time() {
    let harness = harness(&[Source::Sealed]);
    make_half_open(&harness, 0);
    let (one, other) = tokio::join!(harness.lease(), harness.lease());
    let (leased_once, refused) = if one.is_ok() {
        (one, other)
    } else {
        (other, one)
    };
    let leased_once = leased_once.unwrap();
    assert!(is_cooldown_error(&refused.err().unwrap()));
    assert!(!is_free(&harness, 0));
    drop(leased_once);
    assert!(is_free(&harness, 0));
    assert!(harness.lease().await.is_ok());
}

#[tokio::test]
async fn probe_slot_is_released_in_every_case() {
    // The client disconnects while the claim is written.
    let quick = harness(&[Source::Sealed]);
    make_half_open(&quick, 0);
    tokio::select! {
        biased;
        _ = quick.lease() => unreachable!("the claim is awaited"),
        () = std::future::ready(()) => {}
    }
    assert!(is_free(&quick, 0), "disconnected at once");

    // The client disconnects while the secret is fetched.
    let slow = harness(&[shell("sleep 5; echo token-of-nobody")]);
    make_half_open(&slow, 0);
    let canceled = timeout(Duration::from_millis(300), slow.lease()).await;
    assert!(canceled.is_err());
    assert!(is_free(&slow, 0), "disconnected");

    // The key is revoked meanwhile.
    let slow = harness(&[shell("sleep 0.3; echo token-of-nobody")]);
    make_half_open(&slow, 0);
    let leasing = slow.lease();
    tokio::pin!(leasing);
    let early = timeout(Duration::from_millis(100), &mut leasing).await;
    assert!(early.is_err());
    slow.revoke_key();
    let refused = leasing.await.err().unwrap();
    assert!(
        matches!(refused, LeaseError::Authenticate(_)),
        "{refused:?}"
    );
    assert!(is_free(&slow, 0), "revoked");

    // The request never reaches the API.
    let quick = harness(&[Source::Sealed]);
    make_half_open(&quick, 0);
    let (lease, _) = quick.lease().await.unwrap();
    lease.report_not_sent(Report::no_response(Ending::Failed));
    assert!(is_free(&quick, 0), "not sent");

    // There is no secret.
    let empty = harness(&[shell("exit 1")]);
    make_half_open(&empty, 0);
    assert!(empty.lease().await.is_err());
    assert!(is_free(&empty, 0), "no secret");
}

#[tokio::test]
async fn losing_every_probe_gives_the_cooldown_error() {
    const PROFILES: usize = 8;
    let harness = Arc::new(harness(&[const { Source::Sealed }; PROFILES]));
    for number in 0..PROFILES {
        make_half_open(&harness, number);
    }
    let mut clients = JoinSet::new();
    for _ in 0..2 * PROFILES {
        let harness = Arc::clone(&harness);
        clients.spawn(async move { harness.lease().await });
    }
    let leased = clients.join_all().await;
    let (leased_once, refused): (Vec<_>, Vec<_>) = leased.into_iter().partition(Result::is_ok);
    assert_eq!(leased_once.len(), PROFILES);
    for refused in refused {
        let refused = refused.err().unwrap();
        assert!(is_cooldown_error(&refused), "{refused:?}");
    }
}

/// The verdict of an account without credit.
fn out_of_credit() -> Verdict {
    let body = br#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#;
    let response = ErrorResponse {
        status: 400,
        headers: &[],
        body,
    };
    Verdict::from_response(&response, system::now())
}

async fn next(harness: &Harness, retry: &mut RetryState) -> Result<Lease, LeaseError> {
    let leased = harness
        .broker
        .lease(&harness.client, &lease_request(), retry)
        .await;
    leased.map(|(lease, _)| lease)
}

#[tokio::test]
async fn secret_obtained_after_the_deadline_is_not_used() {
    let harness = harness(&[Source::Sealed, shell("sleep 0.5; echo token-of-nobody")]);
    for (time_out, attempts) in [(100, 1), (60_000, 2)] {
        let deadline = Instant::now() + Duration::from_millis(time_out);
        let mut retry = RetryState::new(deadline, Duration::ZERO);
        let first = next(&harness, &mut retry).await.unwrap();
        let decision = retry.record(&first, out_of_credit(), AttemptResult::Error(400));
        assert_eq!(decision, RetryDecision::MayRetry);
        drop(first);
        let second = next(&harness, &mut retry).await;
        assert_eq!(1 + usize::from(second.is_ok()), attempts, "{time_out} ms");
    }
    assert_eq!(harness.ledger_entries().len(), 3);
}
