//! NF-03: an answer that is cut looks cut to the client, is asked for once, and is recorded with what was seen of it.
//!
//! Cut where every event ends and at offsets that a seed draws, in good order and by a reset.

use keyreeve_core::usage::{Meter, Metered};
use keyreeve_store::{AttemptRow, Ending};
use keyreeve_testkit::fixtures;
use keyreeve_testkit::random::Random;
use keyreeve_testkit::upstream::{Received, Step, reply};
use keyreeve_testkit::wire::{Answer, Ended};

use crate::books::check_books;
use crate::envelope::check_envelope;
use crate::stage::{ASK, ASK_STREAM, JSON, Stage};

/// How many offsets are drawn for an answer.
const SAMPLED: usize = 500;

/// Where and how an answer is cut.
struct Cut {
    length: usize,
    ending: &'static str,
}

/// An upstream that cuts its answer where the request's own headers say.
fn cutting(whole: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> Stage {
    Stage::start(move |request| {
        let header = |name| request.head.header(name).unwrap();
        let ending = match header("x-ending") {
            "reset" => Step::Reset,
            _ => Step::Close,
        };
        reply::cut(whole(), header("x-length").parse().unwrap(), ending)
    })
}

fn ask_cut(stage: &Stage, number: usize, cut: &Cut, body: &[u8]) -> Answer {
    let (length, session) = (cut.length.to_string(), number.to_string());
    let headers = [
        JSON,
        ("x-length", length.as_str()),
        ("x-ending", cut.ending),
        ("x-claude-code-session-id", session.as_str()),
    ];
    stage.ask("POST /v1/messages", &headers, body)
}

const ENDINGS: [&str; 2] = ["close", "reset"];

/// A cut at each of these, in both ways.
fn both_endings(lengths: impl IntoIterator<Item = usize>) -> Vec<Cut> {
    let both = |length| ENDINGS.map(|ending| Cut { length, ending });
    lengths.into_iter().flat_map(both).collect()
}

/// Early and late cuts by turns: an upstream that five times on end does not even answer is left alone for a while.
fn by_turns(mut cuts: Vec<Cut>) -> Vec<Cut> {
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

/// Cuts of an answer of this length, in both ways by turns.
fn sampled(length: usize) -> Vec<Cut> {
    let (mut random, bound) = (Random::seeded(), u64::try_from(length).unwrap());
    let mut cut = |number: usize| Cut {
        length: usize::try_from(random.below(bound)).unwrap(),
        ending: ENDINGS[number % 2],
    };
    (0..SAMPLED).map(&mut cut).collect()
}

/// Each request went upstream once, and its row is found by the number it was sent with.
#[track_caller]
fn in_order<'a>(
    rows: &'a [AttemptRow],
    requests: &[Received],
    count: usize,
) -> Vec<&'a AttemptRow> {
    let mut arrived: Vec<&str> = requests
        .iter()
        .filter_map(|request| request.head.header("x-claude-code-session-id"))
        .collect();
    arrived.sort_unstable();
    let mut sent: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    sent.sort_unstable();
    assert_eq!(arrived, sent);
    let mut rows: Vec<&AttemptRow> = rows.iter().collect();
    let number = |row: &&AttemptRow| row.intent.session.as_ref().unwrap().parse::<usize>();
    rows.sort_by_key(|row| number(row).unwrap());
    let numbers = rows.iter().map(|row| number(row).unwrap());
    assert!(numbers.eq(0..count), "a request has no row, or two");
    rows
}

fn metered(body: &[u8]) -> Metered {
    let mut meter = Meter::default();
    meter.feed(body);
    meter.finish()
}

#[track_caller]
fn check_stream(whole: &[u8], cut: &Cut, answer: &Answer, row: &AttemptRow) {
    let Cut { length, ending } = cut;
    let ended = row.ended.as_ref().unwrap();
    assert_eq!(ended.ending, Ending::Incomplete, "{length} {ending}");
    assert_ne!(ended.cost.get(), 0, "{length} {ending}");
    if answer.status() != 200 {
        check_envelope(answer, 502, "api_error");
        assert_eq!(ended.cost, row.intent.reserved, "{length} {ending}");
        return;
    }
    assert!(
        matches!(answer.ended, Ended::Early | Ended::Reset),
        "{length} {ending}"
    );
    assert!(
        whole.starts_with(&answer.body),
        "{length} {ending}: something was invented"
    );
    let seen = metered(&answer.body);
    assert_eq!(
        ended.answer_bytes,
        answer.body.len() as u64,
        "{length} {ending}"
    );
    assert_eq!(
        ended.answer_hash,
        Some(*blake3::hash(&answer.body).as_bytes())
    );
    assert_eq!(ended.tokens, seen.usage.totals(), "{length} {ending}");
    if seen.usage.parts.is_empty() {
        assert_eq!(ended.cost, row.intent.reserved, "{length} {ending}");
    }
}

