//! A lease is never given without an intent, and never forgotten.

use keyreeve_broker::{LeaseError, NotAllowed, Report};
use keyreeve_core::profile::{Provenance, Source};
use keyreeve_core::token::Family;
use keyreeve_os::world;
use keyreeve_store::Ending;
use keyreeve_testkit::canary::Canary;

use crate::bench::{Bench, Setup};

#[tokio::test]
async fn the_intent_is_in_the_ledger_before_the_lease_is_given() {
    let bench = Setup::default().build();
    let (lease, credential) = bench
        .broker
        .lease(&bench.client(), bench.ask())
        .await
        .unwrap();
    let rows = bench.another_store().attempts(10).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].intent.attempt, lease.attempt);
    assert_eq!(rows[0].ended, None);
    assert_ne!(rows[0].intent.reserved.get(), 0);
    let origin = bench.profile.base_url.origin();
    assert_eq!(credential.expose_for(origin).unwrap(), bench.secret.value());
    drop(lease);
}

#[tokio::test]
async fn a_credential_opens_for_its_own_origin_only() {
    let bench = Setup::default().build();
    let (lease, credential) = bench
        .broker
        .lease(&bench.client(), bench.ask())
        .await
        .unwrap();
    for other in [
        "http://127.0.0.1:10",
        "https://127.0.0.1:9",
        "http://127.0.0.2:9",
    ] {
        let plain = keyreeve_core::origin::PlainHttp::LoopbackOnly;
        let other = keyreeve_core::origin::BaseUrl::parse(other, plain).unwrap();
        assert!(credential.expose_for(other.origin()).is_err(), "{other}");
    }
    drop(lease);
}

#[tokio::test]
async fn a_dropped_lease_is_incomplete_at_its_reserved_cost() {
    let bench = Setup::default().build();
    let (lease, _) = bench
        .broker
        .lease(&bench.client(), bench.ask())
        .await
        .unwrap();
    drop(lease);
    check_only_row(&bench, Ending::Incomplete, true);
}

#[tokio::test]
async fn an_unreached_upstream_costs_nothing() {
    let bench = Setup::default().build();
    let (lease, _) = bench
        .broker
        .lease(&bench.client(), bench.ask())
        .await
        .unwrap();
    lease.report(Report::unanswered(Ending::Failed));
    check_only_row(&bench, Ending::Failed, false);
}

#[track_caller]
fn check_only_row(bench: &Bench, ending: Ending, costs: bool) {
    let rows = bench.rows();
    assert_eq!(rows.len(), 1);
    let ended = rows[0].ended.as_ref().unwrap();
    assert_eq!(ended.ending, ending);
    let cost = if costs {
        rows[0].intent.reserved.get()
    } else {
        0
    };
    assert_eq!(ended.cost.get(), cost);
}

/// No lease is given, nothing is written down, and what is said of it has no secret.
async fn check_refused(bench: &Bench, expected: &str) {
    let error = bench
        .broker
        .lease(&bench.client(), bench.ask())
        .await
        .err()
        .unwrap();
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    let said = format!("{error}: {}", cause.unwrap_or_default());
    assert!(said.contains(expected), "{said}");
    assert!(!said.contains(bench.secret.value()), "a secret is in it");
    assert!(
        !format!("{error:?}").contains(bench.secret.value()),
        "a secret is in it"
    );
    assert_eq!(bench.rows(), []);
}

#[tokio::test]
async fn a_plan_login_is_refused_wherever_it_comes_from() {
    let plan = || Setup {
        secret: Canary::oauth("profile"),
        family: Family::OauthAccess,
        ..Setup::default()
    };
    for provenance in [
        Provenance::SetupToken,
        Provenance::Unknown,
        Provenance::Console,
    ] {
        let bench = Setup {
            provenance,
            ..plan()
        }
        .build();
        check_refused(&bench, "plan login").await;
    }
    let source = Source::Environment {
        variable: "WORK".to_owned(),
    };
    let environment = vec![("WORK".to_owned(), plan().secret.value().to_owned())];
    // What a variable holds can be anything, whatever the profile says of it.
    let provenance = Provenance::Federation;
    let bench = Setup {
        source,
        provenance,
        environment,
        ..plan()
    }
    .build();
    check_refused(&bench, "plan login").await;
}

#[tokio::test]
async fn a_variable_is_read_from_what_the_broker_was_started_with() {
    let source = || Source::Environment {
        variable: "PATH".to_owned(),
    };
    let bench = Setup {
        source: source(),
        ..Setup::default()
    }
    .build();
    check_refused(&bench, "PATH is not set").await;
    let environment = vec![("PATH".to_owned(), "two words".to_owned())];
    let bench = Setup {
        source: source(),
        environment,
        ..Setup::default()
    }
    .build();
    check_refused(&bench, "profile work").await;
}

#[tokio::test]
async fn co_03_a_key_revoked_since_it_was_looked_at_leases_nothing() {
    let bench = Setup::default().build();
    let client = bench.client();
    bench
        .another_store()
        .revoke_key(bench.key.id, world::now())
        .unwrap();
    let error = bench
        .broker
        .lease(&client, bench.ask())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, LeaseError::NotAllowed(NotAllowed::Refused(_))),
        "{error:?}"
    );
    assert_eq!(bench.rows(), []);
}
