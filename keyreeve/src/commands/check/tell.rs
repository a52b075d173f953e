//! One profile's health, for a person.

use keyreeve_broker::view::CheckedView;

use super::super::usage::dollars;
use crate::error::CommandError;
use crate::output::when_text;
use crate::wiring::World;

const PLAN: &str =
    "the answer is that of a plan login: this profile is no API key, whatever it is called";

/// Says how well a profile is, and what to do where it is not.
pub(super) fn one(checked: &CheckedView, world: &World) -> Result<(), CommandError> {
    let until = checked.until.as_deref().map_or_else(String::new, |at| {
        format!(" until {}", when_text(at, &world.clock_now()))
    });
    world
        .output
        .headline(&format!("{}: {}{until}", checked.profile, checked.words))?;
    for (what, value) in lines(checked) {
        world.output.line(&format!("  {what:<12} {value}"))?;
    }
    Ok(())
}

fn lines(checked: &CheckedView) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let mut add = |what, value: Option<String>| lines.extend(value.map(|value| (what, value)));
    add("said", checked.said.clone());
    add("remedy", checked.remedy.clone());
    add("see", checked.page.clone());
    add("organization", checked.organization_id.clone());
    add("workspace", checked.workspace_id.clone());
    let declared = (checked.answered_as_plan && checked.billing != "plan").then_some(PLAN);
    add("warning", declared.map(ToOwned::to_owned));
    add("request", checked.upstream_request_id.clone());
    add("cost", checked.attempt.as_ref().map(|_| cost(checked)));
    lines
}

fn cost(checked: &CheckedView) -> String {
    let amount = dollars(checked.cost_usd, checked.cost_is_at_most);
    let simulated = if checked.simulated {
        " (simulated)"
    } else {
        ""
    };
    format!("{amount} usd{simulated}")
}
