//! Retries and failover: when a request is retried, with which profile, and which response the client gets in the end.

use std::time::Duration;

use keyreeve_core::profile::Source;
use keyreeve_store::Ending;
use keyreeve_testkit::upstream::{Step, responses};
use keyreeve_testkit::wire::ResponseEnd;

use crate::error_envelope::check_error;
use crate::harness::{REQUEST_BODY, STREAM_REQUEST_BODY, Setup, eventually};
use crate::profile_pool::{
    FIRST_UPSTREAM, PoolMember, ProfilePool, SECOND_UPSTREAM, STREAM, responder, scripted_response,
    streamed_error, with_throttle_wait,
};

const NO_WAIT: Duration = Duration::ZERO;

/// Checks the order in which profiles that always send these responses are tried, and the profile and status of the
/// response that the client gets.
#[track_caller]
fn check(
    members: &[PoolMember],
    responses: &'static [&'static str],
    order: &[usize],
    expected: (u64, u16),
) {
    let pool = ProfilePool::with(
        with_throttle_wait(NO_WAIT),
        members,
        |_| {},
        |profile, _| scripted_response(responses[profile], profile),
    );
    let response = pool.post();
    assert_eq!(pool.profiles_used(), order, "{responses:?}");
    assert_eq!(
        (responder(&response), response.status()),
        expected,
        "{responses:?}"
    );
    let profile = usize::try_from(expected.0).unwrap();
    let Some(Step::Send(sent)) = scripted_response(responses[profile], profile).pop() else {
        unreachable!("there is no body");
    };
    assert!(
        sent.ends_with(&response.body) && !response.body.is_empty(),
        "{responses:?}"
    );
    // Each attempt has one intent, one outcome, one number and the same body.
    let entries = pool.gateway.entries();
    assert_eq!(entries.len(), order.len(), "{responses:?}");
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(entry.intent.number as usize, index + 1, "{responses:?}");
        assert_eq!(
            entry.intent.request, entries[0].intent.request,
            "{responses:?}"
        );
        let outcome = entry.outcome.as_ref().unwrap();
        assert_eq!(outcome.ending, Ending::Done, "{responses:?}");
    }
    for received in pool.received() {
        assert_eq!(received.body, REQUEST_BODY, "{responses:?}");
    }
}

#[test]
fn failover_only_if_another_credential_may_help() {
    let two = &[FIRST_UPSTREAM, FIRST_UPSTREAM];
    for (responses, order, expected) in [
        (&["ok", "ok"], &[0][..], (0, 200)),
        (&["limit 40", "ok"], &[0, 1], (1, 200)),
        (&["credit", "ok"], &[0, 1], (1, 200)),
        (&["invalid key", "ok"], &[0, 1], (1, 200)),
        (&["no access", "ok"], &[0, 1], (1, 200)),
        (&["wrong", "ok"], &[0], (0, 400)),
        (&["no model", "ok"], &[0], (0, 404)),
        // Another credential at the same upstream would get the same response.
        (&["failing", "ok"], &[0], (0, 500)),
        (&["busy", "ok"], &[0], (0, 529)),
    ] {
        check(two, responses, order, expected);
    }
}

#[test]
fn failing_upstream_fails_over_to_another_upstream() {
    for (responses, order, expected) in [
        (&["failing", "ok", "ok"], &[0, 2][..], (2, 200)),
        (&["busy", "ok", "ok"], &[0, 2], (2, 200)),
        (&["limit 40", "busy", "ok"], &[0, 1, 2], (2, 200)),
    ] {
        check(
            &[FIRST_UPSTREAM, FIRST_UPSTREAM, SECOND_UPSTREAM],
            responses,
            order,
            expected,
        );
    }
}

#[test]
fn client_gets_the_most_useful_failed_response() {
    let three = &[FIRST_UPSTREAM, FIRST_UPSTREAM, SECOND_UPSTREAM];
    for (responses, order, expected) in [
        (
            &["limit 40", "credit", "invalid key"],
            &[0, 1, 2][..],
            (0, 429),
        ),
        (&["limit 40", "limit 40", "no access"], &[0, 1, 2], (1, 429)),
        (
            &["invalid key", "no access", "credit"],
            &[0, 1, 2],
            (1, 403),
        ),
        (&["credit", "credit", "failing"], &[0, 1, 2], (2, 500)),
        (&["busy", "ok", "failing"], &[0, 2], (2, 500)),
        // Any credential would get the same response.
        (&["limit 40", "wrong", "ok"], &[0, 1], (1, 400)),
        (&["invalid key", "no model", "ok"], &[0, 1], (1, 404)),
    ] {
        check(three, responses, order, expected);
    }
}