#[test]
fn nf_03_a_stream_cut_anywhere() {
    let whole = fixtures::bytes("thinking-tools-stream.sse");
    let text = String::from_utf8(whole.clone()).unwrap();
    let events: Vec<_> = text
        .split_inclusive("\n\n")
        .map(ToOwned::to_owned)
        .collect();
    let steps = move || reply::stream(events.iter().map(String::as_bytes));
    let length = reply::length(&steps());
    let ends_of_events = steps().into_iter().scan(0, |end, step| {
        *end += reply::length(&[step]);
        Some(*end)
    });
    let mut cuts = both_endings(ends_of_events.filter(|offset| *offset < length));
    assert!(cuts.len() >= 30, "{}", cuts.len());
    cuts.extend(sampled(length));
    let cuts = by_turns(cuts);

    let stage = cutting(steps);
    let asked = |(number, cut)| ask_cut(&stage, number, cut, ASK_STREAM);
    let answers: Vec<_> = cuts.iter().enumerate().map(asked).collect();
    let (rows, requests) = (stage.rows(), stage.upstream.requests());
    check_books(&rows, &requests);
    let rows = in_order(&rows, &requests, cuts.len());
    for ((cut, answer), row) in cuts.iter().zip(&answers).zip(rows) {
        check_stream(&whole, cut, answer, row);
    }
}

#[test]
fn nf_03_a_json_answer_cut_anywhere() {
    let fixture = fixtures::json("success.json");
    let steps = move || reply::json(200, &fixture["body"].to_string());
    let length = reply::length(&steps());
    let cuts = by_turns(sampled(length));

    let stage = cutting(steps);
    let asked = |(number, cut)| ask_cut(&stage, number, cut, ASK);
    let answers: Vec<_> = cuts.iter().enumerate().map(asked).collect();
    let (rows, requests) = (stage.rows(), stage.upstream.requests());
    check_books(&rows, &requests);
    let rows = in_order(&rows, &requests, cuts.len());
    for ((cut, answer), row) in cuts.iter().zip(&answers).zip(rows) {
        let ended = row.ended.as_ref().unwrap();
        assert_eq!(ended.ending, Ending::Incomplete, "{}", cut.length);
        // What a cut answer used is not known: its usage stands at its end.
        assert_eq!(ended.cost, row.intent.reserved, "{}", cut.length);
        match answer.status() {
            200 => assert!(
                matches!(answer.ended, Ended::Early | Ended::Reset),
                "{}",
                cut.length
            ),
            _ => drop(check_envelope(answer, 502, "api_error")),
        }
    }
}

#[test]
fn nf_03_a_kept_connection_that_ends_instead_of_answering_is_not_tried_again() {
    let stage = Stage::start(|request| match request.number {
        0 => reply::json(200, "{}"),
        _ => vec![Step::Close],
    });
    assert_eq!(stage.post(ASK).status(), 200);
    check_envelope(&stage.post(ASK), 502, "api_error");
    assert_eq!(stage.upstream.requests().len(), 2);
    let endings: Vec<_> = stage
        .rows()
        .into_iter()
        .map(|row| row.ended.unwrap().ending)
        .collect();
    assert_eq!(endings, [Ending::Done, Ending::Incomplete]);
}

#[test]
fn nf_03_an_upstream_that_falls_silent_is_cut_off() {
    let mut setup = crate::stage::Setup::default();
    setup.patience.silence = std::time::Duration::from_millis(300);
    let whole = fixtures::bytes("success-stream.sse");
    let half = whole[..whole.len() / 2].to_vec();
    let sent = half.clone();
    let stage = setup.start(move |_| {
        vec![
            Step::Send(reply::stream_head()),
            Step::Send(reply::chunk(&sent)),
            Step::Silence,
        ]
    });
    let answer = stage.post(ASK_STREAM);
    assert!(
        matches!(answer.ended, Ended::Early | Ended::Reset),
        "{:?}",
        answer.ended
    );
    assert_eq!(answer.body, half);
    let (_, ended) = stage.row();
    assert_eq!((ended.ending, ended.tokens.input), (Ending::Incomplete, 25));
}

#[test]
fn nf_03_what_had_come_of_an_answer_that_is_cut_at_once_reaches_the_client() {
    let error = reply::json(
        429,
        r#"{"type":"error","error":{"type":"rate_limit_error"}}"#,
    );
    let comment = b": hello\n\n".as_slice();
    let stream = reply::stream([comment]);
    for (whole, status, begins) in [
        (error, 429, b"{\"type\":".as_slice()),
        (stream, 200, comment),
    ] {
        // But for its last bytes it is whole, and broken off at once.
        let length = reply::length(&whole) - 6;
        let stage = Stage::start(move |_| reply::cut(whole.clone(), length, Step::Close));
        let answer = stage.post(ASK_STREAM);
        assert_eq!((answer.status(), answer.ended), (status, Ended::Early));
        assert!(answer.body.starts_with(begins), "{}", answer.text());
        assert_eq!(stage.row().1.ending, Ending::Incomplete);
    }
}
