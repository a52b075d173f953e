//! The limits that answers tell are remembered, a plan behind a key is found out, and so is a credential that is refused
//! whatever it is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keyreeve_core::limits::{Amount, Seen, State, Subject};
use keyreeve_core::profile::Profile;
use keyreeve_core::secret::Secret;
use keyreeve_core::standing::{Act, Scope, Standing, act};
use keyreeve_os::world;
use keyreeve_testkit::upstream::{Received, Step, reply};

use crate::envelope::check_envelope;
use crate::stage::{ASK, ASK_STREAM, JSON, Stage, eventually};

const MESSAGE: &str = r#"{"type":"message","model":"claude-haiku-5-5","usage":{"input_tokens":1,"output_tokens":1},"content":[]}"#;
const TYPE: (&str, &str) = ("content-type", "application/json");
const STATUS: (&str, &str) = ("anthropic-ratelimit-unified-status", "allowed");

fn error(kind: &str, message: &str) -> String {
    format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}}}}"#)
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<Step> {
    reply::with_headers(status, &[&[TYPE], headers].concat(), body.as_bytes())
}

/// A stage whose n-th answer, from 0, is what `script` says.
fn stage(script: impl Fn(usize) -> Vec<Step> + Send + Sync + 'static) -> Stage {
    let asked = AtomicUsize::new(0);
    Stage::start(move |_: &Received| script(asked.fetch_add(1, Ordering::Relaxed)))
}

/// The limits of the stage's profile, as another process finds them once they are as they should be.
#[track_caller]
fn remembered(stage: &Stage, holds: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
    let other = stage.another_store();
    let mut found = Vec::new();
    let came = eventually(|| {
        found = other.limits().unwrap();
        holds(&found)
    });
    assert!(came, "{found:#?}");
    let own = Subject::Profile(stage.profile.id);
    assert!(found.iter().all(|seen| seen.subject == own));
    found
}

fn remaining(seen: &Seen) -> Option<u64> {
    match seen.limit.amount? {
        Amount::Left { remaining, .. } => Some(remaining),
        Amount::Used(_) => None,
    }
}

#[test]
fn what_successes_and_errors_tell_is_remembered_by_class_and_the_last_word_stands() {
    let stage = stage(|number| {
        let left = (90 - number).to_string();
        let headers = [
            ("anthropic-ratelimit-requests-limit", "100"),
            ("anthropic-ratelimit-requests-remaining", left.as_str()),
            ("anthropic-ratelimit-requests-reset", "soon"),
        ];
        match number {
            5 => answer(400, &headers, &error("invalid_request_error", "x")),
            _ => answer(200, &headers, MESSAGE),
        }
    });
    for expected in [200, 200, 200, 200, 200, 400] {
        assert_eq!(stage.post(ASK).status(), expected);
    }
    let other = String::from_utf8(ASK.to_vec())
        .unwrap()
        .replace("haiku-5-5", "opus-5-5");
    stage.post(other.as_bytes());
    let found = remembered(&stage, |found| {
        found.iter().map(remaining).collect::<Vec<_>>() == [Some(85), Some(84)]
    });
    let classes = found
        .iter()
        .map(|seen| seen.class.as_ref().unwrap().to_string());
    assert_eq!(classes.collect::<Vec<_>>(), ["haiku-5", "opus-5"]);
    assert!(found.iter().all(|seen| seen.limit.resets_at.is_none()));
    assert!(stage.store.known().unwrap().standings.all_ready());
}

#[test]
fn what_waits_to_be_written_is_written_at_the_end() {
    let mut stage = stage(|number| {
        let left = (90 - number).to_string();
        answer(
            200,
            &[("anthropic-ratelimit-tokens-remaining", &left)],
            MESSAGE,
        )
    });
    for _ in 0..4 {
        stage.post(ASK);
    }
    stage.stop();
    stage.wait();
    stage.store.flush().unwrap();
    let found = stage.store.limits().unwrap();
    assert_eq!(found.iter().map(remaining).collect::<Vec<_>>(), [Some(87)]);
}

/// Asks once, is answered as the upstream says, and never again.
#[track_caller]
fn check_plan(steps: Vec<Step>, status: u16, body: &[u8]) -> Stage {
    let stage = stage(move |_| steps.clone());
    let first = stage.ask("POST /v1/messages", &[JSON], body);
    assert_eq!(first.status(), status);
    assert_eq!(
        first.head.header(STATUS.0),
        Some(STATUS.1),
        "passed on as it came"
    );
    for _ in 0..2 {
        let text = check_envelope(&stage.post(ASK), 403, "permission_error");
        for word in ["work", "plan_behind_key", "keyreeve exec", "API key"] {
            assert!(text.contains(word), "{text}");
        }
    }
    assert_eq!(
        stage.upstream.requests().len(),
        1,
        "nothing more goes upstream"
    );
    stage
}

#[test]
fn su_01_a_profile_whose_answers_have_a_plans_headers_serves_no_key_from_then_on() {
    let utilization = ("anthropic-ratelimit-unified-5h-utilization", "0.28");
    let headers = [STATUS, utilization];
    let limited = error(
        "rate_limit_error",
        "This request would exceed your account's rate limit.",
    );
    for (steps, status, body) in [
        (answer(200, &headers, MESSAGE), 200, ASK),
        (answer(429, &headers, &limited), 429, ASK),
        (
            answer(400, &headers, &error("invalid_request_error", "x")),
            400,
            ASK,
        ),
        (
            answer(529, &headers, &error("overloaded_error", "Overloaded")),
            529,
            ASK,
        ),
        (answer(200, &headers, MESSAGE), 200, ASK_STREAM),
    ] {
        let stage = check_plan(steps, status, body);
        // Another process, and so the next one, sees it.
        let known = stage.another_store().known().unwrap();
        let scope = Scope::Credential(stage.profile.id);
        assert!(matches!(
            known.standings.of(&scope),
            Standing::Blocked { .. }
        ));
        let windows = remembered(&stage, |found| found.len() == 1);
        assert_eq!(windows[0].limit.which.to_string(), "plan five_hour");
        assert_eq!(windows[0].class, None);
    }
}

