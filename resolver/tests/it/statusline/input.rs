//! Parsing of the status line input, in all its forms.

use keyreeve_core::limits::{Fraction, PlanWindow};
use keyreeve_resolver::resolve::Release;
use keyreeve_resolver::statusline::SessionInput;

use super::{now, observed};

#[test]
fn observed_inputs_are_parsed() {
    let directory = "/home/me/project".to_owned();
    for (name, release, used, cost) in [
        (
            "2.1.329-plan-at-start",
            Release::V2_1_329,
            [None, None],
            "0",
        ),
        (
            "2.1.329-plan",
            Release::V2_1_329,
            [Some(42), Some(12)],
            "0.0152",
        ),
        ("2.1.329-key", Release::V2_1_329, [None, None], "0.0152"),
        (
            "2.1.197-plan",
            Release::V2_1_197,
            [Some(42), Some(12)],
            "0.02",
        ),
    ] {
        let input = SessionInput::read(&observed(name), now()).unwrap();
        assert_eq!(input.release, Some(release), "{name}");
        assert!(
            input.directories.iter().all(|it| *it == directory),
            "{name}"
        );
        assert_eq!(input.directories.len(), 3, "{name}");
        assert_eq!(input.cost.unwrap().to_string(), cost, "{name}");
        let percents = [PlanWindow::FiveHour, PlanWindow::SevenDay]
            .map(|window| input.window(&window)?.used().map(Fraction::percent));
        assert_eq!(percents, used, "{name}");
    }
}

/// Parses one window, and checks that nothing else was read.
fn read(window: &str) -> Option<(Option<u32>, Option<String>)> {
    let text = format!(r#"{{"rate_limits": {{"five_hour": {window}}}}}"#);
    let input = SessionInput::read(text.as_bytes(), now()).unwrap();
    assert_eq!(input.cost, None);
    let limit = input.window(&PlanWindow::FiveHour)?;
    assert_eq!(limit.observed_at, now());
    let used = limit.used().map(Fraction::millionths);
    Some((used, limit.resets_at.map(|at| at.to_string())))
}

#[test]
fn window_is_parsed_in_every_form() {
    let at = || Some("2026-11-21T16:10:00Z".to_owned());
    for (window, expected) in [
        (
            r#"{"used_percentage": 42, "resets_at": 1795277400}"#,
            Some((Some(420_000), at())),
        ),
        (
            r#"{"used_percentage": 12.3, "resets_at": "1795277400"}"#,
            Some((Some(123_000), at())),
        ),
        (
            r#"{"used_percentage": "42", "resets_at": "2026-11-21T17:10:00+01:00"}"#,
            Some((Some(420_000), at())),
        ),
        (
            r#"{"used_percentage": 0, "resets_at": 1795277400.75}"#,
            Some((Some(0), at())),
        ),
        (r#"{"used_percentage": 104}"#, Some((Some(1_040_000), None))),
        (
            r#"{"used_percentage": null, "resets_at": 1795277400}"#,
            Some((None, at())),
        ),
        (
            r#"{"used_percentage": -1, "resets_at": 1795277400}"#,
            Some((None, at())),
        ),
        (
            r#"{"used_percentage": 7, "resets_at": null}"#,
            Some((Some(70_000), None)),
        ),
        (
            r#"{"used_percentage": 7, "resets_at": "soon"}"#,
            Some((Some(70_000), None)),
        ),
        // Milliseconds, and a time in another century, are not valid.
        (
            r#"{"used_percentage": 7, "resets_at": 1795277400000}"#,
            Some((Some(70_000), None)),
        ),
        (
            r#"{"used_percentage": 7, "resets_at": "2126-11-21T16:10:00Z"}"#,
            Some((Some(70_000), None)),
        ),
        // It has ended, so the value is of an earlier window.
        (r#"{"used_percentage": 42, "resets_at": 1795266000}"#, None),
        (r#"{"used_percentage": null, "resets_at": null}"#, None),
        (r#"{"used_percentage": [42], "resets_at": {}}"#, None),
        (r#"{"used_percentage": true}"#, None),
        (r#"{"used_percentage": 1e300}"#, None),
        (r#"{"used_percentage": "NaN"}"#, None),
        ("{}", None),
        ("null", None),
        ("42", None),
        ("[]", None),
    ] {
        assert_eq!(read(window), expected, "{window}");
    }
}

#[test]
fn invalid_values_are_ignored() {
    for (text, directories, cost) in [
        (
            r#"{"cost": {"total_cost_usd": "0.5"}, "cwd": 3}"#,
            0,
            Some("0.5"),
        ),
        (
            r#"{"cost": 3, "workspace": {"project_dir": "relative", "current_dir": "/a"}}"#,
            1,
            None,
        ),
        (
            r#"{"cost": {"total_cost_usd": -1}, "workspace": "/a", "cwd": "/b"}"#,
            1,
            None,
        ),
        (
            r#"{"cost": {"total_cost_usd": 1e12}, "cwd": "/b\u0000c"}"#,
            0,
            None,
        ),
        (
            r#"{"version": 2, "rate_limits": [], "cost": {"total_cost_usd": 1}}"#,
            0,
            Some("1"),
        ),
        (
            r#"{"version": "latest", "rate_limits": {"../": {"used_percentage": 1}}}"#,
            0,
            None,
        ),
    ] {
        let input = SessionInput::read(text.as_bytes(), now()).unwrap();
        assert_eq!(input.directories.len(), directories, "{text}");
        let text_of_cost = input.cost.map(|cost| cost.to_string());
        assert_eq!(text_of_cost.as_deref(), cost, "{text}");
        assert_eq!(input.release, None, "{text}");
        assert_eq!(input.windows, [], "{text}");
    }
}

#[test]
fn anything_but_an_object_is_rejected() {
    let mut long = br#"{"cost": {"total_cost_usd": 1}, "filler": ""#.to_vec();
    long.resize(1024 * 1024, b'x');
    let deep = "{\"a\":".repeat(100_000);
    for bytes in [
        &b""[..],
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"{\"a\": \"\xff\"}",
        &long,
        deep.as_bytes(),
    ] {
        assert_eq!(SessionInput::read(bytes, now()), None);
    }
}

#[test]
fn number_of_windows_is_limited() {
    let windows: Vec<String> = (0..5_000)
        .map(|number| format!(r#""w{number}": {{"used_percentage": 1}}"#))
        .collect();
    let text = format!(
        r#"{{"rate_limits": {{"five_hour": {{"used_percentage": 2}}, {}}}}}"#,
        windows.join(", ")
    );
    let input = SessionInput::read(text.as_bytes(), now()).unwrap();
    assert_eq!(input.windows.len(), 8);
    assert!(input.window(&PlanWindow::FiveHour).is_some());
}
