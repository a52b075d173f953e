//! Limits reported in responses are stored; a plan behind a key, and a credential that is always refused, are detected.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keyreeve_core::health::{Health, HealthScope, ManualAction, apply_action};
use keyreeve_core::limits::{LimitObservation, LimitOwner, LimitState, LimitUsage};
use keyreeve_core::profile::Profile;
use keyreeve_core::secret::Secret;
use keyreeve_os::system;
use keyreeve_testkit::upstream::{ReceivedRequest, Step, responses};

use crate::error_envelope::check_error;
use crate::harness::{JSON, REQUEST_BODY, STREAM_REQUEST_BODY, TestGateway, eventually};

const MESSAGE: &str = r#"{"type":"message","model":"claude-haiku-5-5","usage":{"input_tokens":1,"output_tokens":1},"content":[]}"#;
const TYPE: (&str, &str) = ("content-type", "application/json");
const STATUS: (&str, &str) = ("anthropic-ratelimit-unified-status", "allowed");

fn error(kind: &str, message: &str) -> String {
    format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}}}}"#)
}

fn response_steps(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<Step> {
    responses::with_headers(status, &[&[TYPE], headers].concat(), body.as_bytes())
}

/// Starts a gateway whose upstream responds with `script` of the number of the request, from 0.
fn start_gateway(script: impl Fn(usize) -> Vec<Step> + Send + Sync + 'static) -> TestGateway {
    let requests = AtomicUsize::new(0);
    TestGateway::start(move |_: &ReceivedRequest| script(requests.fetch_add(1, Ordering::Relaxed)))
}

/// Waits for a condition on the limits of the gateway's profile, read by another process, and returns them.
#[track_caller]
fn stored_limits(
    gateway: &TestGateway,
    condition: impl Fn(&[LimitObservation]) -> bool,
) -> Vec<LimitObservation> {
    let other = gateway.open_second_store();
    let mut found = Vec::new();
    let found_in_time = eventually(|| {
        found = other.limits().unwrap();
        condition(&found)
    });
    assert!(found_in_time, "{found:#?}");
    let own = LimitOwner::Profile(gateway.profile.id);
    assert!(found.iter().all(|observation| observation.owner == own));
    found
}

fn remaining(observation: &LimitObservation) -> Option<u64> {
    match observation.limit.usage? {
        LimitUsage::Remaining { remaining, .. } => Some(remaining),
        LimitUsage::Used(_) => None,
    }
}

#[test]
fn latest_limits_are_stored_per_model_class() {
    let gateway = start_gateway(|number| {
        let remaining = (90 - number).to_string();
        let headers = [
            ("anthropic-ratelimit-requests-limit", "100"),
            ("anthropic-ratelimit-requests-remaining", remaining.as_str()),
            ("anthropic-ratelimit-requests-reset", "soon"),
        ];
        match number {
            5 => response_steps(400, &headers, &error("invalid_request_error", "x")),
            _ => response_steps(200, &headers, MESSAGE),
        }
    });
    for expected in [200, 200, 200, 200, 200, 400] {
        assert_eq!(gateway.post(REQUEST_BODY).status(), expected);
    }
    let other = String::from_utf8(REQUEST_BODY.to_vec())
        .unwrap()
        .replace("haiku-5-5", "opus-5-5");
    gateway.post(other.as_bytes());
    let found = stored_limits(&gateway, |found| {
        found.iter().map(remaining).collect::<Vec<_>>() == [Some(85), Some(84)]
    });
    let classes = found
        .iter()
        .map(|observation| observation.class.as_ref().unwrap().to_string());
    assert_eq!(classes.collect::<Vec<_>>(), ["haiku-5", "opus-5"]);
    assert!(
        found
            .iter()
            .all(|observation| observation.limit.resets_at.is_none())
    );
    assert!(gateway.all_profiles_ready());
}

#[test]
fn pending_limits_are_flushed_at_shutdown() {
    let mut gateway = start_gateway(|number| {
        let remaining = (90 - number).to_string();
        response_steps(
            200,
            &[("anthropic-ratelimit-tokens-remaining", &remaining)],
            MESSAGE,
        )
    });
    for _ in 0..4 {
        gateway.post(REQUEST_BODY);
    }
    gateway.stop();
    gateway.wait();
    gateway.store.flush().unwrap();
    let found = gateway.store.limits().unwrap();
    assert_eq!(found.iter().map(remaining).collect::<Vec<_>>(), [Some(87)]);
}

/// Checks that one request is forwarded and later ones are refused, because the response shows a plan.
#[track_caller]
fn check_plan(steps: Vec<Step>, status: u16, body: &[u8]) -> TestGateway {
    let gateway = start_gateway(move |_| steps.clone());
    let first = gateway.send("POST /v1/messages", &[JSON], body);
    assert_eq!(first.status(), status);
    assert_eq!(
        first.head.header(STATUS.0),
        Some(STATUS.1),
        "passed on unchanged"
    );
    for _ in 0..2 {
        let text = check_error(&gateway.post(REQUEST_BODY), 403, "permission_error");
        for word in ["work", "plan_behind_key", "keyreeve exec", "API key"] {
            assert!(text.contains(word), "{text}");
        }
    }
    assert_eq!(
        gateway.upstream.requests().len(),
        1,
        "nothing more is sent upstream"
    );
    gateway
}

/// SU-01: a profile whose responses have plan headers is blocked for keys from then on.
#[test]
fn profile_with_plan_headers_is_blocked_for_keys() {
    let utilization = ("anthropic-ratelimit-unified-5h-utilization", "0.28");
    let headers = [STATUS, utilization];
    let limited = error(
        "rate_limit_error",
        "This request would exceed your account's rate limit.",
    );
    for (steps, status, body) in [
        (response_steps(200, &headers, MESSAGE), 200, REQUEST_BODY),
        (response_steps(429, &headers, &limited), 429, REQUEST_BODY),
        (
            response_steps(400, &headers, &error("invalid_request_error", "x")),
            400,
            REQUEST_BODY,
        ),
        (
            response_steps(529, &headers, &error("overloaded_error", "Overloaded")),
            529,
            REQUEST_BODY,
        ),
        (
            response_steps(200, &headers, MESSAGE),
            200,
            STREAM_REQUEST_BODY,
        ),
    ] {
        let gateway = check_plan(steps, status, body);
        // Another process sees it too.
        let snapshot = gateway.open_second_store().lease_snapshot().unwrap();
        let scope = HealthScope::Credential(gateway.profile.id);
        assert!(matches!(
            snapshot.health.get(&scope),
            Health::Blocked { .. }
        ));
        let windows = stored_limits(&gateway, |found| found.len() == 1);
        assert_eq!(windows[0].limit.kind.to_string(), "plan five_hour");
        assert_eq!(windows[0].class, None);
    }
}

#[test]
fn resumed_plan_is_detected_again() {
    let gateway = check_plan(response_steps(200, &[STATUS], MESSAGE), 200, REQUEST_BODY);
    let scope = HealthScope::Credential(gateway.profile.id);
    let resume = |health| apply_action(health, ManualAction::Resume, system::now());
    gateway.store.update_health(&scope, resume).unwrap();
    assert_eq!(gateway.post(REQUEST_BODY).status(), 200);
    assert_eq!(gateway.post(REQUEST_BODY).status(), 403);
    assert_eq!(gateway.upstream.requests().len(), 2);
    let found = stored_limits(&gateway, |found| !found.is_empty());
    assert_eq!(found[0].limit.state, Some(LimitState::Allowed));
}

#[test]
fn plan_is_detected_by_header_name_only() {
    check_plan(
        response_steps(
            200,
            &[STATUS, ("anthropic-ratelimit-unified-5h-reset", "\u{fc}")],
            MESSAGE,
        ),
        200,
        REQUEST_BODY,
    );
    let documented = [
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-priority-input-tokens-remaining", "7"),
        ("x-anthropic-ratelimit-unified-status", "allowed"),
    ];
    let gateway = start_gateway(move |_| response_steps(200, &documented, MESSAGE));
    for _ in 0..3 {
        assert_eq!(gateway.post(REQUEST_BODY).status(), 200);
    }
    assert!(gateway.all_profiles_ready());
}

/// A request for another model class than [`REQUEST_BODY`].
const OPUS_REQUEST_BODY: &[u8] =
    br#"{"model":"claude-opus-5-5","max_tokens":16,"messages":[{"role":"user","content":"hi"}]}"#;

fn forbidden() -> Vec<Step> {
    response_steps(403, &[], &error("permission_error", "Not for you."))
}

#[test]
fn third_unexplained_403_in_a_row_blocks() {
    let gateway = start_gateway(|_| forbidden());
    for body in [REQUEST_BODY, REQUEST_BODY, OPUS_REQUEST_BODY] {
        assert_eq!(gateway.post(body).status(), 403);
        assert_eq!(
            gateway
                .entries()
                .last()
                .unwrap()
                .outcome
                .as_ref()
                .unwrap()
                .verdict
                .as_deref(),
            Some("permission")
        );
    }
    let text = check_error(&gateway.post(REQUEST_BODY), 403, "permission_error");
    assert!(
        text.contains("always_refused") && text.contains("profile resume work"),
        "{text}"
    );
    assert_eq!(gateway.upstream.requests().len(), 3);
}

fn rotate(gateway: &TestGateway) {
    let secret = Secret::new(gateway.secret.value().to_owned());
    let rotated = Profile {
        rotated_at: Some(system::now()),
        ..gateway.profile.clone()
    };
    gateway.store.rotate_profile(&rotated, &secret).unwrap();
}

#[test]
fn refusals_are_counted_per_secret() {
    let gateway = start_gateway(|_| forbidden());
    gateway.post(REQUEST_BODY);
    gateway.post(OPUS_REQUEST_BODY);
    rotate(&gateway);
    gateway.post(REQUEST_BODY);
    gateway.post(OPUS_REQUEST_BODY);
    assert_eq!(gateway.upstream.requests().len(), 4);
    assert!(gateway.all_profiles_ready());
    gateway.post(REQUEST_BODY);
    assert!(!gateway.all_profiles_ready());
}

#[test]
fn late_refusal_of_the_old_secret_is_not_counted() {
    let (requests, rotated) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (count, is_rotated) = (Arc::clone(&requests), Arc::clone(&rotated));
    let gateway = TestGateway::start(move |_| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            // The request was in flight when the secret was replaced, and the response arrives late.
            assert!(eventually(|| is_rotated.load(Ordering::SeqCst)));
        }
        forbidden()
    });
    let mut late = gateway.connect();
    late.write(&gateway.request("POST /v1/messages", &[JSON], REQUEST_BODY));
    assert!(eventually(|| requests.load(Ordering::SeqCst) == 1));
    rotate(&gateway);
    gateway.post(REQUEST_BODY);
    gateway.post(OPUS_REQUEST_BODY);
    rotated.store(true, Ordering::SeqCst);
    assert_eq!(
        gateway.record_response(late.response().unwrap()).status(),
        403
    );
    assert!(gateway.all_profiles_ready());
    gateway.post(REQUEST_BODY);
    assert!(!gateway.all_profiles_ready());
}

#[test]
fn other_refusals_do_not_block() {
    let between = start_gateway(|number| match number % 3 {
        2 => response_steps(200, &[], MESSAGE),
        _ => forbidden(),
    });
    let foreign = start_gateway(|_| response_steps(403, &[], "<html>Forbidden</html>"));
    let explained = error(
        "permission_error",
        "OAuth token does not meet scope requirement: x",
    );
    let explained = start_gateway(move |_| response_steps(403, &[], &explained));
    for gateway in [between, foreign, explained] {
        for body in [REQUEST_BODY, OPUS_REQUEST_BODY, REQUEST_BODY].repeat(3) {
            gateway.post(body);
        }
        assert_eq!(gateway.upstream.requests().len(), 9);
        assert!(gateway.all_profiles_ready());
    }
}
