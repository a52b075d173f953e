//! What is remembered of what passed through, and what is not: a row, the windows it told, and nobody's standing.

use std::sync::{Mutex, mpsc};

use keyreeve_core::limits::{Amount, Subject};
use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::Basis;
use keyreeve_core::profile::ProfileId;
use keyreeve_os::world;
use keyreeve_store::{AttemptRow, Ended, Ending, Operation};
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::{Step, reply};

use super::{GENUINE, ODD_BODY, ask, raw, stage};
use crate::stage::{ASK, JSON, Stage, eventually};

/// A whole answer of the API's.
const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-5-5","content":[],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":20}}"#;

#[track_caller]
fn check_recorded(stage: &Stage, operation: Operation) -> (AttemptRow, Ended) {
    let (row, ended) = stage.row();
    assert_eq!(row.intent.operation, operation);
    assert_eq!(row.intent.profile, ProfileId::PASS_THROUGH);
    assert_eq!(row.profile_name.as_deref(), Some("(pass-through)"));
    assert_eq!(row.key_name.as_deref(), Some("laptop"));
    assert!(row.intent.simulated);
    (row, ended)
}

#[test]
fn what_a_plan_pays_is_metered_as_an_estimate() {
    let stream = fixtures::bytes("success-stream.sse");
    let whole = stream.clone();
    let stage = stage(move |_| reply::stream([stream.as_slice()]));
    let body = String::from_utf8(ODD_BODY.into()).unwrap();
    let body = body.replace("\"max_tokens\" :16", "\"max_tokens\" :16,\"stream\":true");
    let answer = ask(
        &stage,
        "POST /passthrough/v1/messages",
        &GENUINE,
        body.as_bytes(),
    );
    assert_eq!(answer.body, whole);
    let (row, ended) = check_recorded(&stage, Operation::Messages);
    assert_eq!(row.intent.reserved, NanoDollars::ZERO);
    assert_eq!(row.intent.session.as_deref(), Some("0000-1111"));
    assert_eq!(
        row.intent.request_hash,
        *blake3::hash(body.as_bytes()).as_bytes()
    );
    assert_eq!(ended.answer_hash, Some(*blake3::hash(&whole).as_bytes()));
    assert_eq!((ended.ending, ended.status), (Ending::Done, Some(200)));
    assert_eq!(ended.basis, Some(Basis::Equivalent));
    assert!(ended.cost > NanoDollars::ZERO && ended.tokens.output > 0);
    let id = format!("req_kr_{}", row.intent.request.0.simple());
    assert_eq!(answer.head.header("x-keyreeve-request-id"), Some(&*id));
}

#[test]
fn what_an_api_key_of_the_clients_own_pays_is_money() {
    let stage = stage(|_| reply::json(200, MESSAGE));
    let api_key = Canary::api_key("own");
    let key = ("x-keyreeve-key", stage.key.value());
    for (number, bearer) in [
        api_key.value().to_owned(),
        format!("Bearer {}", api_key.value()),
    ]
    .iter()
    .enumerate()
    {
        let name = ["x-api-key", "authorization"][number];
        raw(
            &stage,
            "POST /passthrough/v1/messages",
            &[key, (name, bearer), JSON],
            ASK,
        );
    }
    for row in stage.rows() {
        let ended = row.ended.unwrap();
        assert!(row.intent.reserved > NanoDollars::ZERO);
        assert_eq!(ended.basis, Some(Basis::Known));
        assert!(ended.cost > NanoDollars::ZERO);
    }
}

#[test]
fn the_intent_is_there_before_the_first_byte_goes_out() {
    let (tell, told) = mpsc::channel();
    let (allow, allowed) = mpsc::channel();
    let both = Mutex::new((tell, allowed));
    let stage = stage(move |_| {
        let (tell, allowed) = &*both.lock().unwrap();
        tell.send(()).unwrap();
        allowed.recv().unwrap();
        vec![Step::Close]
    });
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&stage, "POST /passthrough/v1/messages", &[JSON], ASK));
        told.recv().unwrap();
        let rows = stage.another_store().attempts(10).unwrap();
        allow.send(()).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].intent.profile, ProfileId::PASS_THROUGH);
        assert_eq!(rows[0].ended, None);
        assert_eq!(asking.join().unwrap().status(), 502);
    });
    let (_, ended) = stage.row();
    assert_eq!(ended.ending, Ending::Incomplete);
    assert_eq!(ended.basis, Some(Basis::Equivalent));
}

