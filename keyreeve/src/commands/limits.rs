//! `limits`: what answers told of limits, whose they are, and until when.
//!
//! Invariants: nothing is asked for it; what was not seen is said to be not seen, and a figure whose window has ended is not
//! shown.

use jiff::Timestamp;
use keyreeve_broker::view::{LimitView, LimitsView, SubjectView, WhoseView};
use keyreeve_core::clock::Clock;

use super::profile::billed;
use crate::error::CommandError;
use crate::output::{Align, Format, Table, from_home, roughly, when};
use crate::wiring::World;

pub(super) fn run(world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    let policy = store.policy()?;
    let view = LimitsView::of(&policy, &store.limits()?, world.snapshot.now);
    let output = &world.output;
    if output.format() == Format::Json {
        return Ok(output.document(&view)?);
    }
    if view.subjects.is_empty() {
        output.note("no limits were seen yet, and there is no profile");
        output.hint(
            "keyreeve profile add NAME; for your own plan: keyreeve statusline --print-settings",
        );
        return Ok(());
    }
    let home = world.snapshot.home.as_deref();
    Ok(output.table(&table(&view.subjects, &world.clock(), home))?)
}

fn table(subjects: &[SubjectView], clock: &Clock, home: Option<&str>) -> Table {
    let mut table = Table::new(&[
        ("whose", Align::Left),
        ("billed", Align::Left),
        ("limit", Align::Left),
        ("models", Align::Left),
        ("left or used", Align::Left),
        ("resets", Align::Left),
        ("seen", Align::Left),
    ]);
    for SubjectView { whose, limits, .. } in subjects {
        let name = from_home(&name(whose), home);
        let row = |cells: [String; 5]| {
            [
                name.clone(),
                billed(whose.billing, whose.simulated).to_owned(),
            ]
            .into_iter()
            .chain(cells)
        };
        if limits.is_empty() {
            let nothing = ["not seen yet", "", "", "", ""];
            table.row(row(nothing.map(ToOwned::to_owned)));
        }
        for limit in limits {
            table.row(row([
                which(limit),
                limit.class.clone().unwrap_or_default(),
                amount(limit),
                resets(limit, clock).unwrap_or_default(),
                moment(&limit.seen_at).map_or_else(String::new, |at| ago(at, clock)),
            ]));
        }
    }
    table
}

/// Whose it is, in a few words.
pub(in crate::commands) fn name(whose: &WhoseView) -> String {
    let key = || whose.name.as_deref().or(whose.id.as_deref());
    match (whose.kind, &whose.config_dir) {
        ("claude_code", None) => "Claude Code's own login".to_owned(),
        ("claude_code", Some(directory)) => format!("Claude Code's own login in {directory}"),
        ("pass_through", _) => format!("login passed through, key {}", key().unwrap_or_default()),
        _ => key().unwrap_or_default().to_owned(),
    }
}

/// A limit on one line: `plan, 5 hours: 28% used, resets 15:00 (in 2 h)`.
pub(in crate::commands) fn clause(limit: &LimitView, clock: &Clock) -> String {
    let class = limit.class.as_deref();
    let class = class.map_or_else(String::new, |class| format!(" ({class})"));
    let resets = resets(limit, clock).filter(|_| !limit.has_reset);
    let resets = resets.map_or_else(String::new, |resets| format!(", resets {resets}"));
    format!("{}{class}: {}{resets}", which(limit), amount(limit))
}

fn which(limit: &LimitView) -> String {
    let window = match (limit.kind, limit.name.as_str()) {
        ("plan", "plan") => return "plan".to_owned(),
        ("plan", "five_hour") => "5 hours",
        ("plan", "seven_day") => "7 days",
        ("plan", "seven_day_opus") => "7 days, Opus",
        ("plan", "seven_day_sonnet") => "7 days, Sonnet",
        ("plan", "seven_day_overage_included") => "7 days, with overage",
        ("plan", other) => other,
        (_, name) => return format!("{} a minute", name.replace('_', " ")),
    };
    format!("plan, {window}")
}

fn amount(limit: &LimitView) -> String {
    if limit.has_reset {
        let all = limit.limit.map(|all| format!(", to {all}"));
        return format!("reset since{}", all.unwrap_or_default());
    }
    let state = match limit.state.as_deref() {
        None | Some("allowed") => None,
        Some("allowed_warning") => Some("warned"),
        Some(other) => Some(other),
    };
    let figure = match (limit.remaining, limit.limit, limit.used) {
        (Some(left), Some(all), _) => Some(format!("{left} of {all} left")),
        (Some(left), None, _) => Some(format!("{left} left")),
        (None, _, Some(used)) => Some(format!("{:.0}% used", (used * 100.0).floor())),
        (None, _, None) => None,
    };
    match (figure, state) {
        (Some(figure), Some(state)) => format!("{figure}, {state}"),
        (Some(figure), None) => figure,
        (None, state) => state
            .or(limit.state.as_deref())
            .unwrap_or("not told")
            .to_owned(),
    }
}

fn resets(limit: &LimitView, clock: &Clock) -> Option<String> {
    Some(when(moment(limit.resets_at.as_deref()?)?, clock))
}

fn ago(at: Timestamp, clock: &Clock) -> String {
    format!("{} ago", roughly(clock.now.duration_since(at)))
}

fn moment(rfc3339: &str) -> Option<Timestamp> {
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
    fn a_limit_is_told_with_what_is_known_of_it_and_no_more() {
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
        let reset = LimitView {
            limit: Some(50),
            resets_at: Some("2026-11-20T11:59:00Z".to_owned()),
            has_reset: true,
            ..limit("minute", "requests")
        };
        for (limit, expected) in [
            (
                minute(Some(7), Some(50)),
                "input tokens a minute (opus-5): 7 of 50 left, resets 13:13 (in 12 min)",
            ),
            (
                minute(Some(0), None),
                "input tokens a minute (opus-5): 0 left, resets 13:13 (in 12 min)",
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
                "plan, 7 days, Opus: 91% used, warned",
            ),
            (
                plan(None, Some("allowed"), None),
                "plan, 7 days, Opus: allowed",
            ),
            (
                plan(None, Some("softly"), None),
                "plan, 7 days, Opus: softly",
            ),
            (plan(None, None, None), "plan, 7 days, Opus: not told"),
            (reset, "requests a minute: reset since, to 50"),
            (limit("plan", "9w"), "plan, 9w: not told"),
        ] {
            assert_eq!(clause(&limit, &clock()), expected);
        }
    }

    #[test]
    fn who_was_told_nothing_is_not_shown_as_empty() {
        let subject = |kind, name: Option<&str>, config_dir: Option<&str>, limits| SubjectView {
            whose: WhoseView {
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
        for (line, [whose, what]) in found.iter().zip([
            ["work", "not seen yet"],
            ["Claude Code's own login", "2 min ago"],
            ["Claude Code's own login in ~/c", "not seen yet"],
            ["login passed through, key 0a", "not seen yet"],
        ]) {
            assert!(line.starts_with(whose) && line.ends_with(what), "{line}");
        }
        assert_eq!(found.len(), 4);
    }
}
