//! The rendered line, by payer and input.

use jiff::tz::TimeZone;
use keyreeve_core::sanitize::sanitize;
use keyreeve_resolver::statusline::{SessionInput, Tone};
use proptest::prelude::*;

use super::{KEY, now, observed, render, snapshot};

/// The variables, the login and the expected payer.
type Setup<'a> = (&'a [(&'a str, &'a str)], Option<()>, Option<&'a str>);

const SIGNED_IN: Option<()> = Some(());
const GATEWAY: (&str, &str) = ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8484/x");
const OAUTH: (&str, &str) = ("CLAUDE_CODE_OAUTH_TOKEN", "{{oat01:A}}");
const TOKEN: (&str, &str) = ("ANTHROPIC_AUTH_TOKEN", "other");
const BEDROCK: (&str, &str) = ("CLAUDE_CODE_USE_BEDROCK", "1");

/// Checks the line after an observed input, or without input.
fn check((variables, login, expect): Setup<'_>, name: Option<&str>, expected: &str) {
    let input = name.map(|name| SessionInput::read(&observed(name), now()).unwrap());
    let machine = snapshot(variables, login, expect);
    let line = render(&machine, &input.unwrap_or_default(), &TimeZone::UTC);
    let windows = "5h 42% resets 16:10 · week 12% resets Mon 09:00";
    let expected = expected.replace("WINDOWS", windows);
    assert_eq!(line.text(), expected);
    let is_critical = line.parts()[0].tone == Tone::Critical;
    assert_eq!(is_critical, expected.starts_with('!'), "{expected}");
}

#[test]
fn plan_is_shown_with_limits_and_equivalent_cost() {
    let plan = Some("2.1.329-plan");
    let login = |expect| (&[][..], SIGNED_IN, expect);
    for (setup, name, expected) in [
        (login(None), plan, "plan · WINDOWS · ≈ $0.02"),
        (login(None), None, "plan · 5h not seen · week not seen"),
        (login(Some("plan")), plan, "plan · WINDOWS · ≈ $0.02"),
        (
            login(Some("metered")),
            None,
            "! plan: metered should pay · 5h not seen · week not seen",
        ),
        (
            (&[OAUTH], None, None),
            plan,
            "likely plan, with token CLAUDE_CODE_OAUTH_TOKEN · WINDOWS · ≈ $0.02",
        ),
    ] {
        check(setup, name, expected);
    }
}

#[test]
fn key_is_shown_by_name_with_a_warning_if_a_plan_exists() {
    let (key, plan) = (Some("2.1.329-key"), Some("2.1.329-plan"));
    let both = |expect| (&[KEY][..], SIGNED_IN, expect);
    for (setup, name, expected) in [
        (
            (&[KEY][..], None, None),
            key,
            "API key ANTHROPIC_API_KEY · $0.02",
        ),
        (
            both(None),
            key,
            "! API key ANTHROPIC_API_KEY: your plan is not used · $0.02",
        ),
        (
            both(Some("metered")),
            key,
            "API key ANTHROPIC_API_KEY · $0.02",
        ),
        (
            both(Some("plan")),
            None,
            "! API key ANTHROPIC_API_KEY: plan should pay, your plan is not used",
        ),
        (
            both(None),
            plan,
            "! ANTHROPIC_API_KEY is set, but your plan was used · WINDOWS · ≈ $0.02",
        ),
    ] {
        check(setup, name, expected);
    }
}

/// Returns a setup without login and without an expected payer.
fn set<'a>(variables: &'a [(&'a str, &'a str)]) -> Setup<'a> {
    (variables, None, None)
}

