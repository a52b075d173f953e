//! Leases: never granted without an intent, nor for a revoked key.

use keyreeve_broker::{AuthenticateError, LeaseError};
use keyreeve_core::origin::{BaseUrl, PlainHttp};

use crate::harness::{GATEWAY, Harness};

#[tokio::test]
async fn intent_is_in_the_ledger_before_the_lease_is_granted() {
    let harness = Harness::sealed();
    let (lease, _) = harness.lease().await.unwrap();
    let entries = harness.reopen_store().ledger_entries(10).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].intent.attempt, lease.attempt);
    assert_eq!(entries[0].outcome, None);
    assert_ne!(entries[0].intent.reserved.get(), 0);
}

#[tokio::test]
async fn credential_is_exposed_for_its_own_origin_only() {
    let (_, credential) = Harness::sealed().lease().await.unwrap();
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

/// CO-03: a key revoked after its authentication gets no lease.
#[tokio::test]
async fn key_revoked_after_authentication_gets_no_lease() {
    let harness = Harness::sealed();
    harness.revoke_key();
    let error = harness.lease().await.err().unwrap();
    assert!(
        matches!(
            error,
            LeaseError::Authenticate(AuthenticateError::Refused(_))
        ),
        "{error:?}"
    );
    assert_eq!(harness.ledger_entries(), []);
}