#[test]
fn a_refusal_of_the_vendors_passes_verbatim_once_and_touches_nobody() {
    let errors = fixtures::json("errors.json");
    let all = errors["cases"]
        .as_array()
        .or(errors.as_array())
        .unwrap()
        .clone();
    for status in [400, 401, 403, 429, 529] {
        let case = all.iter().find(|case| case["status"] == status).unwrap();
        let body = format!("{:#}\n ", case["body"]);
        let sent = body.clone();
        let stage = stage(move |_| {
            let headers = [
                ("content-type", "application/json"),
                ("retry-after", "7"),
                ("x-should-retry", "true"),
                ("request-id", "req_made_up"),
            ];
            reply::with_headers(status, &headers, sent.as_bytes())
        });
        let answer = ask(&stage, "POST /passthrough/v1/messages", &[JSON], ASK);
        assert_eq!((answer.status(), answer.text()), (status, body));
        for (name, value) in [
            ("retry-after", "7"),
            ("x-should-retry", "true"),
            ("request-id", "req_made_up"),
        ] {
            assert_eq!(answer.head.header(name), Some(value), "{name}");
        }
        assert_eq!(stage.upstream.requests().len(), 1);
        let (_, ended) = check_recorded(&stage, Operation::Messages);
        assert_eq!(ended.cost, NanoDollars::ZERO);
        assert_ne!(ended.verdict.as_deref(), Some("ok"));
        let known = stage.store.known().unwrap();
        assert!(known.standings.all_ready(), "{status}");
        // The key's own profile serves as before.
        let before = stage.upstream.requests().len();
        stage.post(ASK);
        assert_eq!(stage.upstream.requests().len(), before + 1);
    }
}

#[test]
fn what_the_vendor_echoes_of_the_clients_own_is_the_clients() {
    let stage = stage(|received| reply::echo(401, received));
    let answer = ask(&stage, "POST /passthrough/v1/messages", &[JSON], ASK);
    assert!(answer.text().contains(stage.own.value()));
}

/// What is remembered of the login that passes through: names and millionths used.
fn windows(stage: &Stage) -> Vec<(String, u32)> {
    let seen = stage.store.limits().unwrap();
    let ours = Subject::PassThrough(stage.key_row.id);
    seen.into_iter()
        .filter(|seen| seen.subject == ours)
        .filter_map(|seen| match seen.limit.amount {
            Some(Amount::Used(used)) => {
                Some((seen.limit.which.name().to_owned(), used.millionths()))
            }
            Some(Amount::Left { .. }) | None => None,
        })
        .collect()
}

#[track_caller]
fn check_windows(stage: &Stage, expected: &[(&str, u32)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, used)| ((*name).to_owned(), *used))
        .collect();
    eventually(|| windows(stage) == expected);
    assert_eq!(windows(stage), expected);
}

#[test]
fn the_windows_that_answers_tell_are_remembered_under_the_key() {
    let stage = stage(|received| {
        let used = if received.number == 0 { "0.25" } else { "0.5" };
        let reset = (world::now() + jiff::SignedDuration::from_hours(3)).as_second();
        let reset = reset.to_string();
        let headers = [
            ("content-type", "application/json"),
            ("anthropic-ratelimit-unified-status", "allowed"),
            ("anthropic-ratelimit-unified-5h-status", "allowed"),
            ("anthropic-ratelimit-unified-5h-utilization", used),
            ("anthropic-ratelimit-unified-5h-reset", reset.as_str()),
        ];
        let status = if received.number == 0 { 200 } else { 429 };
        reply::with_headers(status, &headers, b"{}")
    });
    for used in [250_000, 500_000] {
        ask(&stage, "POST /passthrough/v1/messages", &[JSON], ASK);
        check_windows(&stage, &[("five_hour", used)]);
    }
    // A plan's headers block profiles, and no profile is meant here.
    assert!(stage.store.known().unwrap().standings.all_ready());
}

#[test]
fn the_accounts_usage_passes_as_it_is_and_is_understood() {
    let reset = (world::now() + jiff::SignedDuration::from_hours(3)).to_string();
    let usage = format!(
        "{{ \"five_hour\" : {{\"utilization\":37.0,\"resets_at\":\"{reset}\"}},\n\"seven_day\":null ,\"new\":[1] }} "
    );
    let sent = usage.clone();
    let stage = stage(move |received| {
        let line = received.head.line.as_str();
        match received.number {
            0 => reply::json(200, &sent),
            1 => reply::with_headers(
                429,
                &[("retry-after", "2895")],
                b"{\"five_hour\":{\"utilization\":1}}",
            ),
            _ => reply::json(200, &format!("{{\"line\":\"{line}\"}}")),
        }
    });
    let answer = ask(&stage, "GET /passthrough/api/oauth/usage", &[], b"");
    assert_eq!((answer.status(), answer.text()), (200, usage));
    let (_, ended) = check_recorded(&stage, Operation::Account);
    assert_eq!(
        (ended.cost, ended.ending),
        (NanoDollars::ZERO, Ending::Done)
    );
    check_windows(&stage, &[("five_hour", 370_000)]);

    // Throttled: it tells that to the client, and nothing to anybody else.
    let answer = ask(&stage, "GET /passthrough/api/oauth/usage", &[], b"");
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.head.header("retry-after"), Some("2895"));
    let answer = ask(&stage, "GET /passthrough/api/oauth/profile", &[], b"");
    assert!(answer.text().contains("GET /api/oauth/profile HTTP/1.1"));
    check_windows(&stage, &[("five_hour", 370_000)]);
    assert!(stage.store.known().unwrap().standings.all_ready());
}