#[test]
fn a_plan_that_a_person_wakes_is_found_out_again() {
    let stage = check_plan(answer(200, &[STATUS], MESSAGE), 200, ASK);
    let scope = Scope::Credential(stage.profile.id);
    let wake = |standing| act(standing, Act::Wake, world::now());
    stage.store.update_standing(&scope, wake).unwrap();
    assert_eq!(stage.post(ASK).status(), 200);
    assert_eq!(stage.post(ASK).status(), 403);
    assert_eq!(stage.upstream.requests().len(), 2);
    let found = remembered(&stage, |found| !found.is_empty());
    assert_eq!(found[0].limit.state, Some(State::Allowed));
}

#[test]
fn the_name_of_a_plans_header_is_enough_and_the_documented_ones_are_not() {
    check_plan(
        answer(
            200,
            &[STATUS, ("anthropic-ratelimit-unified-5h-reset", "\u{fc}")],
            MESSAGE,
        ),
        200,
        ASK,
    );
    let documented = [
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-priority-input-tokens-remaining", "7"),
        ("x-anthropic-ratelimit-unified-status", "allowed"),
    ];
    let stage = stage(move |_| answer(200, &documented, MESSAGE));
    for _ in 0..3 {
        assert_eq!(stage.post(ASK).status(), 200);
    }
    assert!(stage.store.known().unwrap().standings.all_ready());
}

/// A request of another class than [`ASK`].
const ASK_OPUS: &[u8] =
    br#"{"model":"claude-opus-5-5","max_tokens":16,"messages":[{"role":"user","content":"hi"}]}"#;

fn forbidden() -> Vec<Step> {
    answer(403, &[], &error("permission_error", "Not for you."))
}

#[test]
fn the_third_refusal_in_a_row_that_nobody_explains_blocks() {
    let stage = stage(|_| forbidden());
    for ask in [ASK, ASK, ASK_OPUS] {
        assert_eq!(stage.post(ask).status(), 403);
        assert_eq!(
            stage
                .rows()
                .last()
                .unwrap()
                .ended
                .as_ref()
                .unwrap()
                .verdict
                .as_deref(),
            Some("permission")
        );
    }
    let text = check_envelope(&stage.post(ASK), 403, "permission_error");
    assert!(
        text.contains("always_refused") && text.contains("profile wake work"),
        "{text}"
    );
    assert_eq!(stage.upstream.requests().len(), 3);
}

fn rotate(stage: &Stage) {
    let secret = Secret::new(stage.secret.value().to_owned());
    let rotated = Profile {
        rotated_at: Some(world::now()),
        ..stage.profile.clone()
    };
    stage.store.rotate_profile(&rotated, &secret).unwrap();
}

#[test]
fn a_new_secret_is_not_counted_with_the_old_one() {
    let stage = stage(|_| forbidden());
    stage.post(ASK);
    stage.post(ASK_OPUS);
    rotate(&stage);
    stage.post(ASK);
    stage.post(ASK_OPUS);
    assert_eq!(stage.upstream.requests().len(), 4);
    assert!(stage.store.known().unwrap().standings.all_ready());
    stage.post(ASK);
    assert!(!stage.store.known().unwrap().standings.all_ready());
}

#[test]
fn what_is_still_said_of_the_old_secret_does_not_count_for_the_new_one() {
    let (asked, rotated) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (count, over) = (Arc::clone(&asked), Arc::clone(&rotated));
    let stage = Stage::start(move |_| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            // It was on its way when the secret was replaced, and comes late.
            assert!(eventually(|| over.load(Ordering::SeqCst)));
        }
        forbidden()
    });
    let mut late = stage.open();
    late.write(&stage.request("POST /v1/messages", &[JSON], ASK));
    assert!(eventually(|| asked.load(Ordering::SeqCst) == 1));
    rotate(&stage);
    stage.post(ASK);
    stage.post(ASK_OPUS);
    rotated.store(true, Ordering::SeqCst);
    assert_eq!(stage.saw(late.answer().unwrap()).status(), 403);
    assert!(stage.store.known().unwrap().standings.all_ready());
    stage.post(ASK);
    assert!(!stage.store.known().unwrap().standings.all_ready());
}

#[test]
fn a_success_between_refusals_and_what_is_not_the_apis_own_blocks_nobody() {
    let between = stage(|number| match number % 3 {
        2 => answer(200, &[], MESSAGE),
        _ => forbidden(),
    });
    let foreign = stage(|_| answer(403, &[], "<html>Forbidden</html>"));
    let explained = error(
        "permission_error",
        "OAuth token does not meet scope requirement: x",
    );
    let explained = stage(move |_| answer(403, &[], &explained));
    for stage in [between, foreign, explained] {
        for ask in [ASK, ASK_OPUS, ASK].repeat(3) {
            stage.post(ask);
        }
        assert_eq!(stage.upstream.requests().len(), 9);
        assert!(stage.store.known().unwrap().standings.all_ready());
    }
}
