//! Rate limit headers: every recorded response, garbage, and both together.

use std::str::FromStr as _;

use keyreeve_core::limits::{
    Limit, LimitKind, LimitState, LimitUsage, ReportedLimits, Slug, read_headers,
};
use proptest::prelude::*;
use serde_json::Value;

use super::now;

fn reported(headers: &[(&str, &str)]) -> ReportedLimits {
    read_headers(headers.iter().copied(), now())
}

/// A limit on a line: kind, usage, state, reset time.
fn line(limit: &Limit) -> String {
    assert_eq!(limit.observed_at, now());
    let usage = match limit.usage {
        None => "-".to_owned(),
        Some(LimitUsage::Remaining { remaining, limit }) => {
            let limit = limit.map_or_else(|| "?".to_owned(), |limit| limit.to_string());
            format!("{remaining}/{limit}")
        }
        Some(LimitUsage::Used(fraction)) => format!("{}ppm", fraction.millionths()),
    };
    let state = limit.state.as_ref().map_or("-", LimitState::as_str);
    let reset = limit.resets_at.map_or_else(
        || "-".to_owned(),
        |at| at.strftime("%d %H:%M:%S").to_string(),
    );
    format!("{}: {usage} {state} {reset}", limit.kind)
}

fn check(name: &str, reported: &ReportedLimits, is_plan: bool, lines: &[&str]) {
    let found: Vec<String> = reported.limits.iter().map(line).collect();
    assert_eq!(found, lines, "{name}");
    assert_eq!(reported.is_plan, is_plan, "{name}");
}

fn headers(response: &Value) -> Vec<(String, String)> {
    let headers = response["headers"].as_object().into_iter().flatten();
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    headers
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

fn limits_of(response: &Value) -> ReportedLimits {
    let headers = headers(response);
    read_headers(
        headers.iter().map(|(name, value)| (&**name, &**value)),
        now(),
    )
}

/// The numbers of the responses that report a limit, `true` for a plan, and the limits.
const RECORDED: [(usize, bool, &[&str]); 7] = [
    (
        39,
        false,
        &[
            "requests: 0/50 - 20 12:00:42",
            "tokens: 20000/38000 - 20 12:00:30",
            "input_tokens: 12000/30000 - 20 12:00:30",
            "output_tokens: 8000/8000 - 20 12:00:00",
        ],
    ),
    (
        43,
        true,
        &[
            "plan five_hour: 1040000ppm rejected 20 16:40:00",
            "plan seven_day: 590000ppm allowed 24 12:00:00",
            "plan overage: - rejected -",
        ],
    ),
    (
        44,
        true,
        &[
            "plan five_hour: 280000ppm allowed 20 16:40:00",
            "plan seven_day: 1000000ppm rejected 24 12:00:00",
            "plan overage: - rejected -",
        ],
    ),
    (
        45,
        true,
        &[
            "plan five_hour: 0ppm - -",
            "plan seven_day: 690000ppm allowed -",
            "plan seven_day_overage_included: 1020000ppm rejected -",
            "plan overage: - rejected -",
        ],
    ),
    // The deciding window has no headers of its own here.
    (
        46,
        true,
        &[
            "plan five_hour: 200000ppm allowed 20 16:40:00",
            "plan seven_day: 590000ppm allowed 24 12:00:00",
            "plan seven_day_opus: - rejected 24 12:00:00",
            "plan overage: - rejected -",
        ],
    ),
    (
        47,
        true,
        &["plan overage: - rejected -", "plan plan: - allowed -"],
    ),
    (
        48,
        true,
        &["plan seven_day: 910000ppm allowed_warning 24 12:00:00"],
    ),
];

#[test]
fn every_recorded_response_reports_its_limits() {
    let success: Value = serde_json::from_str(include_str!("../../fixtures/success.json")).unwrap();
    check(
        "success",
        &limits_of(&success),
        false,
        &[
            "requests: 999/1000 - 20 12:00:01",
            "tokens: 95000/96000 - 20 12:00:01",
            "input_tokens: 79000/80000 - 20 12:00:01",
            "output_tokens: 16000/16000 - 20 12:00:00",
        ],
    );
    let cases = crate::verdict::cases();
    let mut with_limits = 0;
    for (number, case) in cases.iter().enumerate() {
        let name = format!("case {number}: {}", case["name"]);
        let lines = RECORDED.iter().find(|(at, ..)| *at == number);
        let (is_plan, lines) = lines.map_or((false, &[][..]), |(_, is_plan, lines)| {
            with_limits += 1;
            (*is_plan, *lines)
        });
        check(&name, &limits_of(case), is_plan, lines);
    }
    assert_eq!(with_limits, RECORDED.len());
}

macro_rules! unified {
    ($field:literal) => {
        concat!("anthropic-ratelimit-unified-", $field)
    };
}

/// Headers, `true` for a plan, and the reported limits.
type Row = (
    &'static [(&'static str, &'static str)],
    bool,
    &'static [&'static str],
);