#[test]
fn other_payers_are_shown() {
    let (key, plan) = (Some("2.1.329-key"), Some("2.1.329-plan"));
    for (setup, name, expected) in [
        (
            (&[KEY, GATEWAY][..], SIGNED_IN, None),
            key,
            "gateway 127.0.0.1:8484 · ≈ $0.02",
        ),
        (
            (&[GATEWAY], SIGNED_IN, None),
            plan,
            "gateway 127.0.0.1:8484 · WINDOWS · ≈ $0.02",
        ),
        (set(&[BEDROCK]), key, "cloud account · ≈ $0.02"),
        (set(&[KEY, TOKEN]), None, "two different credentials"),
        (
            set(&[TOKEN]),
            None,
            "token ANTHROPIC_AUTH_TOKEN, payer unknown",
        ),
        (set(&[]), None, "no payer: no credential"),
    ] {
        check(setup, name, expected);
    }
}

#[test]
fn times_are_local_and_percentages_are_coloured() {
    let east = TimeZone::fixed(jiff::tz::offset(9));
    let input = |window: &str| {
        let text = format!(r#"{{"rate_limits": {{{window}}}}}"#);
        SessionInput::read(text.as_bytes(), now()).unwrap()
    };
    for (zone, window, expected, tone) in [
        (
            &TimeZone::UTC,
            r#""five_hour": {"used_percentage": 74.99, "resets_at": "2026-11-21T15:59:59.997656+00:00"}"#,
            "5h 74% resets 16:00",
            Tone::Plain,
        ),
        (
            &east,
            r#""five_hour": {"used_percentage": 75, "resets_at": "2026-11-21T16:10:00Z"}"#,
            "5h 75% resets Sun 01:10",
            Tone::Warning,
        ),
        (
            &TimeZone::UTC,
            r#""seven_day": {"used_percentage": 99.99, "resets_at": "2026-11-27T23:59:00Z"}"#,
            "week 99% resets Fri 23:59",
            Tone::Critical,
        ),
        (
            &TimeZone::UTC,
            r#""seven_day": {"used_percentage": 120, "resets_at": "2026-11-28T00:01:00Z"}"#,
            "week 120% resets Nov 28 00:01",
            Tone::Critical,
        ),
        (
            &TimeZone::UTC,
            r#""seven_day_opus": {"used_percentage": 1}"#,
            "opus week 1%",
            Tone::Plain,
        ),
        (
            &TimeZone::UTC,
            r#""fortnight": {"resets_at": "2026-11-21T18:00:00Z"}"#,
            "fortnight resets 18:00",
            Tone::Plain,
        ),
    ] {
        let line = render(&snapshot(&[KEY], None, None), &input(window), zone);
        let part = line.parts().last().unwrap();
        assert_eq!((part.text.as_str(), part.tone), (expected, tone));
    }
}

#[test]
fn cost_is_rounded_to_cents_but_not_to_zero() {
    for (cost, expected) in [
        ("0", "$0.00"),
        ("0.001", "< $0.01"),
        ("0.005", "$0.01"),
        ("0.4249", "$0.42"),
        ("1234.5", "$1234.50"),
    ] {
        let text = format!(r#"{{"cost": {{"total_cost_usd": {cost}}}}}"#);
        let input = SessionInput::read(text.as_bytes(), now()).unwrap();
        let line = render(&snapshot(&[KEY], None, None), &input, &TimeZone::UTC);
        let expected = format!("API key ANTHROPIC_API_KEY · {expected}");
        assert_eq!(line.text(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_of_the_input_is_rendered(
        text in "[\\PC\\p{Cc}\u{202e}\u{2066}\u{200b}]{1,40}",
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let json = serde_json::json!({
            "cwd": text, "version": text, "session_id": text, "model": { "display_name": text },
            "workspace": { "project_dir": format!("/{text}") },
            "rate_limits": { text.as_str(): { "used_percentage": 1, "resets_at": text }, "five_hour": text },
            "cost": { "total_cost_usd": text },
        });
        for input in [json.to_string().as_bytes(), &bytes] {
            let input = SessionInput::read(input, now()).unwrap_or_default();
            let rendered = render(&snapshot(&[], None, None), &input, &TimeZone::UTC).text();
            prop_assert_eq!(sanitize(&rendered), rendered.as_str());
            prop_assert!(rendered.lines().count() == 1 && rendered.len() < 200, "{}", rendered);
        }
    }
}
