//! Prints the result of one profile's check.

use keyreeve_broker::wire::ProfileCheckView;

use crate::context::Context;
use crate::error::CommandError;
use crate::output::relative_time_from_text;
use crate::render::cost::dollars;

/// Indent of continuation lines, as wide as a label.
const INDENT: &str = "               ";

const PLAN_WARNING: &str =
    "the response is that of a plan login, so this credential is not an API key";

/// Prints whether the credential works and, if not, what to do.
pub(super) fn result(check: &ProfileCheckView, context: &Context) -> Result<(), CommandError> {
    let until = check.until.as_deref().map_or_else(String::new, |at| {
        format!(
            " until {}",
            relative_time_from_text(at, &context.clock_now())
        )
    });
    context
        .output
        .headline(&format!("{}: {}{until}", check.profile, check.summary))?;
    for (label, value) in lines(check) {
        context
            .output
            .wrapped(&format!("  {label:<12} {value}"), INDENT)?;
    }
    Ok(())
}

fn lines(check: &ProfileCheckView) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let mut add = |label, value: Option<String>| lines.extend(value.map(|value| (label, value)));
    add("message", check.message.clone());
    add("what to do", check.remedy.clone());
    add("docs", check.docs.clone());
    add("organization", check.organization_id.clone());
    add("workspace", check.workspace_id.clone());
    let warning = (check.is_plan && check.billing != "plan").then_some(PLAN_WARNING);
    add("warning", warning.map(ToOwned::to_owned));
    add("request", check.upstream_request_id.clone());
    add("cost", check.attempt.as_ref().map(|_| cost(check)));
    lines
}

fn cost(check: &ProfileCheckView) -> String {
    let amount = dollars(check.cost_usd, check.cost_is_at_most);
    let simulated = if check.simulated { " (simulated)" } else { "" };
    format!("{amount} USD{simulated}")
}