const GARBAGE: [Row; 8] = [
    (&[], false, &[]),
    // A maximum alone reports no usage; a remaining count does.
    (&[("anthropic-ratelimit-requests-limit", "50")], false, &[]),
    (
        &[
            ("Anthropic-RateLimit-Requests-Remaining", " 7 "),
            ("anthropic-ratelimit-requests-limit", "many"),
            ("anthropic-ratelimit-requests-reset", "soon"),
        ],
        false,
        &["requests: 7/? - -"],
    ),
    (
        &[
            ("anthropic-ratelimit-tokens-remaining", "-1"),
            ("anthropic-ratelimit-tokens-limit", "9"),
            ("anthropic-ratelimit-bananas-remaining", "9"),
            ("anthropic-ratelimit", "9"),
            ("ratelimit-tokens-remaining", "9"),
        ],
        false,
        &[],
    ),
    (
        &[
            (
                "anthropic-priority-input-tokens-remaining",
                "18446744073709551615",
            ),
            ("anthropic-priority-input-tokens-limit", "1"),
            ("anthropic-priority-input-tokens-limit", "2"),
            (
                "anthropic-priority-output-tokens-remaining",
                "18446744073709551616",
            ),
        ],
        false,
        &["priority_input_tokens: 18446744073709551615/1 - -"],
    ),
    // The name alone identifies a plan, whatever the value.
    (
        &[(unified!("status"), ""), (unified!("upgrade-paths"), "x")],
        true,
        &[],
    ),
    (
        &[
            (unified!("5h-utilization"), "NaN"),
            (unified!("5h-reset"), "1e9"),
            (unified!("7d-utilization"), "-0.1"),
            (unified!("7d-status"), "alles \u{1b}[31m gut"),
            (unified!("9w-utilization"), "0.5"),
            (unified!("9w-status"), "Throttled_Softly"),
            (
                unified!("a-window-with-a-name-that-is-longer-than-any-has-status"),
                "allowed",
            ),
        ],
        true,
        &["plan 9w: 500000ppm throttled_softly -"],
    ),
    (
        &[
            (unified!("status"), "rate_limited"),
            (unified!("reset"), "1795192800.9"),
        ],
        true,
        &["plan plan: - rejected 20 16:40:00"],
    ),
];

#[test]
fn invalid_header_is_ignored_and_affects_no_other() {
    for (headers, is_plan, lines) in GARBAGE {
        check(&format!("{headers:?}"), &reported(headers), is_plan, lines);
    }
}

/// Names similar to the real ones, and arbitrary ones.
fn any_name() -> impl Strategy<Value = String> {
    let similar = (
        prop::sample::select(vec!["anthropic-", "Anthropic-", "anthropic", "x-"]),
        prop::sample::select(vec!["ratelimit-", "ratelimit-unified-", "priority-", ""]),
        prop::sample::select(vec!["requests-", "tokens-", "5h-", "7d_oi-", "é-", ""]),
        prop::sample::select(vec![
            "limit",
            "remaining",
            "reset",
            "status",
            "utilization",
            "representative-claim",
            "-",
        ]),
    )
        .prop_map(|(a, b, c, d)| format!("{a}{b}{c}{d}"));
    prop_oneof![4 => similar, 1 => any::<String>()]
}

fn any_value() -> impl Strategy<Value = String> {
    let similar = prop::sample::select(vec![
        "0",
        "1",
        "-1",
        "1.04",
        "NaN",
        "inf",
        "1e400",
        "allowed",
        "rejected",
        "1795192800",
        "99999999999999999999",
        "2026-11-20T12:00:42Z",
        "2026-99-20T12:00:42Z",
        "five_hour",
        "\u{202e}",
    ]);
    prop_oneof![3 => similar.prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_header_is_accepted_and_the_result_is_bounded(
        headers in prop::collection::vec((any_name(), any_value()), 0..80)
    ) {
        let reported = read_headers(headers.iter().map(|(name, value)| (&**name, &**value)), now());
        prop_assert!(reported.limits.len() <= 32);
        let named = |name: &String| name.to_ascii_lowercase().starts_with("anthropic-ratelimit-unified-");
        prop_assert_eq!(reported.is_plan, headers.iter().any(|(name, _)| named(name)));
        for limit in &reported.limits {
            prop_assert!(limit.usage.is_some() || limit.state.is_some() || limit.resets_at.is_some());
            prop_assert_eq!(&LimitKind::from_str(&limit.kind.to_string()), &Ok(limit.kind.clone()));
            let state = limit.state.as_ref().map_or("", LimitState::as_str);
            for text in [limit.kind.name(), state] {
                prop_assert!(text.len() <= Slug::MAX_LEN && text.bytes().all(|c| c.is_ascii_graphic()));
            }
        }
    }

    #[test]
    fn garbage_next_to_good_headers_changes_nothing(
        headers in prop::collection::vec((any::<String>(), any::<String>()), 0..20)
    ) {
        let good = [
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "7"),
            ("anthropic-ratelimit-requests-reset", "2026-11-20T12:00:42Z"),
        ];
        let garbage = headers.iter().map(|(name, value)| (&**name, &**value));
        let garbage = garbage.filter(|(name, _)| !name.to_ascii_lowercase().starts_with("anthropic-"));
        let both = read_headers(good.into_iter().chain(garbage), now());
        prop_assert_eq!(both, reported(&good));
    }
}
