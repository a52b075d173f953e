//! The health of profiles as text.

use keyreeve_broker::wire::{HealthView, ProfileView, ReasonView};
use keyreeve_core::clock::Clock;

use crate::output::{Line, relative_time_from_text};

/// Returns the state in few words, for a table column.
pub(crate) fn short_state(health: &HealthView) -> String {
    let is_limited = |reason: &ReasonView| reason.class.is_some() && reason.state != "ready";
    if health.state == "ready" && health.reasons.iter().any(is_limited) {
        return "partly ready".to_owned();
    }
    health.state.to_owned()
}

/// Returns why and until when each profile is not ready, if the short state does not show it. These lines are never cut to
/// the width of the terminal.
pub(crate) fn details<'a>(
    profiles: impl IntoIterator<Item = &'a ProfileView>,
    clock: &Clock,
) -> Vec<Line> {
    let detail = |ProfileView { name, health, .. }: &ProfileView| {
        let description = describe(health, clock);
        (description != short_state(health)).then(|| Line::Wrapped {
            text: format!("{name}: {description}"),
            indent: "      ",
        })
    };
    profiles.into_iter().filter_map(detail).collect()
}

/// Describes the health in one line: the state, its reason and its end, then the classes of requests that are limited.
pub(crate) fn describe(health: &HealthView, clock: &Clock) -> String {
    let until = |at: &Option<String>| {
        let at = at.as_deref();
        at.map_or_else(String::new, |at| {
            format!(" until {}", relative_time_from_text(at, clock))
        })
    };
    let code = |reason: &ReasonView| {
        reason
            .code
            .map_or_else(String::new, |code| format!(" ({code})"))
    };
    let is_whole = |reason: &&ReasonView| reason.class.is_none() && reason.state == health.state;
    let whole = health.reasons.iter().find(is_whole);
    let whole = whole.map_or_else(String::new, code);
    let description = format!("{}{whole}{}", health.state, until(&health.until));
    let of_class = |reason: &ReasonView| {
        let class = reason.class.as_deref();
        let class = class.filter(|_| reason.state != "ready")?;
        let (code, until) = (code(reason), until(&reason.until));
        Some(format!("{} for {class}{code}{until}", reason.state))
    };
    let classes: Vec<String> = health.reasons.iter().filter_map(of_class).collect();
    if classes.is_empty() {
        description
    } else {
        format!("{description}; {}", classes.join(", "))
    }
}

/// Returns the lines that explain a reason, each a label and a value.
pub(crate) fn reason_lines(
    reason: &ReasonView,
    name: &str,
    clock: &Clock,
) -> Vec<(&'static str, String)> {
    let class = reason.class.as_deref();
    let class = class.map_or_else(String::new, |class| format!(" for {class}"));
    let since = relative_time_from_text(&reason.since, clock);
    let cause = match (reason.code, reason.decided_by) {
        (None, _) => "set by you".to_owned(),
        (Some(code), None) => code.to_owned(),
        (Some(code), Some(decided_by)) => format!("{code} ({})", decision(decided_by)),
    };
    let until = reason.until.as_deref().map(|at| {
        let source = match reason.time_source {
            Some("server") => ", as the server asked",
            Some("schedule") => ", by backoff",
            Some("user") => ", as you asked",
            Some(_) | None => "",
        };
        format!("{}{source}", relative_time_from_text(at, clock))
    });
    let probe = reason.next_probe.as_deref();
    let remedy = match (reason.remedy, reason.state) {
        (Some(remedy), _) => Some(remedy.to_owned()),
        (None, "ready") => None,
        (None, _) => Some(format!("`keyreeve profile resume {name}`")),
    };
    [
        (
            "  scope",
            Some(format!(
                "{}{class}: {} since {since}",
                reason.scope, reason.state
            )),
        ),
        ("  reason", Some(cause)),
        ("  until", until),
        (
            "  next probe",
            probe.map(|at| relative_time_from_text(at, clock)),
        ),
        ("  remedy", remedy),
    ]
    .into_iter()
    .filter_map(|(label, value)| Some((label, value?)))
    .collect()
}

/// Words the part of a response that decided its verdict.
fn decision(decided_by: &str) -> String {
    match decided_by {
        "no_response" => "no response".to_owned(),
        "client_text" => "from the client's text".to_owned(),
        part => format!("from the response's {part}"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn reason(state: &'static str, class: Option<&str>, code: &'static str) -> ReasonView {
        ReasonView {
            scope: "credential",
            class: class.map(ToOwned::to_owned),
            state,
            code: Some(code),
            remedy: None,
            decided_by: None,
            since: "2026-11-20T11:59:50Z".to_owned(),
            until: (state == "cooldown").then(|| "2026-11-20T12:00:03Z".to_owned()),
            time_source: None,
            next_probe: None,
            failures: None,
        }
    }

    #[test]
    fn health_is_described_with_its_reason_and_end() {
        let clock = Clock {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            zone: TimeZone::posix("CET-1").unwrap(),
        };
        let limit = |class| reason("cooldown", class, "minute_limit");
        for (state, reasons, short, description) in [
            ("ready", vec![], "ready", "ready"),
            (
                "cooldown",
                vec![limit(None)],
                "cooldown",
                "cooldown (minute_limit) until 13:00 (in 3 s)",
            ),
            (
                "dead",
                vec![reason("dead", None, "invalid_key")],
                "dead",
                "dead (invalid_key)",
            ),
            (
                "ready",
                vec![limit(Some("opus-5")), limit(Some("haiku-4"))],
                "partly ready",
                "ready; cooldown for opus-5 (minute_limit) until 13:00 (in 3 s), \
                 cooldown for haiku-4 (minute_limit) until 13:00 (in 3 s)",
            ),
            (
                "ready",
                vec![reason("ready", Some("opus-5"), "minute_limit")],
                "ready",
                "ready",
            ),
        ] {
            let health = HealthView {
                state,
                until: limit(None).until.filter(|_| state == "cooldown"),
                organization: None,
                reasons,
            };
            assert_eq!(describe(&health, &clock), description);
            assert_eq!(short_state(&health), short);
        }
    }

    #[test]
    fn manual_states_name_the_command_that_ends_them() {
        let clock = Clock {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            zone: TimeZone::UTC,
        };
        for (state, command) in [
            ("drained", Some("`keyreeve profile resume work`")),
            ("paused", Some("`keyreeve profile resume work`")),
            ("ready", None),
        ] {
            let manual = ReasonView {
                code: None,
                ..reason(state, None, "")
            };
            let lines = reason_lines(&manual, "work", &clock);
            let remedy = lines.iter().find(|(label, _)| *label == "  remedy");
            assert_eq!(remedy.map(|(_, value)| value.as_str()), command);
            assert!(lines.contains(&("  reason", "set by you".to_owned())));
        }
    }
}
