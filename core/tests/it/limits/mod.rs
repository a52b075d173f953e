//! Limits: headers, fractions, staleness and names.

mod headers;

use std::str::FromStr as _;

use jiff::Timestamp;
use keyreeve_core::health::RequestClass;
use keyreeve_core::limits::{
    Fraction, Limit, LimitKind, LimitObservation, LimitOwner, LimitState, LimitUsage, PlanWindow,
    Slug, parse_reset, tightest,
};
use keyreeve_core::profile::ProfileId;
use uuid::Uuid;

const NOW: &str = "2026-11-20T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

#[test]
fn reset_time_is_parsed_in_either_form_and_limited() {
    for (value, expected) in [
        ("2026-11-20T12:00:42Z", Some("2026-11-20T12:00:42Z")),
        (
            "2026-11-20T15:00:00.528743+00:00",
            Some("2026-11-20T15:00:00.528743Z"),
        ),
        ("1795192800", Some("2026-11-20T16:40:00Z")),
        ("1795192800.25", Some("2026-11-20T16:40:00Z")),
        ("2026-11-20T11:59:59Z", Some("2026-11-20T11:59:59Z")),
        // Milliseconds, and a time farther away than any limit.
        ("1795192800000", None),
        ("2027-11-20T12:00:42Z", None),
        ("0", None),
        ("", None),
        ("tomorrow", None),
    ] {
        let expected = expected.map(|at| at.parse::<Timestamp>().unwrap());
        assert_eq!(parse_reset(value, now()), expected, "{value}");
    }
}

#[test]
fn fraction_is_stored_in_millionths() {
    for (ratio, expected) in [
        (0.0, Some(0)),
        (0.59, Some(590_000)),
        (1.04, Some(1_040_000)),
        (0.999_999_9, Some(999_999)),
        (100.0, Some(100_000_000)),
        (100.1, None),
        (-0.01, None),
        (f64::NAN, None),
        (f64::INFINITY, None),
        (1e300, None),
    ] {
        let fraction = Fraction::from_ratio(ratio);
        assert_eq!(fraction.map(Fraction::millionths), expected, "{ratio}");
    }
    assert_eq!(Fraction::from_percent(42.5).unwrap().millionths(), 425_000);
    assert_eq!(Fraction::from_percent(99.99).unwrap().percent(), 99);
}

#[test]
fn usage_is_computed_from_counts_and_fractions() {
    let remaining_usage = |remaining, limit| Some(LimitUsage::Remaining { remaining, limit });
    for (usage, expected) in [
        (remaining_usage(250, Some(1000)), Some(750_000)),
        (remaining_usage(0, Some(50)), Some(1_000_000)),
        (remaining_usage(51, Some(50)), Some(0)),
        (remaining_usage(0, Some(u64::MAX)), Some(1_000_000)),
        (remaining_usage(0, Some(0)), None),
        (remaining_usage(7, None), None),
        (
            Fraction::from_ratio(1.5).map(LimitUsage::Used),
            Some(1_500_000),
        ),
        (None, None),
    ] {
        let limit = Limit {
            usage,
            ..plan(PlanWindow::FiveHour)
        };
        assert_eq!(
            limit.used().map(Fraction::millionths),
            expected,
            "{usage:?}"
        );
    }
}

#[test]
fn figure_is_stale_once_its_window_has_reset() {
    let at = |second: i64| Timestamp::from_second(now().as_second() + second).unwrap();
    let limit = |resets_at| Limit {
        resets_at,
        ..plan(PlanWindow::FiveHour)
    };
    for (resets_at, checked_at, expected) in [
        (Some(at(60)), at(59), false),
        (Some(at(60)), at(60), true),
        (None, at(1_000_000), false),
        // Already over when it was observed: the observation itself is current.
        (Some(at(-5)), at(0), false),
        (Some(at(-5)), at(1), true),
    ] {
        assert_eq!(limit(resets_at).has_reset(checked_at), expected);
    }
}

