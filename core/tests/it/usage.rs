//! Metering: every fixture stream in any chunks, the merging of successive reports, and malformed bodies.

use keyreeve_core::usage::{Geo, Meter, MeterReport, ServiceTier, Speed, TokenCounts, meter_body};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

/// The fixture streams.
const STREAMS: [(&str, &[u8]); 6] = [
    (
        "success-stream.sse",
        include_bytes!("../fixtures/success-stream.sse"),
    ),
    (
        "stream-quirks.sse",
        include_bytes!("../fixtures/stream-quirks.sse"),
    ),
    (
        "thinking-tools-stream.sse",
        include_bytes!("../fixtures/thinking-tools-stream.sse"),
    ),
    (
        "stream-with-error.sse",
        include_bytes!("../fixtures/stream-with-error.sse"),
    ),
    (
        "stream-truncated.sse",
        include_bytes!("../fixtures/stream-truncated.sse"),
    ),
    (
        "stream-error-first.sse",
        include_bytes!("../fixtures/stream-error-first.sse"),
    ),
];

/// The expectation of `streams.json` for a fixture stream.
pub(crate) struct Expected {
    pub(crate) file: String,
    pub(crate) stream: &'static [u8],
    pub(crate) metered: (Option<String>, TokenCounts, bool, Option<String>),
    pub(crate) cost: String,
}

pub(crate) fn fixtures() -> Vec<Expected> {
    let all: Value = serde_json::from_str(include_str!("../fixtures/streams.json")).unwrap();
    let all = all["streams"].as_array().unwrap();
    assert_eq!(all.len(), STREAMS.len());
    all.iter().map(expected).collect()
}

fn expected(row: &Value) -> Expected {
    let text = |field: &str| row[field].as_str().map(str::to_owned);
    let count = |field: &str| row[field].as_u64().unwrap();
    let file = text("file").unwrap();
    let stream = STREAMS.iter().find(|(name, _)| *name == file).unwrap().1;
    let tokens = TokenCounts {
        input: count("input"),
        output: count("output"),
        cache_read: count("cache_read"),
        write_5m: count("write_5m"),
        write_1h: count("write_1h"),
    };
    let complete = row["complete"].as_bool().unwrap();
    let metered = (text("model"), tokens, complete, text("error"));
    Expected {
        file,
        stream,
        metered,
        cost: text("cost").unwrap(),
    }
}

pub(crate) fn meter<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> MeterReport {
    let mut meter = Meter::new();
    for chunk in chunks {
        meter.feed(chunk);
    }
    let current = meter.current();
    let report = meter.finish();
    assert_eq!(current, report);
    report
}

fn check(expected: &Expected, metered: &MeterReport, chunking: &str) {
    let actual = (
        metered.model.clone(),
        metered.usage.totals(),
        metered.is_complete,
        metered.error.clone(),
    );
    assert_eq!(actual, expected.metered, "{} {chunking}", expected.file);
    assert!(!metered.has_gaps, "{} {chunking}", expected.file);
}

#[test]
fn totals_are_the_same_in_equal_chunks() {
    for fixture in fixtures() {
        for size in [1, 7, usize::MAX] {
            check(
                &fixture,
                &meter(fixture.stream.chunks(size)),
                &format!("by {size}"),
            );
        }
    }
}

#[test]
fn totals_are_the_same_in_two_chunks() {
    for fixture in fixtures() {
        for cut in 0..fixture.stream.len() {
            let (head, tail) = fixture.stream.split_at(cut);
            check(&fixture, &meter([head, tail]), &format!("cut at {cut}"));
        }
    }
}

#[test]
fn totals_are_the_same_with_other_line_ends() {
    for fixture in fixtures() {
        let text = std::str::from_utf8(fixture.stream).unwrap();
        for end in ["\r\n", "\r"] {
            let stream = format!("\u{feff}{}", text.replace('\n', end));
            check(
                &fixture,
                &meter(stream.as_bytes().chunks(5)),
                &format!("with {end:?}"),
            );
        }
    }
}

