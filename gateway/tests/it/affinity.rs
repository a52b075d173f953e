//! Affinity: a conversation stays pinned to its profile while that works, per key.

use std::time::Duration;

use keyreeve_core::health::{HealthScope, ManualAction, apply_action};
use keyreeve_core::virtual_key::{Strategy, VirtualKey};
use keyreeve_os::system;

use crate::harness::{REQUEST_BODY, Setup};
use crate::profile_pool::{
    FIRST_UPSTREAM, ProfilePool, SECOND_UPSTREAM, responder, scripted_response, with_throttle_wait,
};

fn spread(key: &mut VirtualKey) {
    key.strategy = Strategy::Spread;
}

/// A request whose prompt is long enough to be cached.
fn long_request() -> Vec<u8> {
    let content = "x".repeat(20_000);
    serde_json::json!({"model": "claude-haiku-5-5", "max_tokens": 16,
        "messages": [{"role": "user", "content": content}]})
    .to_string()
    .into_bytes()
}

fn request_of_user(user: &str) -> Vec<u8> {
    serde_json::json!({"model": "claude-haiku-5-5", "max_tokens": 16, "metadata": {"user_id": user},
        "messages": [{"role": "user", "content": "hi"}]})
    .to_string()
    .into_bytes()
}

fn successful_pool(setup: Setup) -> ProfilePool {
    ProfilePool::with(
        setup,
        &[FIRST_UPSTREAM, FIRST_UPSTREAM, FIRST_UPSTREAM],
        spread,
        |profile, _| scripted_response("ok", profile),
    )
}

#[test]
fn spread_key_rotates_profiles_and_pins_conversations() {
    let pool = successful_pool(Setup::default());
    let alone: Vec<u64> = (0..6).map(|_| responder(&pool.post())).collect();
    assert_eq!(alone, [0, 1, 2, 0, 1, 2]);
    let pinned: Vec<u64> = ["one", "two", "one", "one", "two"]
        .map(|session| responder(&pool.post_in_session(session, REQUEST_BODY)))
        .to_vec();
    assert_eq!(pinned, [0, 1, 0, 0, 1]);
    let (_, _, reason, _) = pool.attempts().pop().unwrap();
    assert_eq!(reason, "sticky");
}

#[test]
fn user_id_pins_conversations_without_a_session() {
    let pool = successful_pool(Setup::default());
    let profile = |user| responder(&pool.post_with(&[], &request_of_user(user)));
    assert_eq!(
        [profile("a"), profile("b"), profile("a"), profile("b")],
        [0, 1, 0, 1]
    );
    // The user id is not stored in clear text.
    let personal = "a-personal-user-id";
    profile(personal);
    assert!(
        pool.gateway
            .entries()
            .iter()
            .all(|entry| entry.intent.session.is_none())
    );
}

#[test]
fn count_tokens_follows_the_pin_and_does_not_set_it() {
    let pool = successful_pool(Setup::default());
    let headers = [
        ("x-claude-code-session-id", "one"),
        ("x-api-key", pool.key.as_str()),
        crate::harness::JSON,
    ];
    let count = || {
        responder(
            &pool
                .gateway
                .send("POST /v1/messages/count_tokens", &headers, REQUEST_BODY),
        )
    };
    assert_eq!([count(), count()], [0, 1], "not pinned yet");
    assert_eq!(responder(&pool.post_in_session("one", REQUEST_BODY)), 2);
    assert_eq!([count(), count()], [2, 2]);
}

#[test]
fn conversation_moves_in_a_cooldown_and_stays_there() {
    let pool = ProfilePool::start(&[FIRST_UPSTREAM, FIRST_UPSTREAM], |profile, number| match (
        profile, number,
    ) {
        (0, 1) => scripted_response("credit", 0),
        _ => scripted_response("ok", profile),
    });
    assert_eq!(responder(&pool.post_in_session("one", REQUEST_BODY)), 0);
    assert_eq!(
        responder(&pool.post_in_session("one", REQUEST_BODY)),
        1,
        "a short conversation moves at once"
    );
    let apply = |action| {
        let scope = HealthScope::Credential(pool.profiles[0].id);
        let change = move |health| apply_action(health, action, system::now());
        pool.gateway.store.update_health(&scope, change).unwrap();
    };
    apply(ManualAction::Resume);
    assert_eq!(
        responder(&pool.post_in_session("one", REQUEST_BODY)),
        1,
        "it is pinned there now"
    );
    assert_eq!(responder(&pool.post_in_session("other", REQUEST_BODY)), 0);
    apply(ManualAction::Drain);
    assert_eq!(responder(&pool.post_in_session("other", REQUEST_BODY)), 1);
    let (_, number, reason, _) = pool.attempts().pop().unwrap();
    assert_eq!((number, reason), (1, "moved"));
}

#[test]
fn long_conversation_waits_for_a_short_cooldown() {
    let pool = ProfilePool::start(&[FIRST_UPSTREAM, FIRST_UPSTREAM], |profile, number| match (
        profile, number,
    ) {
        (0, 1) => scripted_response("limit 1", 0),
        (0, 3) => scripted_response("limit 40", 0),
        _ => scripted_response("ok", profile),
    });
    let long = long_request();
    assert_eq!(responder(&pool.post_in_session("one", &long)), 0);
    assert_eq!(
        responder(&pool.post_in_session("one", &long)),
        0,
        "waited out"
    );
    assert_eq!(
        responder(&pool.post_in_session("one", &long)),
        1,
        "the wait is too long"
    );
    let reasons: Vec<_> = pool.attempts().iter().map(|entry| entry.2).collect();
    assert_eq!(
        reasons,
        ["first", "sticky", "waited", "sticky", "after-refusal"]
    );
}

#[test]
fn failing_upstream_does_not_move_the_pin() {
    let pool = ProfilePool::start(
        &[FIRST_UPSTREAM, SECOND_UPSTREAM],
        |profile, number| match (profile, number) {
            (0, 1) => scripted_response("busy", 0),
            _ => scripted_response("ok", profile),
        },
    );
    let profiles: Vec<u64> = (0..3)
        .map(|_| responder(&pool.post_in_session("one", REQUEST_BODY)))
        .collect();
    assert_eq!(profiles, [0, 1, 0]);
}

#[test]
fn failover_is_logged_once_with_names_only() {
    let pool = ProfilePool::with(
        with_throttle_wait(Duration::ZERO),
        &[FIRST_UPSTREAM, SECOND_UPSTREAM],
        |_| {},
        |profile, _| {
            if profile == 0 {
                scripted_response("credit", 0)
            } else {
                scripted_response("ok", profile)
            }
        },
    );
    assert_eq!(responder(&pool.post()), 1);
    let log = pool.gateway.log_text();
    let failovers: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("failover"))
        .collect();
    assert_eq!(failovers.len(), 1, "{failovers:?}");
    for field in [
        "from=work",
        "to=further-1",
        "verdict=\"out_of_credit\"",
        "reason=\"after-refusal\"",
        "request=req_kr_",
    ] {
        assert!(failovers[0].contains(field), "{field}: {}", failovers[0]);
    }
}
