//! Limits seen reach the store now and then, not with each answer; and what shows itself to be a plan is sent by nobody.

use std::time::Duration;

use jiff::Timestamp;
use keyreeve_broker::{DirectError, Lease, LeaseError};
use keyreeve_core::limits::{Amount, Limit, Share, State, Told, read};
use keyreeve_core::profile::{Handing, Profile, Source};
use keyreeve_core::select::NoProfile;
use keyreeve_core::snapshot::Environment;
use keyreeve_core::verdict::Verdict;
use keyreeve_os::world;

use crate::desk::{Desk, ask, profile};

const GATEWAY: &str = "https://gateway.example";

fn desk() -> Desk {
    Desk::open(Source::Sealed, GATEWAY, Environment::default())
}

fn limit(which: &str, used: f64, state: Option<State>) -> Limit {
    Limit {
        which: which.parse().unwrap(),
        amount: Share::of_fraction(used).map(Amount::Used),
        state,
        resets_at: None,
        seen_at: world::now(),
    }
}

/// Lets an answer tell a limit.
fn see(lease: &mut Lease, limit: Limit) {
    lease.saw(Told {
        is_plan: false,
        limits: vec![limit],
    });
}

impl Desk {
    /// What the store has of the one limit, in percent.
    fn written(&self) -> Option<u32> {
        self.broker.store().flush().unwrap();
        let found = self.broker.store().limits().unwrap();
        assert!(found.len() <= 1, "{found:?}");
        found.first()?.limit.used().map(Share::percent)
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_is_written_at_once_and_the_last_of_a_second_with_its_end() {
    let desk = desk();
    let (mut lease, _) = desk.lease().await.unwrap();
    for percent in 1..=50 {
        see(
            &mut lease,
            limit("requests", f64::from(percent) / 100.0, None),
        );
        assert_eq!(desk.written(), Some(1));
    }
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(desk.written(), Some(1));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(desk.written(), Some(50), "without a further answer");
    see(&mut lease, limit("requests", 0.6, None));
    assert_eq!(desk.written(), Some(50));
    desk.broker.settled().await;
    assert_eq!(desk.written(), Some(60), "with nothing left to come");
}

#[tokio::test(start_paused = true)]
async fn a_window_that_turns_is_written_at_once() {
    let desk = desk();
    let (mut lease, _) = desk.lease().await.unwrap();
    for (used, state, expected) in [
        (0.5, State::Allowed, 50),
        (0.6, State::Allowed, 50),
        (0.9, State::AllowedWarning, 90),
        (0.95, State::AllowedWarning, 90),
        (1.0, State::Rejected, 100),
    ] {
        see(&mut lease, limit("plan five_hour", used, Some(state)));
        assert_eq!(desk.written(), Some(expected), "{used}");
    }
}

fn of_a_plan() -> Told {
    let headers = [("anthropic-ratelimit-unified-status", "allowed")];
    read(headers, Timestamp::UNIX_EPOCH)
}

#[tokio::test]
async fn what_showed_itself_to_be_a_plan_is_neither_leased_nor_handed_out() {
    let direct = Profile {
        handing: Handing::Direct,
        ..profile(Source::Sealed, GATEWAY)
    };
    let desk = Desk::with(&direct, Environment::default());
    assert!(desk.broker.direct(&direct).await.is_ok());
    let (mut lease, _) = desk.lease().await.unwrap();
    lease.saw(of_a_plan());
    lease.heard(Verdict::ok(), Some(200), None).await;

    let refused = desk.lease().await.err().unwrap();
    assert!(
        matches!(refused, LeaseError::NoProfile(NoProfile::Closed { .. })),
        "{refused:?}"
    );
    let own = desk.broker.lease_own(&direct, ask()).await.err().unwrap();
    assert!(matches!(own, LeaseError::ShownPlan { .. }), "{own:?}");
    let handed = desk.broker.direct(&direct).await.err().unwrap();
    assert!(
        matches!(handed, DirectError::ShownPlan { .. }),
        "{handed:?}"
    );
    // The answer in which it showed ends well, and that takes nothing back.
    drop(lease);
    assert!(desk.lease().await.is_err());
}
