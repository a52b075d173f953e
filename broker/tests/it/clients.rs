//! Who presents a key: known, neither revoked nor expired, by whatever process that was changed.

use jiff::SignedDuration;
use keyreeve_broker::NotAllowed;
use keyreeve_core::profile::{BillingClass, ProfileId, Source};
use keyreeve_core::snapshot::Environment;
use keyreeve_core::virtual_key::{KeyId, Kind, Presented, Strategy, VirtualKey, mint};
use keyreeve_os::world;
use uuid::Uuid;

use crate::desk::Desk;

fn desk() -> Desk {
    Desk::open(
        Source::Sealed,
        "https://gateway.example",
        Environment::default(),
    )
}

/// The name of the key that was found, or why none was.
fn found(desk: &Desk, presented: &Presented) -> String {
    match desk.broker.client(presented) {
        Ok(client) => client.key.name.to_string(),
        Err(NotAllowed::Unknown) => "unknown".to_owned(),
        Err(NotAllowed::Refused(refused)) => format!("{refused:?}"),
        Err(NotAllowed::Store(error)) => error.to_string(),
    }
}

#[test]
fn an_unknown_key_and_a_wrong_secret_are_told_alike() {
    let desk = desk();
    assert_eq!(found(&desk, &desk.presented), "editor");
    let other = mint(Kind::User, world::random().unwrap());
    let (mut unknown, mut wrong) = (desk.presented, desk.presented);
    unknown.public_id = other.public_id;
    wrong.hash = other.hash;
    assert_eq!(found(&desk, &unknown), "unknown");
    assert_eq!(found(&desk, &wrong), "unknown");
}

#[test]
fn a_key_ends_when_it_expires() {
    let desk = desk();
    for (seconds, expected) in [(60, "soon"), (0, "Expired"), (-60, "Expired")] {
        let minted = mint(Kind::User, world::random().unwrap());
        let key = VirtualKey {
            id: KeyId(Uuid::from_bytes(world::random().unwrap())),
            name: "soon".parse().unwrap(),
            profiles: vec![ProfileId(Uuid::from_u128(1))],
            strategy: Strategy::default(),
            may_spend: Vec::new(),
            billing: Some(BillingClass::Metered),
            models: Vec::new(),
            cache_ttl: None,
            expires_at: Some(world::now() + SignedDuration::from_secs(seconds)),
            revoked_at: None,
            created_at: world::now(),
            simulated: false,
        };
        let another = desk.another_store();
        another
            .add_key(&key, minted.public_id, minted.hash)
            .unwrap();
        let presented = Presented {
            kind: Kind::User,
            public_id: minted.public_id,
            hash: minted.hash,
        };
        assert_eq!(found(&desk, &presented), expected, "{seconds}");
        another.revoke_key(key.id, world::now()).unwrap();
    }
}

#[test]
fn what_another_process_changes_holds_at_once() {
    let (desk, new) = (desk(), mint(Kind::User, world::random().unwrap()));
    let later = world::now() + SignedDuration::from_secs(60);
    desk.another_store()
        .rotate_key(desk.key, (new.public_id, new.hash), later)
        .unwrap();
    let mut rotated = desk.presented;
    (rotated.public_id, rotated.hash) = (new.public_id, new.hash);
    for presented in [&rotated, &desk.presented] {
        assert_eq!(found(&desk, presented), "editor");
    }
    desk.revoke();
    for presented in [&rotated, &desk.presented] {
        assert_eq!(found(&desk, presented), "Revoked");
    }
}
