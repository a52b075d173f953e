//! Further attempts: when there is one, with whom, and what the client gets when none helps.

use std::time::Duration;

use keyreeve_core::profile::Source;
use keyreeve_store::Ending;
use keyreeve_testkit::upstream::{Step, reply};
use keyreeve_testkit::wire::Ended;

use crate::envelope::check_envelope;
use crate::house::{HERE, House, Member, STREAM, THERE, answer, from, patient, streamed_error};
use crate::stage::{ASK, ASK_STREAM, Setup, eventually};

const NO_WAIT: Duration = Duration::ZERO;

/// What each profile answers, whenever it is asked; who is asked in what order; whose answer the client gets, and its
/// status.
#[track_caller]
fn check(members: &[Member], answers: &'static [&'static str], order: &[usize], given: (u64, u16)) {
    let house = House::with(
        patient(NO_WAIT),
        members,
        |_| {},
        |profile, _| answer(answers[profile], profile),
    );
    let got = house.post();
    assert_eq!(house.order(), order, "{answers:?}");
    assert_eq!((from(&got), got.status()), given, "{answers:?}");
    let whose = usize::try_from(given.0).unwrap();
    let Some(Step::Send(sent)) = answer(answers[whose], whose).pop() else {
        unreachable!("an answer is sent");
    };
    assert!(
        sent.ends_with(&got.body) && !got.body.is_empty(),
        "{answers:?}"
    );
    // One intent, one outcome, one number, one body for each.
    let rows = house.stage.rows();
    assert_eq!(rows.len(), order.len(), "{answers:?}");
    for (place, row) in rows.iter().enumerate() {
        assert_eq!(row.intent.number as usize, place + 1, "{answers:?}");
        assert_eq!(row.intent.request, rows[0].intent.request, "{answers:?}");
        let ended = row.ended.as_ref().unwrap();
        assert_eq!(ended.ending, Ending::Done, "{answers:?}");
    }
    for received in house.received() {
        assert_eq!(received.body, ASK, "{answers:?}");
    }
}

#[test]
fn another_credential_is_asked_only_where_the_answer_says_that_it_may_help() {
    let two = &[HERE, HERE];
    for (answers, order, given) in [
        (&["ok", "ok"], &[0][..], (0, 200)),
        (&["limit 40", "ok"], &[0, 1], (1, 200)),
        (&["credit", "ok"], &[0, 1], (1, 200)),
        (&["invalid key", "ok"], &[0, 1], (1, 200)),
        (&["no access", "ok"], &[0, 1], (1, 200)),
        (&["wrong", "ok"], &[0], (0, 400)),
        (&["no model", "ok"], &[0], (0, 404)),
        // Another credential of the same upstream would fare the same.
        (&["failing", "ok"], &[0], (0, 500)),
        (&["busy", "ok"], &[0], (0, 529)),
    ] {
        check(two, answers, order, given);
    }
}

#[test]
fn a_failing_upstream_is_left_for_another_upstream() {
    for (answers, order, given) in [
        (&["failing", "ok", "ok"], &[0, 2][..], (2, 200)),
        (&["busy", "ok", "ok"], &[0, 2], (2, 200)),
        (&["limit 40", "busy", "ok"], &[0, 1, 2], (2, 200)),
    ] {
        check(&[HERE, HERE, THERE], answers, order, given);
    }
}

#[test]
fn when_nothing_helps_the_client_gets_the_answer_that_tells_most() {
    let three = &[HERE, HERE, THERE];
    for (answers, order, given) in [
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
        // Whoever had asked, it would have been the same.
        (&["limit 40", "wrong", "ok"], &[0, 1], (1, 400)),
        (&["invalid key", "no model", "ok"], &[0, 1], (1, 404)),
    ] {
        check(three, answers, order, given);
    }
}

#[test]
fn there_are_three_attempts_at_the_most() {
    let five = &[HERE; 5];
    let answers = &["credit", "credit", "limit 40", "ok", "ok"];
    check(five, answers, &[0, 1, 2], (2, 429));
}

#[test]
fn what_may_have_been_produced_is_not_asked_for_elsewhere() {
    let broken = [vec![Step::Close], vec![Step::Reset]];
    let head_only = vec![Step::Send(reply::stream_head()), Step::Close];
    for steps in broken.into_iter().chain([head_only]) {
        let house = House::start(&[HERE, THERE], move |_, _| steps.clone());
        check_envelope(&house.post(), 502, "api_error");
        assert_eq!(house.order(), [0]);
    }
}

#[test]
fn nobody_at_home_is_another_upstreams_turn() {
    // A port that was free a moment ago.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup {
        elsewhere: Some(format!("http://{}", nobody.local_addr().unwrap())),
        ..Setup::default()
    };
    drop(nobody);
    let house = House::with(setup, &[HERE, THERE], |_| {}, |who, _| answer("ok", who));
    assert_eq!(from(&house.post()), 1);
    let told = house.told();
    let told: Vec<_> = told
        .iter()
        .map(|(who, number, why, verdict)| (*who, *number, *why, verdict.as_str()))
        .collect();
    assert_eq!(
        told,
        [(0, 1, "first", "no_answer"), (1, 2, "after-failure", "ok")]
    );
}

