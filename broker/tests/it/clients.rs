//! Authentication: keys must be known, not revoked and not expired, also after changes by another process.

use jiff::SignedDuration;
use keyreeve_broker::AuthenticateError;
use keyreeve_core::profile::{BillingClass, ProfileId};
use keyreeve_core::virtual_key::{
    KeyId, KeyKind, PresentedKey, Strategy, VirtualKey, generate_key,
};
use keyreeve_os::system;
use uuid::Uuid;

use crate::harness::Harness;

/// Returns the name of the authenticated key, or the error.
fn authenticated(harness: &Harness, presented: &PresentedKey) -> String {
    match harness.broker.authenticate(presented) {
        Ok(client) => client.key.name.to_string(),
        Err(AuthenticateError::Unknown) => "unknown".to_owned(),
        Err(AuthenticateError::Refused(refused)) => format!("{refused:?}"),
        Err(AuthenticateError::Store(error)) => error.to_string(),
    }
}

#[test]
fn unknown_key_and_wrong_secret_are_indistinguishable() {
    let harness = Harness::sealed();
    assert_eq!(authenticated(&harness, &harness.presented), "editor");
    let other = generate_key(KeyKind::User, system::random().unwrap());
    let (mut unknown, mut wrong) = (harness.presented, harness.presented);
    unknown.public_id = other.public_id;
    wrong.hash = other.hash;
    assert_eq!(authenticated(&harness, &unknown), "unknown");
    assert_eq!(authenticated(&harness, &wrong), "unknown");
}

#[test]
fn expired_key_is_refused() {
    let harness = Harness::sealed();
    for (seconds, expected) in [(60, "soon"), (0, "Expired"), (-60, "Expired")] {
        let new_key = generate_key(KeyKind::User, system::random().unwrap());
        let key = VirtualKey {
            id: KeyId(Uuid::from_bytes(system::random().unwrap())),
            name: "soon".parse().unwrap(),
            profiles: vec![ProfileId(Uuid::from_u128(1))],
            strategy: Strategy::default(),
            allow_billing: Vec::new(),
            billing: Some(BillingClass::Metered),
            models: Vec::new(),
            cache_ttl: None,
            expires_at: Some(system::now() + SignedDuration::from_secs(seconds)),
            revoked_at: None,
            created_at: system::now(),
            simulated: false,
        };
        let another = harness.reopen_store();
        another
            .add_key(&key, new_key.public_id, new_key.hash)
            .unwrap();
        let presented = PresentedKey {
            kind: KeyKind::User,
            public_id: new_key.public_id,
            hash: new_key.hash,
        };
        assert_eq!(authenticated(&harness, &presented), expected, "{seconds}");
        another.revoke_key(key.id, system::now()).unwrap();
    }
}

#[test]
fn changes_by_another_process_take_effect_at_once() {
    let (harness, new) = (
        Harness::sealed(),
        generate_key(KeyKind::User, system::random().unwrap()),
    );
    let later = system::now() + SignedDuration::from_secs(60);
    harness
        .reopen_store()
        .rotate_key(harness.key, (new.public_id, new.hash), later)
        .unwrap();
    let mut rotated = harness.presented;
    (rotated.public_id, rotated.hash) = (new.public_id, new.hash);
    for presented in [&rotated, &harness.presented] {
        assert_eq!(authenticated(&harness, presented), "editor");
    }
    harness.revoke_key();
    for presented in [&rotated, &harness.presented] {
        assert_eq!(authenticated(&harness, presented), "Revoked");
    }
}