#[test]
fn at_most_three_attempts() {
    let five = &[FIRST_UPSTREAM; 5];
    let responses = &["credit", "credit", "limit 40", "ok", "ok"];
    check(five, responses, &[0, 1, 2], (2, 429));
}

#[test]
fn request_that_may_have_produced_is_not_retried() {
    let broken = [vec![Step::Close], vec![Step::Reset]];
    let head_only = vec![Step::Send(responses::stream_head()), Step::Close];
    for steps in broken.into_iter().chain([head_only]) {
        let pool = ProfilePool::start(&[FIRST_UPSTREAM, SECOND_UPSTREAM], move |_, _| {
            steps.clone()
        });
        check_error(&pool.post(), 502, "api_error");
        assert_eq!(pool.profiles_used(), [0]);
    }
}

#[test]
fn unreachable_upstream_fails_over() {
    // A port that is very likely unused.
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup {
        upstream_url: Some(format!("http://{}", unused.local_addr().unwrap())),
        ..Setup::default()
    };
    drop(unused);
    let pool = ProfilePool::with(
        setup,
        &[FIRST_UPSTREAM, SECOND_UPSTREAM],
        |_| {},
        |profile, _| scripted_response("ok", profile),
    );
    assert_eq!(responder(&pool.post()), 1);
    let attempts = pool.attempts();
    let attempts: Vec<_> = attempts
        .iter()
        .map(|(profile, number, reason, verdict)| (*profile, *number, *reason, verdict.as_str()))
        .collect();
    assert_eq!(
        attempts,
        [(0, 1, "first", "no_answer"), (1, 2, "after-failure", "ok")]
    );
}

#[test]
fn stream_that_starts_with_an_error_is_retried() {
    let responses = ["streamed error", "stream"];
    let pool = ProfilePool::start(&[FIRST_UPSTREAM, SECOND_UPSTREAM], move |profile, _| {
        scripted_response(responses[profile], profile)
    });
    let response = pool.post_with(&[], STREAM_REQUEST_BODY);
    assert_eq!(
        (response.status(), response.end),
        (200, ResponseEnd::Complete)
    );
    assert_eq!(response.body, STREAM);
    let attempts = pool.attempts();
    assert_eq!((attempts[0].0, attempts[0].3.as_str()), (0, "overloaded"));
    assert_eq!((attempts[1].0, attempts[1].2), (1, "after-failure"));
    let outcome = pool.gateway.entries()[0].outcome.clone().unwrap();
    assert_eq!(outcome.cost.get(), 0);
}

#[test]
fn streamed_error_is_unchanged_without_a_retry() {
    for members in [&[FIRST_UPSTREAM][..], &[FIRST_UPSTREAM, FIRST_UPSTREAM]] {
        let pool = ProfilePool::start(members, |profile, _| {
            scripted_response("streamed error", profile)
        });
        let response = pool.post_with(&[], STREAM_REQUEST_BODY);
        assert_eq!(
            (response.status(), response.text()),
            (200, streamed_error(0))
        );
        assert_eq!(
            response.head.header("content-type"),
            Some("text/event-stream")
        );
        assert_eq!(pool.profiles_used(), [0]);
    }
}

#[test]
fn error_in_chunks_is_classified_whole() {
    let pool = ProfilePool::start(
        &[FIRST_UPSTREAM, FIRST_UPSTREAM],
        |profile, _| match profile {
            0 => {
                let Some(Step::Send(bytes)) = scripted_response("credit", 0).pop() else {
                    return Vec::new();
                };
                let (one, other) = bytes.split_at(bytes.len() - 40);
                vec![
                    Step::Send(one.to_vec()),
                    Step::Pause(Duration::from_millis(50)),
                    Step::Send(other.to_vec()),
                ]
            }
            _ => scripted_response("ok", profile),
        },
    );
    assert_eq!(responder(&pool.post()), 1);
    assert_eq!(pool.attempts()[0].3, "out_of_credit");
}

