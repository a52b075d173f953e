//! Limits: what headers tell, and what a figure means.

mod headers;

use std::str::FromStr as _;

use jiff::Timestamp;
use keyreeve_core::limits::{
    Amount, Limit, OpenWord, Seen, Share, State, Subject, Which, Window, reset_at, tightest,
};
use keyreeve_core::profile::ProfileId;
use keyreeve_core::standing::RequestClass;
use uuid::Uuid;

const NOW: &str = "2026-11-20T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}
#[test]
fn an_end_is_read_in_either_form_and_within_belief() {
    for (value, expected) in [
        ("2026-11-20T12:00:42Z", Some("2026-11-20T12:00:42Z")),
        (
            "2026-11-20T15:00:00.528743+00:00",
            Some("2026-11-20T15:00:00.528743Z"),
        ),
        ("1795192800", Some("2026-11-20T16:40:00Z")),
        ("1795192800.25", Some("2026-11-20T16:40:00Z")),
        ("2026-11-20T11:59:59Z", Some("2026-11-20T11:59:59Z")),
        // Milliseconds, and a year that no limit lasts.
        ("1795192800000", None),
        ("2027-11-20T12:00:42Z", None),
        ("0", None),
        ("", None),
        ("tomorrow", None),
    ] {
        let expected = expected.map(|at| at.parse::<Timestamp>().unwrap());
        assert_eq!(reset_at(value, now()), expected, "{value}");
    }
}

#[test]
fn a_share_is_counted_in_millionths() {
    for (fraction, expected) in [
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
        let share = Share::of_fraction(fraction);
        assert_eq!(share.map(Share::millionths), expected, "{fraction}");
    }
    assert_eq!(Share::of_percent(42.5).unwrap().millionths(), 425_000);
    assert_eq!(Share::of_percent(99.99).unwrap().percent(), 99);
}

#[test]
fn what_is_used_is_told_of_counts_and_shares_and_of_nothing_else() {
    let left = |remaining, limit| Some(Amount::Left { remaining, limit });
    for (amount, expected) in [
        (left(250, Some(1000)), Some(750_000)),
        (left(0, Some(50)), Some(1_000_000)),
        (left(51, Some(50)), Some(0)),
        (left(0, Some(u64::MAX)), Some(1_000_000)),
        (left(0, Some(0)), None),
        (left(7, None), None),
        (Share::of_fraction(1.5).map(Amount::Used), Some(1_500_000)),
        (None, None),
    ] {
        let limit = Limit {
            amount,
            ..plan(Window::FiveHour)
        };
        assert_eq!(limit.used().map(Share::millionths), expected, "{amount:?}");
    }
}

#[test]
fn a_figure_is_stale_once_its_window_has_ended() {
    let at = |second: i64| Timestamp::from_second(now().as_second() + second).unwrap();
    let limit = |resets_at| Limit {
        resets_at,
        ..plan(Window::FiveHour)
    };
    for (resets_at, asked_at, expected) in [
        (Some(at(60)), at(59), false),
        (Some(at(60)), at(60), true),
        (None, at(1_000_000), false),
        // Said to be over when it was told: the answer is the news.
        (Some(at(-5)), at(0), false),
        (Some(at(-5)), at(1), true),
    ] {
        assert_eq!(limit(resets_at).has_reset(asked_at), expected);
    }
}

#[test]
fn the_tightest_is_what_will_be_felt_first() {
    let of = |window, used: Option<f64>, state: Option<State>, ends_in: i64| Limit {
        amount: used.and_then(Share::of_fraction).map(Amount::Used),
        state,
        resets_at: Timestamp::from_second(now().as_second() + ends_in).ok(),
        ..plan(window)
    };
    let five = |used, ends_in| of(Window::FiveHour, Some(used), None, ends_in);
    let week = |used| of(Window::SevenDay, Some(used), Some(State::Allowed), 9_000);
    let opus = of(Window::SevenDayOpus, None, Some(State::Rejected), 9_000);
    let overage = of(Window::Overage, Some(3.0), Some(State::Rejected), 9_000);
    let silent = of(Window::Whole, None, Some(State::Allowed), 9_000);
    let later = Timestamp::from_second(now().as_second() + 60).unwrap();
    for (limits, expected) in [
        (vec![], None),
        (vec![five(0.2, 90), week(0.3)], Some("seven_day")),
        (vec![five(1.2, 90), week(0.3)], Some("five_hour")),
        // Its figure is of a window that has ended.
        (vec![five(1.2, 30), week(0.3)], Some("seven_day")),
        (vec![five(1.2, 30)], None),
        (vec![five(0.9, 90), opus], Some("seven_day_opus")),
        (vec![overage, silent.clone(), week(0.0)], Some("seven_day")),
        (vec![silent], None),
    ] {
        let subject = Subject::ClaudeCode { config_dir: None };
        let seen = Seen::all(&subject, None, limits);
        let found = tightest(&seen, later).map(|seen| seen.limit.which.name());
        assert_eq!(found, expected, "{seen:?}");
    }
}

#[test]
fn each_name_reads_back_and_a_window_goes_by_either_of_its_names() {
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
        assert_eq!(Which::from_str(name).unwrap().to_string(), name);
    }
    for name in ["", "bananas", "plan ", "plan a b", "five_hour"] {
        assert!(Which::from_str(name).is_err(), "{name}");
    }
    for (one, other) in [
        ("5h", "five_hour"),
        ("7D", "seven_day"),
        ("7d_opus", "seven_day_opus"),
        ("7d_oi", "seven_day_overage_included"),
    ] {
        assert_eq!(Window::of(one), Window::of(other));
    }
    let longest = "x".repeat(OpenWord::LONGEST);
    assert!(OpenWord::from_str(&longest).is_ok());
    assert!(OpenWord::from_str(&format!("{longest}x")).is_err());
}

#[test]
fn minute_limits_are_of_a_class_and_windows_are_not() {
    let class = RequestClass::of_model("claude-opus-5-5");
    let subject = Subject::Profile(ProfileId(Uuid::nil()));
    let requests = Limit {
        which: "requests".parse().unwrap(),
        ..plan(Window::SevenDay)
    };
    let limits = vec![requests, plan(Window::SevenDay)];
    let seen = Seen::all(&subject, class.as_ref(), limits);
    let classes: Vec<_> = seen.into_iter().map(|seen| seen.class).collect();
    assert_eq!(classes, [class, None]);
}

fn plan(window: Window) -> Limit {
    Limit {
        which: Which::Plan(window),
        amount: None,
        state: None,
        resets_at: None,
        seen_at: now(),
    }
}
