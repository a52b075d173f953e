//! Rate limits: failover to another profile, but never to another billing class, and waiting for the limit to end.

use std::time::{Duration, Instant};

use keyreeve_core::profile::BillingClass;
use keyreeve_testkit::upstream::responses;
use keyreeve_testkit::wire::Exchange;

use crate::error_envelope::check_error;
use crate::harness::{REQUEST_BODY, eventually};
use crate::profile_pool::{
    FIRST_UPSTREAM, PoolMember, ProfilePool, SECOND_UPSTREAM, UpstreamChoice, responder,
    scripted_response, with_throttle_wait,
};

#[test]
fn rate_limit_fails_over_and_returns_when_it_ends() {
    let pool = ProfilePool::start(
        &[FIRST_UPSTREAM, SECOND_UPSTREAM],
        |profile, number| match (profile, number) {
            (0, 0) => scripted_response("limit 3", 0),
            _ => scripted_response("ok", profile),
        },
    );
    let started = Instant::now();
    assert_eq!((responder(&pool.post()), responder(&pool.post())), (1, 1));
    // Up to a quarter more, as jitter.
    std::thread::sleep(Duration::from_millis(3_800).saturating_sub(started.elapsed()));
    assert_eq!(responder(&pool.post()), 0);
    let attempts = pool.attempts();
    let attempts: Vec<_> = attempts
        .iter()
        .map(|(profile, number, reason, _)| (*profile, *number, *reason))
        .collect();
    assert_eq!(
        attempts,
        [
            (0, 1, "first"),
            (1, 2, "after-refusal"),
            (1, 1, "first"),
            (0, 1, "first")
        ]
    );
}

const METERED: PoolMember = PoolMember {
    upstream: UpstreamChoice::First,
    billing: BillingClass::Metered,
};

#[test]
fn other_billing_class_is_skipped_unless_allowed() {
    let script = |profile, number| match (profile, number) {
        (0, 0) => scripted_response("limit 3", 0),
        _ => scripted_response("ok", profile),
    };
    // The first profile is billed by a gateway's operator, the other is metered.
    let pool = ProfilePool::with(
        with_throttle_wait(Duration::ZERO),
        &[FIRST_UPSTREAM, METERED],
        |_| {},
        script,
    );
    let first = pool.post();
    assert_eq!(
        (first.status(), responder(&first)),
        (429, 0),
        "the upstream's own response"
    );
    let skipped = Some("metered (keyreeve key allow-billing all metered)");
    assert_eq!(first.head.header("x-keyreeve-skipped"), skipped);
    let text = check_error(&pool.post(), 429, "rate_limit_error");
    for part in [
        "minute_limit",
        "billed as metered",
        "keyreeve key allow-billing all metered",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(pool.profiles_used(), [0]);

    let allow = |key: &mut keyreeve_core::virtual_key::VirtualKey| {
        key.allow_billing = vec![BillingClass::Metered];
    };
    let pool = ProfilePool::with(
        with_throttle_wait(Duration::ZERO),
        &[FIRST_UPSTREAM, METERED],
        allow,
        script,
    );
    assert_eq!(responder(&pool.post()), 1);
}

#[test]
fn removing_the_first_profile_keeps_the_billing_class() {
    let pool = ProfilePool::start(&[FIRST_UPSTREAM, METERED], |profile, _| {
        scripted_response("ok", profile)
    });
    let owner = pool.gateway.open_second_store();
    owner.remove_profile(pool.profiles[0].id).unwrap();
    let text = check_error(&pool.post(), 403, "permission_error");
    for part in [
        "billed as metered",
        "keyreeve key allow-billing all metered",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(pool.profiles_used().is_empty());
    owner
        .set_allow_billing(pool.key_id, &[BillingClass::Metered])
        .unwrap();
    assert_eq!(
        (responder(&pool.post()), pool.profiles_used()),
        (1, vec![1])
    );
}

#[test]
fn short_limit_is_waited_out_without_another_profile() {
    let pool = ProfilePool::start(&[FIRST_UPSTREAM, METERED], |profile, number| match number {
        0 => scripted_response("limit 3", profile),
        _ => scripted_response("ok", profile),
    });
    let response = pool.post();
    assert_eq!((response.status(), responder(&response)), (200, 0));
    let attempts = pool.attempts();
    assert_eq!((attempts[1].1, attempts[1].2), (2, "waited"));
}

#[test]
fn wait_ends_at_the_client_timeout_or_the_setting() {
    let script = |profile, number| match number {
        0 => scripted_response("limit 3", profile),
        _ => scripted_response("ok", profile),
    };
    let (all, read) = ("x-stainless-timeout", "x-stainless-read-timeout");
    for (wait, headers) in [
        (2, &[(all, "600")][..]),
        (0, &[(all, "600")]),
        (5, &[(all, "2")]),
        // As the Python SDK sends it, with and without a timeout set for the request.
        (5, &[(all, "2.0"), (read, "2.0")]),
        (5, &[(all, "NOT_GIVEN"), (read, "2.5")]),
    ] {
        let setup = with_throttle_wait(Duration::from_secs(wait));
        let pool = ProfilePool::with(setup, &[FIRST_UPSTREAM], |_| {}, script);
        let response = pool.post_with(headers, REQUEST_BODY);
        assert_eq!(
            (response.status(), responder(&response)),
            (429, 0),
            "{wait} {headers:?}"
        );
        assert_eq!(pool.profiles_used(), [0], "{wait} {headers:?}");
    }
}

#[test]
fn no_retry_after_the_client_timeout() {
    for (timeout, order) in [("1", &[0][..]), ("600", &[0, 1])] {
        let pool = ProfilePool::start(
            &[FIRST_UPSTREAM, FIRST_UPSTREAM],
            |profile, _| match profile {
                0 => responses::paced(scripted_response("credit", 0), Duration::from_millis(1_200)),
                _ => scripted_response("ok", profile),
            },
        );
        let response = pool.post_with(&[("x-stainless-timeout", timeout)], REQUEST_BODY);
        assert_eq!(
            pool.profiles_used(),
            order,
            "{timeout}: {}",
            response.status()
        );
    }
}

#[test]
fn key_revoked_during_a_wait_is_refused() {
    let pool = ProfilePool::start(&[FIRST_UPSTREAM], |profile, _| {
        scripted_response("limit 1", profile)
    });
    let mut exchange = pool.start_post();
    assert!(eventually(|| pool.profiles_used() == [0]));
    let another = pool.gateway.open_second_store();
    another
        .revoke_key(pool.key_id, keyreeve_os::system::now())
        .unwrap();
    let response = pool.gateway.record_response(exchange.response().unwrap());
    check_error(&response, 401, "authentication_error");
    assert_eq!(pool.profiles_used(), [0]);
}

#[test]
fn client_disconnected_during_a_wait_costs_nothing() {
    let pool = ProfilePool::start(&[FIRST_UPSTREAM], |profile, _| {
        scripted_response("limit 1", profile)
    });
    let exchange = pool.start_post();
    assert!(eventually(|| !pool.gateway.all_profiles_ready()));
    assert_eq!(pool.gateway.entries().len(), 1);
    exchange.reset();
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(pool.profiles_used(), [0]);
    let entries = pool.gateway.entries();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].outcome.clone().unwrap().cost.get(), 0);
}

