//! Plan windows reported by `/api/oauth/usage`.

use jiff::Timestamp;
use keyreeve_core::limits::{Limit, LimitUsage, MAX_USAGE_BODY_BYTES, from_usage_body};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: &str = "2026-11-20T12:00:00Z";

fn parse(body: &[u8]) -> Vec<Limit> {
    from_usage_body(body, NOW.parse().unwrap())
}

#[track_caller]
fn check(name: &str, body: &Value, lines: &[&str]) {
    let line = |limit: &Limit| {
        let used = match limit.usage {
            Some(LimitUsage::Used(used)) => used.millionths().to_string(),
            Some(LimitUsage::Remaining { .. }) | None => "not reported".to_owned(),
        };
        let reset = limit
            .resets_at
            .map_or_else(|| "-".to_owned(), |at| at.to_string());
        format!("{} {used} {reset}", limit.kind)
    };
    let found: Vec<String> = parse(body.to_string().as_bytes())
        .iter()
        .map(line)
        .collect();
    assert_eq!(found, lines, "{name}");
}

#[test]
fn every_recorded_body_is_parsed() {
    let recorded: Value =
        serde_json::from_str(include_str!("../fixtures/oauth-usage.json")).unwrap();
    let expected: [(&str, &[&str]); 5] = [
        (
            "classic",
            &[
                "plan five_hour 370000 2026-11-20T15:00:00.528743Z",
                "plan seven_day 260000 2026-11-24T09:00:00.771647Z",
                "plan seven_day_sonnet 10000 2026-11-24T09:00:00Z",
            ],
        ),
        (
            "with-limits-array",
            &[
                "plan five_hour 425000 2026-11-20T15:00:00Z",
                "plan seven_day 710000 2026-11-24T09:00:00Z",
                "plan overage 200000 -",
                "plan seven_day_fable 570000 2026-11-24T09:00:00Z",
            ],
        ),
        ("windows-null", &[]),
        ("scope-missing", &[]),
        ("throttled", &[]),
    ];
    let responses = recorded["responses"].as_array().unwrap();
    assert_eq!(responses.len(), expected.len());
    for (response, (name, lines)) in responses.iter().zip(expected) {
        assert_eq!(response["name"], name);
        check(name, &response["body"], lines);
    }
}

#[test]
fn invalid_value_does_not_affect_other_values() {
    let window = |utilization: Value| json!({ "utilization": utilization, "resets_at": null });
    for (name, broken) in [
        ("null", Value::Null),
        ("text", json!("12")),
        ("negative", json!(-1)),
        ("implausible", json!(1e9)),
    ] {
        let body = json!({ "five_hour": window(broken), "seven_day": window(json!(3)) });
        check(name, &body, &["plan seven_day 30000 -"]);
    }
    let body = json!({ "five_hour": { "utilization": 1, "resets_at": "soon" }, "a b": window(json!(2)), "new_one": window(json!(2)) });
    check(
        "names",
        &body,
        &["plan five_hour 10000 -", "plan new_one 20000 -"],
    );
    let far = json!({ "five_hour": { "utilization": 1, "resets_at": "2066-11-20T12:00:00Z" } });
    check("far", &far, &["plan five_hour 10000 -"]);
}

#[test]
fn oversized_body_is_ignored() {
    let long =
        json!({ "five_hour": { "utilization": 1 }, "more": "x".repeat(MAX_USAGE_BODY_BYTES) });
    check("long", &long, &[]);
    let many: serde_json::Map<String, Value> = (0..100)
        .map(|number| (format!("window_{number}"), json!({ "utilization": 1 })))
        .collect();
    assert_eq!(parse(Value::from(many).to_string().as_bytes()).len(), 32);
}

proptest! {
    #[test]
    fn no_body_makes_parsing_fail(body in prop::collection::vec(any::<u8>(), 0..200)) {
        parse(&body);
    }

    #[test]
    fn truncated_body_is_ignored(at in 0usize..400) {
        let body = json!({ "five_hour": { "utilization": 42.5, "resets_at": NOW.parse::<Timestamp>().unwrap().to_string() } });
        let body = body.to_string();
        let cut = &body.as_bytes()[..at.min(body.len() - 1)];
        prop_assert_eq!(parse(cut), []);
    }
}
