//! Rate limits and plan windows as text.
//!
//! Invariant: a limit that was never reported is shown as not seen, and a figure whose window has reset is not shown.

use jiff::Timestamp;
use keyreeve_broker::wire::{LimitOwnerView, LimitView, OwnerLimitsView};
use keyreeve_core::clock::Clock;

use super::profile::billing_label;
use crate::output::{Align, Table, abbreviate_home, relative_time, rough_duration, thousands};

/// Returns the limits as a table.
pub(crate) fn table(subjects: &[OwnerLimitsView], clock: &Clock, home: Option<&str>) -> Table {
    let mut table = Table::new(&[
        ("account", Align::Left),
        ("billing", Align::Left),
        ("limit", Align::Left),
        ("models", Align::Left),
        ("usage", Align::Left),
        ("resets", Align::Left),
        ("seen", Align::Left),
    ])
    .omit_if_narrow(&["billing", "seen"]);
    for OwnerLimitsView { owner, limits, .. } in subjects {
        let name = abbreviate_home(&owner_name(owner), home);
        let row = |cells: [String; 5]| {
            [
                name.clone(),
                billing_label(owner.billing, owner.simulated).to_owned(),
            ]
            .into_iter()
            .chain(cells)
        };
        if limits.is_empty() {
            let empty = ["not seen yet", "", "", "", ""];
            table.row(row(empty.map(ToOwned::to_owned)));
        }
        for limit in limits {
            table.row(row([
                limit_name(limit),
                limit.class.clone().unwrap_or_default(),
                usage(limit),
                reset_time(limit, clock).unwrap_or_default(),
                parse_time(&limit.seen_at).map_or_else(String::new, |at| age(at, clock)),
            ]));
        }
    }
    table
}

/// Returns the name of a limit's owner.
pub(crate) fn owner_name(owner: &LimitOwnerView) -> String {
    let key = || owner.name.as_deref().or(owner.id.as_deref());
    match (owner.kind, &owner.config_dir) {
        ("claude_code", None) => "Claude Code's own login".to_owned(),
        ("claude_code", Some(directory)) => format!("Claude Code's own login in {directory}"),
        ("pass_through", _) => format!("pass-through login, key {}", key().unwrap_or_default()),
        _ => key().unwrap_or_default().to_owned(),
    }
}

/// Describes a limit in one line: `250 of 1,000 requests/min left on opus-5, resets 15:00 (in 2 h)`.
pub(crate) fn describe(limit: &LimitView, clock: &Clock) -> String {
    let name = limit_name(limit);
    let class = limit.class.as_deref();
    let class = class.map_or_else(String::new, |class| format!(" on {class}"));
    let resets = reset_time(limit, clock).filter(|_| !limit.has_reset);
    let resets = resets.map_or_else(String::new, |resets| format!(", resets {resets}"));
    if limit.kind == "plan" {
        return format!("{name}{class}: {}{resets}", usage(limit));
    }
    match (limit.has_reset, limit.remaining, limit.limit) {
        (true, _, Some(maximum)) => {
            format!("{} {name}{class} (window has reset)", thousands(maximum))
        }
        (true, _, None) => format!("{name}{class} (window has reset)"),
        (false, Some(remaining), Some(maximum)) => {
            let (remaining, maximum) = (thousands(remaining), thousands(maximum));
            format!("{remaining} of {maximum} {name} left{class}{resets}")
        }
        (false, Some(remaining), None) => {
            format!("{} {name} left{class}{resets}", thousands(remaining))
        }
        (false, None, _) => format!("{name}{class}: {}{resets}", usage(limit)),
    }
}

/// Returns the name of a limit: `plan, 5 hours`, `input tokens/min`.
fn limit_name(limit: &LimitView) -> String {
    let window = match (limit.kind, limit.name.as_str()) {
        ("plan", "plan") => return "plan".to_owned(),
        ("plan", "five_hour") => "5 hours",
        ("plan", "seven_day") => "7 days",
        ("plan", "seven_day_opus") => "7 days, Opus",
        ("plan", "seven_day_sonnet") => "7 days, Sonnet",
        ("plan", "seven_day_overage_included") => "7 days, with overage",
        ("plan", other) => other,
        (_, name) => return format!("{}/min", name.replace('_', " ")),
    };
    format!("plan, {window}")
}

/// Returns what is used or left of a limit: `28% used`, `250 of 1,000 left`.
fn usage(limit: &LimitView) -> String {
    if limit.has_reset {
        let maximum = limit
            .limit
            .map(|maximum| format!(" to {}", thousands(maximum)));
        return format!("has reset{}", maximum.unwrap_or_default());
    }
    let state = match limit.state.as_deref() {
        None | Some("allowed") => None,
        Some("allowed_warning") => Some("warning"),
        Some(other) => Some(other),
    };
    let figure = match (limit.remaining, limit.limit, limit.used) {
        (Some(remaining), Some(maximum), _) => {
            let (remaining, maximum) = (thousands(remaining), thousands(maximum));
            Some(format!("{remaining} of {maximum} left"))
        }
        (Some(remaining), None, _) => Some(format!("{} left", thousands(remaining))),
        (None, _, Some(used)) => Some(format!("{:.0}% used", (used * 100.0).floor())),
        (None, _, None) => None,
    };
    match (figure, state) {
        (Some(figure), Some(state)) => format!("{figure}, {state}"),
        (Some(figure), None) => figure,
        (None, state) => state
            .or(limit.state.as_deref())
            .unwrap_or("not reported")
            .to_owned(),
    }
}