#[test]
fn totals_are_the_same_without_event_lines() {
    for fixture in fixtures() {
        let text = std::str::from_utf8(fixture.stream).unwrap();
        let lines: Vec<_> = text
            .split('\n')
            .filter(|line| !line.starts_with("event:"))
            .collect();
        check(
            &fixture,
            &meter([lines.join("\n").as_bytes()]),
            "without event lines",
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn totals_are_the_same_in_random_chunks(
        index in 0..STREAMS.len(),
        cuts in proptest::collection::vec(any::<Index>(), 0..40),
    ) {
        let fixture = fixtures().swap_remove(index);
        let length = fixture.stream.len();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(length)).collect();
        cuts.extend([0, length]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|pair| &fixture.stream[pair[0]..pair[1]]);
        check(&fixture, &meter(chunks), "cut at random");
    }

    #[test]
    fn arbitrary_bytes_never_fail(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        meter([bytes.as_slice()]);
        meter_body(&bytes);
    }

    #[test]
    fn arbitrary_usage_never_fails(usage in "[\\[\\]{}:,\"a-z0-9.e-]{0,60}") {
        meter([delta(&usage).as_bytes()]);
        meter_body(format!("{{\"usage\":{usage}}}").as_bytes());
    }
}

fn start(usage: &str) -> String {
    format!(
        "data: {{\"type\":\"message_start\",\"message\":{{\"model\":\"m\",\"usage\":{usage}}}}}\n\n"
    )
}

fn delta(usage: &str) -> String {
    format!("data: {{\"type\":\"message_delta\",\"usage\":{usage}}}\n\n")
}

/// Returns the totals as (input, output, read, 5m, 1h) after two successive reports.
fn totals(first: &str, second: &str) -> (u64, u64, u64, u64, u64) {
    let stream = [start(first), delta(second)].concat();
    let TokenCounts {
        input,
        output,
        cache_read,
        write_5m,
        write_1h,
    } = meter([stream.as_bytes()]).usage.totals();
    (input, output, cache_read, write_5m, write_1h)
}

#[test]
fn later_report_replaces_the_fields_it_has() {
    let first = r#"{"input_tokens":10,"output_tokens":1,"cache_read_input_tokens":5}"#;
    for (second, expected) in [
        ("{}", (10, 1, 5, 0, 0)),
        (r#"{"output_tokens":7}"#, (10, 7, 5, 0, 0)),
        (
            r#"{"output_tokens":7,"input_tokens":null}"#,
            (10, 7, 5, 0, 0),
        ),
        (
            r#"{"input_tokens":11,"cache_read_input_tokens":0}"#,
            (11, 1, 0, 0, 0),
        ),
        (
            r#"{"input_tokens":-1,"output_tokens":2.5}"#,
            (10, 1, 5, 0, 0),
        ),
        (
            r#"{"input_tokens":"12","output_tokens":1e400}"#,
            (10, 1, 5, 0, 0),
        ),
        (
            r#"{"input_tokens":18446744073709551616,"output_tokens":{}}"#,
            (10, 1, 5, 0, 0),
        ),
        (
            r#"{"input_tokens":18446744073709551615}"#,
            (1_000_000_000, 1, 5, 0, 0),
        ),
        (
            r#"{"cache_creation":"x","server_tool_use":[],"iterations":7}"#,
            (10, 1, 5, 0, 0),
        ),
    ] {
        assert_eq!(totals(first, second), expected, "{second}");
    }
}

#[test]
fn writes_beyond_the_split_count_as_five_minutes() {
    let split = r#"{"cache_creation_input_tokens":100,"cache_creation":{"ephemeral_5m_input_tokens":60,"ephemeral_1h_input_tokens":40}}"#;
    for (first, second, expected) in [
        (split, "{}", (0, 0, 0, 60, 40)),
        (
            split,
            r#"{"cache_creation_input_tokens":150}"#,
            (0, 0, 0, 110, 40),
        ),
        (
            split,
            r#"{"cache_creation_input_tokens":30}"#,
            (0, 0, 0, 0, 30),
        ),
        (
            r#"{"cache_creation_input_tokens":9,"cache_creation":null}"#,
            "{}",
            (0, 0, 0, 9, 0),
        ),
        (
            r#"{"cache_creation":{"ephemeral_1h_input_tokens":4}}"#,
            "{}",
            (0, 0, 0, 0, 4),
        ),
    ] {
        assert_eq!(totals(first, second), expected, "{first} {second}");
    }
}

/// Returns the parts of a body with this usage, as (model, input).
fn parts(usage: &str) -> Vec<(Option<String>, u64)> {
    let body = format!(r#"{{"model":"m","usage":{usage}}}"#);
    let parts = meter_body(body.as_bytes()).usage.parts;
    parts
        .into_iter()
        .map(|part| (part.model, part.tokens.input))
        .collect()
}

#[test]
fn iterations_are_inside_or_outside_the_top_level() {
    let own_model = Some("advisor".to_owned());
    for (iterations, expected) in [
        ("null", vec![(None, 30)]),
        ("[]", vec![(None, 30)]),
        (
            r#"[{"type":"message","input_tokens":30}]"#,
            vec![(None, 30)],
        ),
        (
            r#"[{"type":"message","input_tokens":10},{"type":"fallback_message","input_tokens":20}]"#,
            vec![(None, 10), (None, 20)],
        ),
        (
            r#"[{"type":"message","input_tokens":10}]"#,
            vec![(None, 30)],
        ),
        (
            r#"[{"type":"compaction","input_tokens":9,"model":"x"}]"#,
            vec![(None, 30), (None, 9)],
        ),
        (
            r#"[{"type":"advisor_message","model":"advisor","input_tokens":8}]"#,
            vec![(None, 30), (own_model, 8)],
        ),
        (
            r#"[7,"x",{"type":"later","input_tokens":5}]"#,
            vec![(None, 30)],
        ),
    ] {
        let usage = format!(r#"{{"input_tokens":30,"iterations":{iterations}}}"#);
        assert_eq!(parts(&usage), expected, "{iterations}");
    }
}

#[test]
fn last_list_of_iterations_wins() {
    let list = r#"{"iterations":[{"type":"compaction","input_tokens":9}]}"#;
    let longer = r#"{"iterations":[{"type":"compaction","input_tokens":9},{"type":"compaction","input_tokens":1}]}"#;
    assert_eq!(totals(list, longer).0, 10);
    assert_eq!(totals(longer, list).0, 9);
    assert_eq!(totals(list, "{}").0, 9);
}

#[test]
fn pricing_options_are_parsed() {
    let usage = r#"{"service_tier":"batch","speed":"fast","inference_geo":"us","server_tool_use":{"web_search_requests":3}}"#;
    let metered = meter([start(usage).as_bytes()]).usage;
    assert_eq!(
        (metered.service_tier, metered.speed, metered.geo),
        (ServiceTier::Batch, Speed::Fast, Geo::Us)
    );
    assert_eq!(metered.web_searches, 3);
    let later = [
        start(usage),
        delta(r#"{"service_tier":"new","speed":null}"#),
    ]
    .concat();
    let metered = meter([later.as_bytes()]).usage;
    assert_eq!(
        (metered.service_tier, metered.speed),
        (ServiceTier::Standard, Speed::Fast)
    );
}

#[test]
fn bodies_are_metered() {
    for (body, model, tokens, complete, error, gaps) in [
        (
            r#"{"type":"message","model":"m","usage":{"input_tokens":3}}"#,
            Some("m"),
            3,
            true,
            None,
            false,
        ),
        (
            r#"{"type":"error","error":{"type":"api_error"}}"#,
            None,
            0,
            false,
            Some("api_error"),
            false,
        ),
        (
            r#"{"type":"error","error":"odd"}"#,
            None,
            0,
            false,
            None,
            false,
        ),
        (r#"{"input_tokens":2095}"#, None, 0, true, None, false),
        (
            r#"{"data":[],"has_more":false}"#,
            None,
            0,
            true,
            None,
            false,
        ),
        (
            r#"{"model":"m","usage":{"input_tokens":3"#,
            None,
            0,
            false,
            None,
            true,
        ),
        (r#"{"model":7,"usage":[]}"#, None, 0, true, None, true),
        ("", None, 0, false, None, true),
        ("<html>", None, 0, false, None, true),
    ] {
        let metered = meter_body(body.as_bytes());
        assert_eq!(metered.model.as_deref(), model, "{body}");
        assert_eq!(metered.usage.totals().input, tokens, "{body}");
        assert_eq!(
            (metered.is_complete, metered.error.as_deref()),
            (complete, error),
            "{body}"
        );
        assert_eq!(metered.has_gaps, gaps, "{body}");
    }
}

#[test]
fn gaps_are_reported() {
    let long = format!("data: {{\"x\":\"{}\"}}\n\n", "x".repeat(1 << 20));
    for (stream, gaps) in [
        (long.as_str(), true),
        ("event: message_delta\ndata: {\n\n", true),
        ("event: message_start\ndata: {}\n\n", true),
        ("event: message_delta\ndata: {\"usage\":1}\n\n", true),
        ("data: [DONE]\n\n", false),
        ("event: content_block_delta\ndata: {\n\n", false),
    ] {
        let stream = [start(r#"{"input_tokens":3}"#).as_str(), stream].concat();
        let metered = meter([stream.as_bytes()]);
        assert_eq!((metered.has_gaps, metered.usage.totals().input), (gaps, 3));
    }
}