/// LS-01: clients that disconnect during a wait leave no place in the queue.
#[test]
fn disconnected_clients_leave_the_wait_queue() {
    let pool = ProfilePool::start(&[FIRST_UPSTREAM], |profile, number| match number {
        0 => scripted_response("limit 3", profile),
        _ => scripted_response("ok", profile),
    });
    let first = pool.start_post();
    assert!(eventually(|| !pool.gateway.all_profiles_ready()));
    let others: Vec<_> = (0..200).map(|_| pool.start_post()).collect();
    std::thread::sleep(Duration::from_millis(300));
    first.reset();
    others.into_iter().for_each(Exchange::reset);
    // A new request waits for the limit only, not behind them in the queue.
    let response = pool.post();
    assert_eq!((response.status(), responder(&response)), (200, 0));
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(
        pool.profiles_used(),
        [0, 0],
        "nothing is sent for disconnected clients"
    );
    assert_eq!(pool.gateway.entries().len(), 2);
}

#[test]
fn waiting_requests_are_released_one_by_one() {
    const CLIENTS: usize = 20;
    // Limited again when the limit ends, and then for longer than requests wait.
    let pool = ProfilePool::start(&[FIRST_UPSTREAM], |profile, number| match number {
        0 => scripted_response("limit 1", profile),
        _ => scripted_response("limit 40", profile),
    });
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let first = scope.spawn(|| pool.post().status());
        assert!(eventually(|| !pool.gateway.all_profiles_ready()));
        let others: Vec<_> = (1..CLIENTS)
            .map(|_| scope.spawn(|| pool.post().status()))
            .collect();
        let all = std::iter::once(first).chain(others);
        all.map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(statuses, [429; CLIENTS]);
    // The limited request, the first retry, and requests in flight before its result was known: a few, more on a busy
    // machine.
    let sent = pool.profiles_used().len();
    assert!(
        (2..=CLIENTS / 2).contains(&sent),
        "{sent} requests for {CLIENTS} clients"
    );
}
