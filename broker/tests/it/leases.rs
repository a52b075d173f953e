//! A lease is never given without an intent, nor for a key that was revoked before it.

use jiff::SignedDuration;
use keyreeve_broker::{LeaseError, NotAllowed};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{ProfileId, Source};
use keyreeve_core::select::NoProfile;
use keyreeve_core::snapshot::Environment;
use keyreeve_core::standing::{Rest, Schedule, Scope, Standing, TimeSource};
use keyreeve_os::world;
use uuid::Uuid;

use crate::desk::Desk;

const GATEWAY: &str = "https://gateway.example";

fn desk() -> Desk {
    Desk::open(Source::Sealed, GATEWAY, Environment::default())
}

#[tokio::test]
async fn the_intent_is_in_the_ledger_before_the_lease_is_given() {
    let desk = desk();
    let (lease, _) = desk.lease().await.unwrap();
    let rows = desk.another_store().attempts(10).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].intent.attempt, lease.attempt);
    assert_eq!(rows[0].ended, None);
    assert_ne!(rows[0].intent.reserved.get(), 0);
}

#[tokio::test]
async fn a_credential_opens_for_its_own_origin_only() {
    let (_, credential) = desk().lease().await.unwrap();
    let opens = |url| {
        let url = BaseUrl::parse(url, PlainHttp::LoopbackOnly).unwrap();
        credential.expose_for(url.origin()).is_ok()
    };
    assert!(opens(GATEWAY));
    for other in [
        "https://gateway.example:444",
        "https://gateway.example.evil.test",
        "https://api.anthropic.com",
        "http://127.0.0.1:443",
    ] {
        assert!(!opens(other), "{other}");
    }
}

#[tokio::test]
async fn co_03_a_key_revoked_since_it_was_looked_at_leases_nothing() {
    let desk = desk();
    desk.revoke();
    let error = desk.lease().await.err().unwrap();
    assert!(
        matches!(error, LeaseError::NotAllowed(NotAllowed::Refused(_))),
        "{error:?}"
    );
    assert_eq!(desk.attempts(), []);
}

#[tokio::test]
async fn what_half_rests_is_leased_to_one_and_again_when_that_one_gave_up() {
    let desk = desk();
    let (profile, now) = (ProfileId(Uuid::from_u128(1)), world::now());
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
    let scope = Scope::Credential(profile);
    store.update_standing(&scope, move |_| rest).unwrap();

    let (one, other) = tokio::join!(desk.lease(), desk.lease());
    let (had, refused) = if one.is_ok() {
        (one, other)
    } else {
        (other, one)
    };
    let had = had.unwrap();
    let refused = refused.err().unwrap();
    assert!(
        matches!(refused, LeaseError::NoProfile(NoProfile::Resting { .. })),
        "{refused:?}"
    );
    drop(had);
    // What was queued on dropping is committed.
    let after = desk.broker.store().update_standing(&scope, |same| same);
    assert!(matches!(after.unwrap().after, Standing::Resting(rest) if rest.probed.is_none()));
    assert!(desk.lease().await.is_ok());
}
