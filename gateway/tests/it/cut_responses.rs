//! NF-03: a cut response reaches the client as a cut, is not retried, and is recorded with the part received.
//!
//! Responses are cut at the end of every event and at random offsets, by an orderly close and by a reset.

use keyreeve_core::usage::{Meter, MeterReport};
use keyreeve_store::{Ending, LedgerEntry};
use keyreeve_testkit::fixtures;
use keyreeve_testkit::random::SeededRandom;
use keyreeve_testkit::upstream::{ReceivedRequest, Step, responses};
use keyreeve_testkit::wire::{ResponseEnd, WireResponse};

use crate::error_envelope::check_error;
use crate::harness::{JSON, REQUEST_BODY, STREAM_REQUEST_BODY, TestGateway};
use crate::ledger_check::check_ledger;

/// The number of random offsets for a response.
const SAMPLES: usize = 500;

/// The offset of a cut, and the way the connection ends.
struct Cut {
    length: usize,
    ending: &'static str,
}

/// Starts a gateway whose upstream cuts its response as the request's headers specify.
fn cutting_gateway(whole: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> TestGateway {
    TestGateway::start(move |request| {
        let header = |name| request.head.header(name).unwrap();
        let ending = match header("x-ending") {
            "reset" => Step::Reset,
            _ => Step::Close,
        };
        responses::cut(whole(), header("x-length").parse().unwrap(), ending)
    })
}

fn send_cut(gateway: &TestGateway, number: usize, cut: &Cut, body: &[u8]) -> WireResponse {
    let (length, session) = (cut.length.to_string(), number.to_string());
    let headers = [
        JSON,
        ("x-length", length.as_str()),
        ("x-ending", cut.ending),
        ("x-claude-code-session-id", session.as_str()),
    ];
    gateway.send("POST /v1/messages", &headers, body)
}

const ENDINGS: [&str; 2] = ["close", "reset"];

/// Cuts at each of these offsets, once by a close and once by a reset.
fn both_endings(lengths: impl IntoIterator<Item = usize>) -> Vec<Cut> {
    let both = |length| ENDINGS.map(|ending| Cut { length, ending });
    lengths.into_iter().flat_map(both).collect()
}

/// Alternates early and late cuts, because five failures in a row would open the circuit breaker.
fn alternate(mut cuts: Vec<Cut>) -> Vec<Cut> {
    cuts.sort_by_key(|cut| cut.length);
    let late = cuts.split_off(cuts.len() / 2);
    let mut late = late.into_iter().rev();
    let mut mixed: Vec<Cut> = cuts
        .into_iter()
        .flat_map(|early| [Some(early), late.next()])
        .flatten()
        .collect();
    mixed.extend(late);
    mixed
}

/// Cuts at random offsets of a response of this length, alternately by a close and by a reset.
fn sample(length: usize) -> Vec<Cut> {
    let (mut random, bound) = (SeededRandom::seeded(), u64::try_from(length).unwrap());
    let mut cut = |number: usize| Cut {
        length: usize::try_from(random.below(bound)).unwrap(),
        ending: ENDINGS[number % 2],
    };
    (0..SAMPLES).map(&mut cut).collect()
}

/// Checks that each request was sent upstream once, and returns the entries in the order of the requests.
#[track_caller]
fn in_order<'a>(
    entries: &'a [LedgerEntry],
    requests: &[ReceivedRequest],
    count: usize,
) -> Vec<&'a LedgerEntry> {
    let mut arrived: Vec<&str> = requests
        .iter()
        .filter_map(|request| request.head.header("x-claude-code-session-id"))
        .collect();
    arrived.sort_unstable();
    let mut sent: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    sent.sort_unstable();
    assert_eq!(arrived, sent);
    let mut entries: Vec<&LedgerEntry> = entries.iter().collect();
    let number = |entry: &&LedgerEntry| entry.intent.session.as_ref().unwrap().parse::<usize>();
    entries.sort_by_key(|entry| number(entry).unwrap());
    let numbers = entries.iter().map(|entry| number(entry).unwrap());
    assert!(numbers.eq(0..count), "a request has no entry, or two");
    entries
}

fn metered(body: &[u8]) -> MeterReport {
    let mut meter = Meter::default();
    meter.feed(body);
    meter.finish()
}

#[track_caller]
fn check_stream(whole: &[u8], cut: &Cut, response: &WireResponse, entry: &LedgerEntry) {
    let Cut { length, ending } = cut;
    let outcome = entry.outcome.as_ref().unwrap();
    assert_eq!(outcome.ending, Ending::Incomplete, "{length} {ending}");
    assert_ne!(outcome.cost.get(), 0, "{length} {ending}");
    if response.status() != 200 {
        check_error(response, 502, "api_error");
        assert_eq!(outcome.cost, entry.intent.reserved, "{length} {ending}");
        return;
    }
    assert!(
        matches!(response.end, ResponseEnd::ClosedEarly | ResponseEnd::Reset),
        "{length} {ending}"
    );
    assert!(
        whole.starts_with(&response.body),
        "{length} {ending}: the client got bytes that were not sent"
    );
    let seen = metered(&response.body);
    assert_eq!(
        outcome.response_bytes,
        response.body.len() as u64,
        "{length} {ending}"
    );
    assert_eq!(
        outcome.response_hash,
        Some(*blake3::hash(&response.body).as_bytes())
    );
    assert_eq!(outcome.tokens, seen.usage.totals(), "{length} {ending}");
    if seen.usage.parts.is_empty() {
        assert_eq!(outcome.cost, entry.intent.reserved, "{length} {ending}");
    }
}

