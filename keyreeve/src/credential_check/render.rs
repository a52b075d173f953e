//! Renders the result of one profile's check.

use keyreeve_broker::wire::ProfileCheckView;
use keyreeve_core::clock::Clock;

use crate::output::{Line, relative_time_from_text};
use crate::render::cost::dollars;

/// Indent of continuation lines, as wide as a label.
const INDENT: &str = "               ";

const PLAN_WARNING: &str =
    "the response is that of a plan login, so this credential is not an API key";

/// Renders whether the credential works and, if not, what to do.
pub(super) fn result(check: &ProfileCheckView, clock: &Clock) -> Vec<Line> {
    let until = check.until.as_deref().map_or_else(String::new, |at| {
        format!(" until {}", relative_time_from_text(at, clock))
    });
    let headline = Line::Headline(format!("{}: {}{until}", check.profile, check.summary));
    let details = details(check).into_iter();
    let details = details.map(|(label, value)| Line::Wrapped {
        text: format!("  {label:<12} {value}"),
        indent: INDENT,
    });
    std::iter::once(headline).chain(details).collect()
}

fn details(check: &ProfileCheckView) -> Vec<(&'static str, String)> {
    let mut details = Vec::new();
    let mut add = |label, value: Option<String>| details.extend(value.map(|value| (label, value)));
    add("message", check.message.clone());
    add("what to do", check.remedy.clone());
    add("docs", check.docs.clone());
    add("organization", check.organization_id.clone());
    add("workspace", check.workspace_id.clone());
    let warning = (check.is_plan && check.billing != "plan").then_some(PLAN_WARNING);
    add("warning", warning.map(ToOwned::to_owned));
    add("request", check.upstream_request_id.clone());
    add("cost", check.attempt.as_ref().map(|_| cost(check)));
    details
}

fn cost(check: &ProfileCheckView) -> String {
    let amount = dollars(check.cost_usd, check.cost_is_at_most);
    let simulated = if check.simulated { " (simulated)" } else { "" };
    format!("{amount} USD{simulated}")
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn check() -> ProfileCheckView {
        ProfileCheckView {
            profile: "work".to_owned(),
            base_url: "https://api.anthropic.com".to_owned(),
            billing: "metered",
            simulated: false,
            credential_status: "rate_limited",
            summary: "rate limited".to_owned(),
            verdict: Some("minute_limit"),
            until: Some("2026-11-20T12:01:00Z".to_owned()),
            remedy: None,
            docs: None,
            message: None,
            status: Some(429),
            organization_id: None,
            workspace_id: None,
            upstream_request_id: None,
            attempt: Some("0a".to_owned()),
            is_plan: true,
            cost_usd: 0.0,
            cost_is_at_most: true,
            duration_ms: None,
        }
    }

    #[test]
    fn plan_login_that_is_not_declared_is_a_warning() {
        let clock = Clock {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            zone: TimeZone::UTC,
        };
        let headline = "work: rate limited until 12:01 (in 1 min)".to_owned();
        let wrapped = |text: &str| Line::Wrapped {
            text: text.to_owned(),
            indent: INDENT,
        };
        let warning = wrapped(&format!("  warning      {PLAN_WARNING}"));
        let cost = wrapped("  cost         <= 0.000000 USD");
        let expected = [Line::Headline(headline), warning, cost];
        assert_eq!(result(&check(), &clock), expected);
        let plan = ProfileCheckView {
            billing: "plan",
            attempt: None,
            ..check()
        };
        assert_eq!(result(&plan, &clock).len(), 1);
    }
}