#[test]
fn tightest_limit_is_rejected_or_most_used() {
    let limit = |window, used: Option<f64>, state: Option<LimitState>, resets_in: i64| Limit {
        usage: used.and_then(Fraction::from_ratio).map(LimitUsage::Used),
        state,
        resets_at: Timestamp::from_second(now().as_second() + resets_in).ok(),
        ..plan(window)
    };
    let five = |used, resets_in| limit(PlanWindow::FiveHour, Some(used), None, resets_in);
    let week = |used| {
        limit(
            PlanWindow::SevenDay,
            Some(used),
            Some(LimitState::Allowed),
            9_000,
        )
    };
    let opus = limit(
        PlanWindow::SevenDayOpus,
        None,
        Some(LimitState::Rejected),
        9_000,
    );
    let overage = limit(
        PlanWindow::Overage,
        Some(3.0),
        Some(LimitState::Rejected),
        9_000,
    );
    let without_usage = limit(
        PlanWindow::Unspecified,
        None,
        Some(LimitState::Allowed),
        9_000,
    );
    let later = Timestamp::from_second(now().as_second() + 60).unwrap();
    for (limits, expected) in [
        (vec![], None),
        (vec![five(0.2, 90), week(0.3)], Some("seven_day")),
        (vec![five(1.2, 90), week(0.3)], Some("five_hour")),
        // Its figure is of a window that has reset.
        (vec![five(1.2, 30), week(0.3)], Some("seven_day")),
        (vec![five(1.2, 30)], None),
        (vec![five(0.9, 90), opus], Some("seven_day_opus")),
        (
            vec![overage, without_usage.clone(), week(0.0)],
            Some("seven_day"),
        ),
        (vec![without_usage], None),
    ] {
        let owner = LimitOwner::ClaudeCode { config_dir: None };
        let observed = LimitObservation::from_limits(&owner, None, limits);
        let found = tightest(&observed, later).map(|observed| observed.limit.kind.name());
        assert_eq!(found, expected, "{observed:?}");
    }
}

#[test]
fn names_parse_back_and_windows_have_two_names() {
    for name in [
        "requests",
        "tokens",
        "input_tokens",
        "output_tokens",
        "priority_input_tokens",
        "priority_output_tokens",
        "plan five_hour",
        "plan seven_day",
        "plan seven_day_opus",
        "plan seven_day_sonnet",
        "plan seven_day_overage_included",
        "plan overage",
        "plan plan",
        "plan requests",
        "plan 9w",
    ] {
        assert_eq!(LimitKind::from_str(name).unwrap().to_string(), name);
    }
    for name in ["", "bananas", "plan ", "plan a b", "five_hour"] {
        assert!(LimitKind::from_str(name).is_err(), "{name}");
    }
    for (one, other) in [
        ("5h", "five_hour"),
        ("7D", "seven_day"),
        ("7d_opus", "seven_day_opus"),
        ("7d_oi", "seven_day_overage_included"),
    ] {
        assert_eq!(PlanWindow::parse(one), PlanWindow::parse(other));
    }
    let longest = "x".repeat(Slug::MAX_LEN);
    assert!(Slug::from_str(&longest).is_ok());
    assert!(Slug::from_str(&format!("{longest}x")).is_err());
}

#[test]
fn minute_limits_have_a_class_and_windows_do_not() {
    let class = RequestClass::from_model("claude-opus-5-5");
    let owner = LimitOwner::Profile(ProfileId(Uuid::nil()));
    let requests = Limit {
        kind: "requests".parse().unwrap(),
        ..plan(PlanWindow::SevenDay)
    };
    let limits = vec![requests, plan(PlanWindow::SevenDay)];
    let observed = LimitObservation::from_limits(&owner, class.as_ref(), limits);
    let classes: Vec<_> = observed
        .into_iter()
        .map(|observed| observed.class)
        .collect();
    assert_eq!(classes, [class, None]);
}

fn plan(window: PlanWindow) -> Limit {
    Limit {
        kind: LimitKind::Plan(window),
        usage: None,
        state: None,
        resets_at: None,
        observed_at: now(),
    }
}