/// NF-03: a cut stream reaches the client as a cut.
#[test]
fn cut_stream_reaches_the_client_as_a_cut() {
    let whole = fixtures::bytes("thinking-tools-stream.sse");
    let text = String::from_utf8(whole.clone()).unwrap();
    let events: Vec<_> = text
        .split_inclusive("\n\n")
        .map(ToOwned::to_owned)
        .collect();
    let steps = move || responses::stream(events.iter().map(String::as_bytes));
    let length = responses::length(&steps());
    let ends_of_events = steps().into_iter().scan(0, |end, step| {
        *end += responses::length(&[step]);
        Some(*end)
    });
    let mut cuts = both_endings(ends_of_events.filter(|offset| *offset < length));
    assert!(cuts.len() >= 30, "{}", cuts.len());
    cuts.extend(sample(length));
    let cuts = alternate(cuts);

    let gateway = cutting_gateway(steps);
    let send = |(number, cut)| send_cut(&gateway, number, cut, STREAM_REQUEST_BODY);
    let responses: Vec<_> = cuts.iter().enumerate().map(send).collect();
    let (entries, requests) = (gateway.entries(), gateway.upstream.requests());
    check_ledger(&entries, &requests);
    let entries = in_order(&entries, &requests, cuts.len());
    for ((cut, response), entry) in cuts.iter().zip(&responses).zip(entries) {
        check_stream(&whole, cut, response, entry);
    }
}

/// NF-03: a cut JSON response reaches the client as a cut.
#[test]
fn cut_json_response_reaches_the_client_as_a_cut() {
    let fixture = fixtures::json("success.json");
    let steps = move || responses::json(200, &fixture["body"].to_string());
    let length = responses::length(&steps());
    let cuts = alternate(sample(length));

    let gateway = cutting_gateway(steps);
    let send = |(number, cut)| send_cut(&gateway, number, cut, REQUEST_BODY);
    let responses: Vec<_> = cuts.iter().enumerate().map(send).collect();
    let (entries, requests) = (gateway.entries(), gateway.upstream.requests());
    check_ledger(&entries, &requests);
    let entries = in_order(&entries, &requests, cuts.len());
    for ((cut, response), entry) in cuts.iter().zip(&responses).zip(entries) {
        let outcome = entry.outcome.as_ref().unwrap();
        assert_eq!(outcome.ending, Ending::Incomplete, "{}", cut.length);
        // The usage of a cut JSON response is unknown, because it is at the end.
        assert_eq!(outcome.cost, entry.intent.reserved, "{}", cut.length);
        match response.status() {
            200 => assert!(
                matches!(response.end, ResponseEnd::ClosedEarly | ResponseEnd::Reset),
                "{}",
                cut.length
            ),
            _ => drop(check_error(response, 502, "api_error")),
        }
    }
}

/// NF-03: a request on a reused connection that is closed without a response is not retried.
#[test]
fn closed_keep_alive_connection_is_not_retried() {
    let gateway = TestGateway::start(|request| match request.number {
        0 => responses::json(200, "{}"),
        _ => vec![Step::Close],
    });
    assert_eq!(gateway.post(REQUEST_BODY).status(), 200);
    check_error(&gateway.post(REQUEST_BODY), 502, "api_error");
    assert_eq!(gateway.upstream.requests().len(), 2);
    let endings: Vec<_> = gateway
        .entries()
        .into_iter()
        .map(|entry| entry.outcome.unwrap().ending)
        .collect();
    assert_eq!(endings, [Ending::Done, Ending::Incomplete]);
}

/// NF-03: a stream without data for the idle timeout is cut.
#[test]
fn idle_upstream_is_cut_off() {
    let mut setup = crate::harness::Setup::default();
    setup.timeouts.idle = std::time::Duration::from_millis(300);
    let whole = fixtures::bytes("success-stream.sse");
    let half = whole[..whole.len() / 2].to_vec();
    let sent = half.clone();
    let gateway = setup.start(move |_| {
        vec![
            Step::Send(responses::stream_head()),
            Step::Send(responses::chunk(&sent)),
            Step::Hang,
        ]
    });
    let response = gateway.post(STREAM_REQUEST_BODY);
    assert!(
        matches!(response.end, ResponseEnd::ClosedEarly | ResponseEnd::Reset),
        "{:?}",
        response.end
    );
    assert_eq!(response.body, half);
    let (_, outcome) = gateway.entry();
    assert_eq!(
        (outcome.ending, outcome.tokens.input),
        (Ending::Incomplete, 25)
    );
}

/// NF-03: the bytes received before a cut reach the client.
#[test]
fn bytes_before_a_cut_reach_the_client() {
    let error = responses::json(
        429,
        r#"{"type":"error","error":{"type":"rate_limit_error"}}"#,
    );
    let comment = b": hello\n\n".as_slice();
    let stream = responses::stream([comment]);
    for (whole, status, start) in [
        (error, 429, b"{\"type\":".as_slice()),
        (stream, 200, comment),
    ] {
        // All but the last bytes arrive, and the connection is closed at once.
        let length = responses::length(&whole) - 6;
        let gateway =
            TestGateway::start(move |_| responses::cut(whole.clone(), length, Step::Close));
        let response = gateway.post(STREAM_REQUEST_BODY);
        assert_eq!(
            (response.status(), response.end),
            (status, ResponseEnd::ClosedEarly)
        );
        assert!(response.body.starts_with(start), "{}", response.text());
        assert_eq!(gateway.entry().1.ending, Ending::Incomplete);
    }
}