#[test]
fn a_stream_that_begins_with_an_error_has_not_begun() {
    let answers = ["streamed error", "stream"];
    let house = House::start(&[HERE, THERE], move |who, _| answer(answers[who], who));
    let got = house.post_with(&[], ASK_STREAM);
    assert_eq!((got.status(), got.ended), (200, Ended::Whole));
    assert_eq!(got.body, STREAM);
    let told = house.told();
    assert_eq!((told[0].0, told[0].3.as_str()), (0, "overloaded"));
    assert_eq!((told[1].0, told[1].2), (1, "after-failure"));
    let free = house.stage.rows()[0].ended.clone().unwrap();
    assert_eq!(free.cost.get(), 0);
}

#[test]
fn a_stream_that_begins_with_an_error_passes_as_it_came_where_nothing_helps() {
    for members in [&[HERE][..], &[HERE, HERE]] {
        let house = House::start(members, |who, _| answer("streamed error", who));
        let got = house.post_with(&[], ASK_STREAM);
        assert_eq!((got.status(), got.text()), (200, streamed_error(0)));
        assert_eq!(got.head.header("content-type"), Some("text/event-stream"));
        assert_eq!(house.order(), [0]);
    }
}

#[test]
fn an_error_in_pieces_is_judged_whole() {
    let house = House::start(&[HERE, HERE], |who, _| match who {
        0 => {
            let Some(Step::Send(bytes)) = answer("credit", 0).pop() else {
                return Vec::new();
            };
            let (one, other) = bytes.split_at(bytes.len() - 40);
            vec![
                Step::Send(one.to_vec()),
                Step::Pause(Duration::from_millis(50)),
                Step::Send(other.to_vec()),
            ]
        }
        _ => answer("ok", who),
    });
    assert_eq!(from(&house.post()), 1);
    assert_eq!(house.told()[0].3, "out_of_credit");
}

#[test]
fn an_error_too_long_to_be_held_is_passed_on() {
    let long = format!("{{\"type\":\"error\",\"x\":\"{}\"}}", "x".repeat(100 << 10));
    let sent = long.clone();
    let house = House::start(&[HERE, THERE], move |_, _| reply::json(500, &sent));
    let got = house.post();
    assert_eq!((got.status(), got.text()), (500, long));
    assert_eq!(house.order(), [0]);
}

#[test]
fn an_error_that_tells_less_and_does_not_end_keeps_nobody_waiting() {
    let house = House::start(&[HERE, THERE], |who, _| {
        if who == 0 {
            return answer("limit 40", 0);
        }
        let Some(Step::Send(mut bytes)) = answer("failing", who).pop() else {
            return Vec::new();
        };
        bytes.pop();
        vec![Step::Send(bytes), Step::Silence]
    });
    let got = house.post();
    assert_eq!((from(&got), got.status()), (0, 429));
    assert_eq!(house.order(), [0, 1]);
    assert!(eventually(|| house.stage.rows()[1].ended.is_some()));
}

/// A token that nobody takes any more.
const OVER: &str = "a-token-of-nobody-that-is-over";

#[test]
fn a_secret_that_was_renewed_is_asked_with_once_more() {
    let folder = tempfile::TempDir::new().unwrap();
    let setup = Setup::default();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("good"), setup.secret.value()).unwrap();
    // A program whose first token is over and whose second is good.
    let script = format!(
        "if [ -e '{0}' ]; then cat '{1}'; else : > '{0}'; echo {OVER}; fi",
        path("asked"),
        path("good")
    );
    let argv = ["/bin/sh", "-c", &script].map(ToOwned::to_owned).to_vec();
    let setup = Setup {
        source: Source::Command { argv },
        ..setup
    };
    let stage = setup.start(|received| {
        let (_, secret) = received.credentials().remove(0);
        if secret == OVER {
            answer("invalid key", 0)
        } else {
            answer("ok", 0)
        }
    });
    assert_eq!(stage.post(ASK).status(), 200);
    let reasons: Vec<_> = stage
        .rows()
        .iter()
        .map(|row| (row.intent.number, row.intent.reason.name()))
        .collect();
    assert_eq!(reasons, [(1, "first"), (2, "renewed")]);
}

#[test]
fn a_secret_that_is_the_same_again_is_not_asked_with_again() {
    let argv = ["/bin/sh", "-c", "echo the-same-token-of-nobody-each-time"];
    let setup = Setup {
        source: Source::Command {
            argv: argv.map(ToOwned::to_owned).to_vec(),
        },
        ..Setup::default()
    };
    let stage = setup.start(|_| answer("invalid key", 0));
    assert_eq!(stage.post(ASK).status(), 401);
    assert_eq!(stage.rows().len(), 1);
}

#[test]
fn a_key_without_a_profile_is_told_the_command() {
    let house = House::with(
        Setup::default(),
        &[HERE],
        |key| key.profiles.clear(),
        |who, _| answer("ok", who),
    );
    let text = check_envelope(&house.post(), 403, "permission_error");
    assert!(
        text.contains("keyreeve key add NAME --profile PROFILE"),
        "{text}"
    );
    assert!(house.order().is_empty());
}

#[test]
fn a_profile_whose_secret_cannot_be_had_is_passed_over() {
    let setup = Setup {
        source: Source::Environment {
            variable: "NOBODY_SET_THIS".to_owned(),
        },
        ..Setup::default()
    };
    let house = House::with(setup, &[HERE, HERE], |_| {}, |who, _| answer("ok", who));
    assert_eq!(from(&house.post()), 1);
    // Nothing was sent for it, so it was no attempt.
    let told = house.told();
    assert_eq!((told.len(), told[0].1, told[0].2), (1, 1, "after-refusal"));
}
