//! `inspect`: what a pasted token is, offline, without echoing it and without reading anything of ours.

use keyreeve_broker::view::ReadingView;
use keyreeve_core::token::{self, Grammar, Reading, Verdict};

use crate::ask::{Question, Typed};
use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::settings::Inspect;
use crate::wiring::World;

pub(super) fn run(inspect: Inspect, world: &World) -> Result<(), CommandError> {
    let question = Question {
        prompt: "Token to inspect (it is not shown):",
        typed: Typed::Once,
        instead: "keyreeve inspect - < FILE",
    };
    let pasted = world.asker.take_anyhow(inspect.from, &question)?;
    let reading = token::read(&pasted, Grammar::Anthropic);
    let view = ReadingView::from(&reading);
    match world.output.format() {
        Format::Json => world.output.document(&view)?,
        Format::Human => tell(&reading, &view, world)?,
    }
    match reading.verdict {
        Verdict::Accept | Verdict::Warn => Ok(()),
        Verdict::Reject => Err(CommandError::new(
            Exit::Credential,
            "this cannot be used as a credential",
        )
        .because(view.problems.into_iter().map(|problem| problem.text))),
    }
}

fn tell(reading: &Reading, view: &ReadingView, world: &World) -> Result<(), CommandError> {
    let output = &world.output;
    let generation = view
        .generation
        .as_deref()
        .map(|g| format!(", generation {g}"))
        .unwrap_or_default();
    output.headline(&format!("{}{generation}", reading.family))?;
    let line = |name: &str, value: &str| output.line(&format!("{name:<12} {value}"));
    if let (Some(body), Some(whole)) = (view.body_chars, view.clean_chars) {
        line(
            "length",
            &format!("{whole} characters, {body} after the prefix"),
        )?;
    }
    line("billed to", billing(view.billing))?;
    line("usable for", usable_for(view.usable_for))?;
    if let Some(header) = view.header {
        line("header", header)?;
    }
    for fix in &view.fixes {
        line("repaired", &fix.text)?;
    }
    if reading.verdict == Verdict::Warn {
        for problem in &view.problems {
            line("odd", &problem.text)?;
        }
    }
    Ok(())
}

fn billing(code: &'static str) -> &'static str {
    match code {
        "metered" => "API credit of its organization",
        "plan_or_organization" => {
            "a plan where it was pasted, an organization where it was obtained; the prefix does not tell"
        }
        "gateway" => "whoever runs the gateway that made it",
        "none" => "nobody: it cannot ask a model",
        _ => "not known",
    }
}

fn usable_for(code: &'static str) -> &'static str {
    match code {
        "inference" => "asking a model",
        "admin_only" => "the Admin API alone",
        "refresh_only" => "renewing a login alone",
        "gateway" => "what its gateway allows",
        "nothing" => "nothing here",
        _ => "not known",
    }
}
