//! What half rests is leased to one request, and to another as soon as that one has found nothing out.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use keyreeve_broker::{Brought, Lease, LeaseError, Next, Report, Trail};
use keyreeve_core::profile::{Profile, ProfileId, Source};
use keyreeve_core::select::NoProfile;
use keyreeve_core::snapshot::Environment;
use keyreeve_core::standing::{Rest, Schedule, Scope, Standing, TimeSource};
use keyreeve_core::verdict::{ErrorAnswer, Verdict};
use keyreeve_os::world;
use keyreeve_store::Ending;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::desk::{Desk, ask, profile};

const GATEWAY: &str = "https://gateway.example";

fn of_shell(script: &str) -> Source {
    let argv = ["/bin/sh", "-c", script].map(ToOwned::to_owned).to_vec();
    Source::Command { argv }
}

/// The profiles of a key, by their sources.
fn desk(sources: &[Source]) -> Desk {
    let named = |(number, source): (usize, &Source)| Profile {
        id: id(number),
        name: format!("work-{number}").parse().unwrap(),
        ..profile(source.clone(), GATEWAY)
    };
    let profiles: Vec<_> = sources.iter().enumerate().map(named).collect();
    Desk::of_several(&profiles, Environment::default())
}

fn id(number: usize) -> ProfileId {
    ProfileId(Uuid::from_u128(100 + number as u128))
}

/// Lets a profile rest until a moment ago, by a guess: one request may find out.
fn half_rest(desk: &Desk, number: usize) {
    let now = world::now();
    let rest = Standing::Resting(Rest {
        schedule: Schedule::Billing,
        why: None,
        since: now - SignedDuration::from_secs(60),
        until: now - SignedDuration::from_secs(1),
        time: TimeSource::Schedule,
        failures: 1,
        probed: None,
    });
    let store = desk.another_store();
    let scope = Scope::Credential(id(number));
    store.update_standing(&scope, move |_| rest).unwrap();
}

/// Whether nobody has a profile's probe, once all that was queued is written.
fn is_free(desk: &Desk, number: usize) -> bool {
    let scope = Scope::Credential(id(number));
    let after = desk.broker.store().update_standing(&scope, |same| same);
    matches!(after.unwrap().after, Standing::Resting(rest) if rest.probed.is_none())
}

fn rests(refused: &LeaseError) -> bool {
    matches!(refused, LeaseError::NoProfile(NoProfile::Resting { .. }))
}

#[tokio::test]
async fn what_half_rests_is_leased_to_one_and_again_when_that_one_gave_up() {
    let desk = desk(&[Source::Sealed]);
    half_rest(&desk, 0);
    let (one, other) = tokio::join!(desk.lease(), desk.lease());
    let (had, refused) = if one.is_ok() {
        (one, other)
    } else {
        (other, one)
    };
    let had = had.unwrap();
    assert!(rests(&refused.err().unwrap()));
    assert!(!is_free(&desk, 0));
    drop(had);
    assert!(is_free(&desk, 0));
    assert!(desk.lease().await.is_ok());
}

#[tokio::test]
async fn a_probe_is_free_again_whatever_becomes_of_its_request() {
    // The client goes away while the claim is written.
    let quick = desk(&[Source::Sealed]);
    half_rest(&quick, 0);
    tokio::select! {
        biased;
        _ = quick.lease() => unreachable!("a claim is waited for"),
        () = std::future::ready(()) => {}
    }
    assert!(is_free(&quick, 0), "gone away at once");

    // The client goes away while the secret is fetched.
    let slow = desk(&[of_shell("sleep 5; echo token-of-nobody")]);
    half_rest(&slow, 0);
    let gone = timeout(Duration::from_millis(300), slow.lease()).await;
    assert!(gone.is_err());
    assert!(is_free(&slow, 0), "gone away");

    // The key is revoked meanwhile.
    let slow = desk(&[of_shell("sleep 0.3; echo token-of-nobody")]);
    half_rest(&slow, 0);
    let leasing = slow.lease();
    tokio::pin!(leasing);
    let early = timeout(Duration::from_millis(100), &mut leasing).await;
    assert!(early.is_err());
    slow.revoke();
    let refused = leasing.await.err().unwrap();
    assert!(matches!(refused, LeaseError::NotAllowed(_)), "{refused:?}");
    assert!(is_free(&slow, 0), "revoked");

    // The request never comes before the API.
    let quick = desk(&[Source::Sealed]);
    half_rest(&quick, 0);
    let (lease, _) = quick.lease().await.unwrap();
    lease.report_unheard(Report::unanswered(Ending::Failed));
    assert!(is_free(&quick, 0), "unheard");

    // There is no secret.
    let empty = desk(&[of_shell("exit 1")]);
    half_rest(&empty, 0);
    assert!(empty.lease().await.is_err());
    assert!(is_free(&empty, 0), "no secret");
}

#[tokio::test]
async fn who_loses_every_probe_is_told_that_all_rest() {
    const PROFILES: usize = 8;
    let desk = Arc::new(desk(&[const { Source::Sealed }; PROFILES]));
    for number in 0..PROFILES {
        half_rest(&desk, number);
    }
    let mut clients = JoinSet::new();
    for _ in 0..2 * PROFILES {
        let desk = Arc::clone(&desk);
        clients.spawn(async move { desk.lease().await });
    }
    let leased = clients.join_all().await;
    let (had, refused): (Vec<_>, Vec<_>) = leased.into_iter().partition(Result::is_ok);
    assert_eq!(had.len(), PROFILES);
    for refused in refused {
        let refused = refused.err().unwrap();
        assert!(rests(&refused), "{refused:?}");
    }
}

/// What an account without credit answers.
fn out_of_credit() -> Verdict {
    let body = br#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#;
    let answer = ErrorAnswer {
        status: 400,
        headers: &[],
        body,
    };
    Verdict::of_error(&answer, world::now())
}

async fn next(desk: &Desk, trail: &mut Trail) -> Result<Lease, LeaseError> {
    let leased = desk.broker.lease(&desk.client, ask(), trail).await;
    leased.map(|(lease, _)| lease)
}

#[tokio::test]
async fn a_secret_that_comes_too_late_for_the_client_is_not_asked_with() {
    let desk = desk(&[Source::Sealed, of_shell("sleep 0.5; echo token-of-nobody")]);
    for (time_out, attempts) in [(100, 1), (60_000, 2)] {
        let ends = Instant::now() + Duration::from_millis(time_out);
        let mut trail = Trail::new(ends, Duration::ZERO);
        let first = next(&desk, &mut trail).await.unwrap();
        let went_on = trail.after(&first, out_of_credit(), Brought::Error(400));
        assert_eq!(went_on, Next::MayGoOn);
        drop(first);
        let second = next(&desk, &mut trail).await;
        assert_eq!(1 + usize::from(second.is_ok()), attempts, "{time_out} ms");
    }
    assert_eq!(desk.attempts().len(), 3);
}
