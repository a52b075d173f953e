//! A lease is never given without an intent, nor for a key that was revoked before it.

use keyreeve_broker::{LeaseError, NotAllowed};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::Source;
use keyreeve_core::snapshot::Environment;

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
