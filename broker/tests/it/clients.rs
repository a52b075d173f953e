//! Who presents a key: known, neither revoked nor expired, by whatever process that was changed.

use jiff::SignedDuration;
use keyreeve_broker::{Broker, NotAllowed};
use keyreeve_core::virtual_key::{Kind, Presented, Refused, mint};
use keyreeve_os::world;

use crate::bench::{Bench, Setup};

fn refusal(broker: &Broker, presented: &Presented) -> String {
    match broker.client(presented) {
        Ok(client) => client.key.name.to_string(),
        Err(NotAllowed::Unknown) => "unknown".to_owned(),
        Err(NotAllowed::Refused(refused)) => format!("{refused:?}"),
        Err(NotAllowed::Store(error)) => error.to_string(),
    }
}

#[test]
fn an_unknown_key_and_a_wrong_secret_are_told_alike() {
    let bench = Setup::default().build();
    let ours = bench.presented();
    assert_eq!(refusal(&bench.broker, &ours), "laptop");
    let other = mint(Kind::User, world::random().unwrap());
    let unknown = Presented {
        public_id: other.public_id,
        ..ours
    };
    let wrong = Presented {
        hash: other.hash,
        ..ours
    };
    assert_eq!(refusal(&bench.broker, &unknown), "unknown");
    assert_eq!(refusal(&bench.broker, &wrong), "unknown");
}

#[track_caller]
fn check_expiry(seconds: i64, expected: &str) {
    let expires_at = Some(world::now() + SignedDuration::from_secs(seconds));
    let bench = Setup {
        expires_at,
        ..Setup::default()
    }
    .build();
    assert_eq!(refusal(&bench.broker, &bench.presented()), expected);
}

#[test]
fn a_key_ends_when_it_expires() {
    check_expiry(60, "laptop");
    check_expiry(0, "Expired");
    check_expiry(-60, "Expired");
}

#[test]
fn what_another_process_changes_holds_at_once() {
    let bench = Setup::default().build();
    let (another, ours) = (bench.another_store(), bench.presented());
    assert_eq!(refusal(&bench.broker, &ours), "laptop");
    let new = mint(Kind::User, world::random().unwrap());
    let later = world::now() + SignedDuration::from_secs(60);
    another
        .rotate_key(bench.key.id, (new.public_id, new.hash), later)
        .unwrap();
    let rotated = Presented {
        public_id: new.public_id,
        hash: new.hash,
        ..ours
    };
    assert_eq!(refusal(&bench.broker, &rotated), "laptop");
    assert_eq!(refusal(&bench.broker, &ours), "laptop", "until it ends");
    another.revoke_key(bench.key.id, world::now()).unwrap();
    for presented in [&ours, &rotated] {
        assert_eq!(
            refusal(&bench.broker, presented),
            format!("{:?}", Refused::Revoked)
        );
    }
}

#[test]
fn a_client_never_shows_its_key() {
    let bench: Bench = Setup::default().build();
    let shown = format!("{:?}", bench.client());
    let key = keyreeve_testkit::canary::Canary::made(
        "virtual-key",
        bench
            .minted
            .key
            .expose_for(keyreeve_core::secret::Sink::Shown),
    );
    let hits = keyreeve_testkit::leakscan::LeakScan::of([&key]).bytes("a client", shown.as_bytes());
    keyreeve_testkit::leakscan::assert_none(&hits);
}