fn reset_time(limit: &LimitView, clock: &Clock) -> Option<String> {
    Some(relative_time(
        parse_time(limit.resets_at.as_deref()?)?,
        clock,
    ))
}

fn age(at: Timestamp, clock: &Clock) -> String {
    format!("{} ago", rough_duration(clock.now.duration_since(at)))
}

fn parse_time(rfc3339: &str) -> Option<Timestamp> {
    rfc3339.parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    const NOW: &str = "2026-11-20T12:00:00Z";

    fn clock() -> Clock {
        Clock {
            now: NOW.parse().unwrap(),
            zone: TimeZone::posix("CET-1").unwrap(),
        }
    }

    fn limit(kind: &'static str, name: &str) -> LimitView {
        LimitView {
            kind,
            name: name.to_owned(),
            class: None,
            remaining: None,
            limit: None,
            used: None,
            state: None,
            resets_at: None,
            has_reset: false,
            seen_at: "2026-11-20T11:58:00Z".to_owned(),
        }
    }

    #[test]
    fn limits_are_described_by_what_is_known() {
        let minute = |remaining, all| LimitView {
            class: Some("opus-5".to_owned()),
            remaining,
            limit: all,
            used: Some(0.5),
            resets_at: Some("2026-11-20T12:12:30Z".to_owned()),
            ..limit("minute", "input_tokens")
        };
        let plan = |used, state: Option<&str>, resets_at| LimitView {
            used,
            state: state.map(ToOwned::to_owned),
            resets_at,
            ..limit("plan", "seven_day_opus")
        };
        let mut reset = limit("minute", "requests");
        (reset.limit, reset.has_reset) = (Some(50), true);
        reset.resets_at = Some("2026-11-20T11:59:00Z".to_owned());
        for (limit, expected) in [
            (
                minute(Some(7), Some(5_000)),
                "7 of 5,000 input tokens/min left on opus-5, resets 13:13 (in 12 min)",
            ),
            (
                minute(Some(0), None),
                "0 input tokens/min left on opus-5, resets 13:13 (in 12 min)",
            ),
            (
                plan(
                    Some(0.999),
                    Some("allowed"),
                    Some("2026-11-24T09:00:00Z".to_owned()),
                ),
                "plan, 7 days, Opus: 99% used, resets Tue 10:00 (in 3 days)",
            ),
            (
                plan(Some(1.04), Some("rejected"), None),
                "plan, 7 days, Opus: 104% used, rejected",
            ),
            (
                plan(Some(0.91), Some("allowed_warning"), None),
                "plan, 7 days, Opus: 91% used, warning",
            ),
            (
                plan(None, Some("allowed"), None),
                "plan, 7 days, Opus: allowed",
            ),
            (
                plan(None, Some("softly"), None),
                "plan, 7 days, Opus: softly",
            ),
            (plan(None, None, None), "plan, 7 days, Opus: not reported"),
            (reset, "50 requests/min (window has reset)"),
            (limit("plan", "9w"), "plan, 9w: not reported"),
        ] {
            assert_eq!(describe(&limit, &clock()), expected);
        }
    }

    #[test]
    fn accounts_without_limits_are_not_seen_yet() {
        let subject =
            |kind, name: Option<&str>, config_dir: Option<&str>, limits| OwnerLimitsView {
                owner: LimitOwnerView {
                    kind,
                    id: Some("0a".to_owned()),
                    name: name.map(ToOwned::to_owned),
                    config_dir: config_dir.map(ToOwned::to_owned),
                    billing: "plan",
                    simulated: false,
                },
                seen_at: None,
                tightest: None,
                limits,
            };
        let subjects = [
            subject("profile", Some("work"), None, Vec::new()),
            subject("claude_code", None, None, vec![limit("plan", "five_hour")]),
            subject("claude_code", None, Some("/h/me/c"), Vec::new()),
            subject("pass_through", None, None, Vec::new()),
        ];
        let lines = table(&subjects, &clock(), Some("/h/me")).lines(None);
        let found: Vec<&str> = lines.iter().skip(1).map(String::as_str).collect();
        for (line, [account, end]) in found.iter().zip([
            ["work", "not seen yet"],
            ["Claude Code's own login", "2 min ago"],
            ["Claude Code's own login in ~/c", "not seen yet"],
            ["pass-through login, key 0a", "not seen yet"],
        ]) {
            assert!(line.starts_with(account) && line.ends_with(end), "{line}");
        }
        assert_eq!(found.len(), 4);
    }
}