#[test]
fn error_too_long_to_buffer_is_passed_on() {
    let long = format!("{{\"type\":\"error\",\"x\":\"{}\"}}", "x".repeat(100 << 10));
    let sent = long.clone();
    let pool = ProfilePool::start(&[FIRST_UPSTREAM, SECOND_UPSTREAM], move |_, _| {
        responses::json(500, &sent)
    });
    let response = pool.post();
    assert_eq!((response.status(), response.text()), (500, long));
    assert_eq!(pool.profiles_used(), [0]);
}

#[test]
fn unfinished_discarded_error_does_not_delay_the_client() {
    let pool = ProfilePool::start(&[FIRST_UPSTREAM, SECOND_UPSTREAM], |profile, _| {
        if profile == 0 {
            return scripted_response("limit 40", 0);
        }
        let Some(Step::Send(mut bytes)) = scripted_response("failing", profile).pop() else {
            return Vec::new();
        };
        bytes.pop();
        vec![Step::Send(bytes), Step::Hang]
    });
    let response = pool.post();
    assert_eq!((responder(&response), response.status()), (0, 429));
    assert_eq!(pool.profiles_used(), [0, 1]);
    assert!(eventually(|| pool.gateway.entries()[1].outcome.is_some()));
}

/// A token that has expired.
const EXPIRED_TOKEN: &str = "a-made-up-token-that-has-expired";

#[test]
fn renewed_credential_is_retried_once() {
    let folder = tempfile::TempDir::new().unwrap();
    let setup = Setup::default();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("good"), setup.secret.value()).unwrap();
    // A program that prints an expired token first, and then a valid one.
    let script = format!(
        "if [ -e '{0}' ]; then cat '{1}'; else : > '{0}'; echo {EXPIRED_TOKEN}; fi",
        path("expired-printed"),
        path("good")
    );
    let argv = ["/bin/sh", "-c", &script].map(ToOwned::to_owned).to_vec();
    let setup = Setup {
        source: Source::Command { argv },
        ..setup
    };
    let gateway = setup.start(|received| {
        let (_, secret) = received.credentials().remove(0);
        if secret == EXPIRED_TOKEN {
            scripted_response("invalid key", 0)
        } else {
            scripted_response("ok", 0)
        }
    });
    assert_eq!(gateway.post(REQUEST_BODY).status(), 200);
    let reasons: Vec<_> = gateway
        .entries()
        .iter()
        .map(|entry| (entry.intent.number, entry.intent.reason.name()))
        .collect();
    assert_eq!(reasons, [(1, "first"), (2, "renewed")]);
}

#[test]
fn unchanged_credential_is_not_retried() {
    let argv = ["/bin/sh", "-c", "echo the-same-made-up-token-each-time"];
    let setup = Setup {
        source: Source::Command {
            argv: argv.map(ToOwned::to_owned).to_vec(),
        },
        ..Setup::default()
    };
    let gateway = setup.start(|_| scripted_response("invalid key", 0));
    assert_eq!(gateway.post(REQUEST_BODY).status(), 401);
    assert_eq!(gateway.entries().len(), 1);
}

#[test]
fn key_without_a_profile_gets_the_command() {
    let pool = ProfilePool::with(
        Setup::default(),
        &[FIRST_UPSTREAM],
        |key| key.profiles.clear(),
        |profile, _| scripted_response("ok", profile),
    );
    let text = check_error(&pool.post(), 403, "permission_error");
    assert!(
        text.contains("keyreeve key add NAME --profile PROFILE"),
        "{text}"
    );
    assert!(pool.profiles_used().is_empty());
}

#[test]
fn profile_without_its_credential_is_skipped() {
    let setup = Setup {
        source: Source::Environment {
            variable: "KEYREEVE_UNSET_VARIABLE".to_owned(),
        },
        ..Setup::default()
    };
    let pool = ProfilePool::with(
        setup,
        &[FIRST_UPSTREAM, FIRST_UPSTREAM],
        |_| {},
        |profile, _| scripted_response("ok", profile),
    );
    assert_eq!(responder(&pool.post()), 1);
    // Nothing was sent with it, so it was not an attempt.
    let attempts = pool.attempts();
    assert_eq!(
        (attempts.len(), attempts[0].1, attempts[0].2),
        (1, 1, "after-refusal")
    );
}
