//! NF-07: a thousand requests of a hundred clients to an upstream that refuses them all, and a profile that dies during
//! a hundred streams. Nothing hangs, attempts are bounded, each is recorded, and no profile gets a cooldown without
//! cause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyreeve_core::health::{Health, HealthScope};
use keyreeve_store::Ending;
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::{Step, responses};
use keyreeve_testkit::wire::{ResponseEnd, WireResponse};

use crate::error_envelope::retry_after;
use crate::harness::{JSON, REQUEST_BODY, STREAM_REQUEST_BODY, eventually};
use crate::ledger_check::check_ledger;
use crate::profile_pool::{FIRST_UPSTREAM, ProfilePool, scripted_response, with_throttle_wait};

const CLIENTS: usize = 100;
const REQUESTS_PER_CLIENT: usize = 10;

/// Runs all clients at once, one request after the other, and returns all responses.
fn run_clients(pool: &ProfilePool) -> Vec<WireResponse> {
    std::thread::scope(|scope| {
        let client = || {
            let send = |_| pool.post();
            (0..REQUESTS_PER_CLIENT).map(send).collect::<Vec<_>>()
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let responses = clients.into_iter().map(|client| client.join().unwrap());
        responses.flatten().collect()
    })
}

/// Returns `true` if a response is the upstream's own.
fn is_from_upstream(response: &WireResponse) -> bool {
    response.head.header("x-keyreeve-request-id").is_some()
}

/// Three profiles of one upstream, which always sends this response.
fn refusing_pool(steps: &[Step]) -> ProfilePool {
    let steps = steps.to_vec();
    ProfilePool::with(
        with_throttle_wait(Duration::ZERO),
        &[FIRST_UPSTREAM; 3],
        |_| {},
        move |_, _| steps.clone(),
    )
}

/// NF-07: under load, clients get the upstream's rate limit or the gateway's own, each with its retry time.
#[test]
fn rate_limited_upstream_under_load() {
    let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit of 50 requests per minute"}}"#;
    let headers = [
        JSON,
        ("retry-after", "40"),
        ("x-should-retry", "true"),
        ("anthropic-ratelimit-requests-remaining", "0"),
    ];
    let pool = refusing_pool(&responses::with_headers(429, &headers, body.as_bytes()));
    let responses = run_clients(&pool);
    assert_eq!(responses.len(), CLIENTS * REQUESTS_PER_CLIENT);
    for response in &responses {
        assert_eq!(
            (response.status(), response.end),
            (429, ResponseEnd::Complete)
        );
        if is_from_upstream(response) {
            assert_eq!(response.text(), body);
            for (name, value) in headers {
                assert_eq!(response.head.header(name), Some(value), "{name}");
            }
        } else {
            assert!(
                (30..=42).contains(&retry_after(response)),
                "{}",
                retry_after(response)
            );
            assert_eq!(response.head.header("x-should-retry"), None);
        }
    }
    let entries = pool.gateway.entries();
    check_ledger(&entries, &pool.received());
    // Only requests in flight reached a profile before its cooldown.
    assert!(entries.len() <= 3 * CLIENTS, "{} attempts", entries.len());
    assert!(responses.iter().any(is_from_upstream) && !responses.iter().all(is_from_upstream));
    let health = pool.gateway.store.lease_snapshot().unwrap().health;
    let in_cooldown = |health: &Health| matches!(health, Health::Cooldown(_));
    let all: Vec<_> = health.iter().collect();
    assert!(
        all.len() == 3 && all.iter().all(|(_, health)| in_cooldown(health)),
        "{all:?}"
    );
}

/// NF-07: overloads and server errors put no profile into a cooldown.
#[test]
fn overload_and_failures_cause_no_cooldown() {
    for (name, status, kind) in [
        ("busy", 529, "overloaded_error"),
        ("failing", 500, "api_error"),
        ("away", 503, "api_error"),
    ] {
        let body = format!("{{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\"}}}}");
        let pool = refusing_pool(&responses::json(status, &body));
        let responses = run_clients(&pool);
        for response in &responses {
            let whole = response.end == ResponseEnd::Complete;
            assert!(
                whole && response.status() >= 500,
                "{name}: {}",
                response.text()
            );
            if is_from_upstream(response) {
                assert_eq!(response.status(), status, "{name}");
                assert_eq!(response.json()["error"]["type"], kind);
            } else {
                assert_eq!(response.status(), 529, "{name}");
                assert!((1..=5).contains(&retry_after(response)), "{name}");
            }
        }
        check_ledger(&pool.gateway.entries(), &pool.received());
        assert!(
            pool.gateway.all_profiles_ready(),
            "{name}: a profile has a cooldown"
        );
        // The circuit breaker kept nearly all requests from the overloaded upstream.
        let reached = pool.received().len();
        assert!((5..=3 * CLIENTS).contains(&reached), "{name}: {reached}");
        assert!(!responses.iter().all(is_from_upstream), "{name}");
    }
}

/// The number of streams in flight when the profile dies.
const STREAMS: usize = 100;

/// A stream in flight when its credential dies: half of them complete, the others are cut.
fn interrupted_stream(number: usize) -> Vec<Step> {
    let stream = fixtures::bytes("success-stream.sse");
    let (first, rest) = stream.split_at(stream.len() / 2);
    let mut steps = vec![
        Step::Send(responses::stream_head()),
        Step::Send(responses::chunk(first)),
        Step::Pause(Duration::from_millis(1_500)),
    ];
    if number.is_multiple_of(2) {
        steps.push(Step::Send(responses::chunk(rest)));
        steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
    } else {
        steps.push(Step::Reset);
    }
    steps
}

/// NF-07: running streams of a profile that dies are not affected.
#[test]
fn profile_dies_during_a_hundred_streams() {
    let dead = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&dead);
    let pool = ProfilePool::start(
        &[FIRST_UPSTREAM, FIRST_UPSTREAM],
        move |profile, number| match (profile, seen.load(Ordering::SeqCst)) {
            (0, false) => interrupted_stream(number),
            (0, true) => scripted_response("invalid key", 0),
            _ => scripted_response("ok", profile),
        },
    );
    let gateway = &pool.gateway;
    let headers = [JSON, ("x-api-key", pool.key.as_str())];
    std::thread::scope(|scope| {
        let stream = || {
            let mut exchange = gateway.connect();
            exchange.write(&gateway.request("POST /v1/messages", &headers, STREAM_REQUEST_BODY));
            gateway.record_response(exchange.response().unwrap())
        };
        let streams: Vec<_> = (0..STREAMS).map(|_| scope.spawn(stream)).collect();
        assert!(eventually(|| pool.profiles_used().len() == STREAMS));
        dead.store(true, Ordering::SeqCst);
        // From here on every new request is served by the other profile.
        for _ in 0..20 {
            assert_eq!(pool.post().status(), 200);
        }
        let ends = streams.into_iter().map(|stream| stream.join().unwrap());
        let whole = ends
            .filter(|response| response.end == ResponseEnd::Complete)
            .count();
        assert_eq!(whole, STREAMS / 2, "complete streams");
    });

    let order = pool.profiles_used();
    let confirmed = order[STREAMS..]
        .iter()
        .filter(|profile| **profile == 0)
        .count();
    assert_eq!(confirmed, 2, "it was probed once more, and then not used");
    let scope = HealthScope::Credential(pool.profiles[0].id);
    let health = gateway.store.lease_snapshot().unwrap().health.get(&scope);
    assert!(matches!(health, Health::Dead { .. }), "{health:?}");
    let entries = gateway.entries();
    check_ledger(&entries, &pool.received());
    let cut = entries.iter().filter(|entry| {
        let outcome = entry.outcome.as_ref().unwrap();
        outcome.ending == Ending::Incomplete && outcome.tokens.input > 0
    });
    assert_eq!(cut.count(), STREAMS / 2, "streams recorded as cut");
}

/// NF-07: an error late in a stream is passed on and not retried.
#[test]
fn late_stream_error_is_passed_on_without_retry() {
    let stream = fixtures::bytes("stream-with-error.sse");
    let sent = stream.clone();
    let pool = ProfilePool::start(&[FIRST_UPSTREAM, FIRST_UPSTREAM], move |_, _| {
        responses::stream(sent.chunks(50))
    });
    let response = pool.post_in_session("late", STREAM_REQUEST_BODY);
    assert_eq!(
        (response.status(), response.end),
        (200, ResponseEnd::Complete)
    );
    assert_eq!(response.body, stream);
    assert_eq!(pool.profiles_used(), [0]);
    let entries = pool.gateway.entries();
    check_ledger(&entries, &pool.received());
    let outcome = entries[0].outcome.as_ref().unwrap();
    assert_eq!(outcome.ending, Ending::Incomplete);
    assert!(outcome.tokens.input > 0 && outcome.cost.get() > 0);
    assert_ne!(outcome.verdict.as_deref(), Some("ok"));
    assert!(pool.gateway.all_profiles_ready());
    assert_eq!(pool.post_with(&[], REQUEST_BODY).status(), 200);
}
