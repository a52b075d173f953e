//! `inspect`: identifies a pasted token, offline, without echoing it and without reading keyreeve's files.

use keyreeve_broker::wire::TokenReportView;
use keyreeve_core::token::{self, Grammar, TokenReport, TokenVerdict};

use crate::args::{InspectArgs, SecretInput};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::Line;
use crate::prompt::{Repeat, SecretPrompt};

pub(super) fn run(inspect: &InspectArgs, context: &Context) -> Result<(), CommandError> {
    let question = SecretPrompt {
        prompt: "Token to inspect (hidden):",
        repeat: Repeat::Once,
        command: "keyreeve inspect - < FILE",
    };
    let input = match inspect.input {
        Some(_) => SecretInput::Stdin,
        None => SecretInput::Prompt,
    };
    let pasted = context.prompter.read_secret_or_stdin(input, &question)?;
    let report = token::read(&pasted, Grammar::Anthropic);
    let view = TokenReportView::from(&report);
    context.output.show(&view, |view| render(view, &report))?;
    match report.verdict {
        TokenVerdict::Accept | TokenVerdict::Warn => Ok(()),
        TokenVerdict::Reject => Err(CommandError::new(
            Exit::Credential,
            "not usable as a credential",
        )
        .with_causes(view.problems.into_iter().map(|problem| problem.text))),
    }
}

fn render(view: &TokenReportView, report: &TokenReport) -> Vec<Line> {
    let generation = view
        .generation
        .as_deref()
        .map(|g| format!(", generation {g}"))
        .unwrap_or_default();
    let mut lines = vec![Line::Headline(format!("{}{generation}", report.family))];
    let mut field = |label, value: &str| lines.push(Line::Field(label, value.to_owned()));
    if let (Some(body), Some(total)) = (view.body_chars, view.clean_chars) {
        field(
            "length",
            &format!("{total} characters, {body} after the prefix"),
        );
    }
    field("billing", billing(view.billing));
    field("usable for", usable_for(view.usable_for));
    if let Some(header) = view.header {
        field("header", header);
    }
    for repair in &view.repairs {
        field("repaired", &repair.text);
    }
    if report.verdict == TokenVerdict::Warn {
        for problem in &view.problems {
            field("warning", &problem.text);
        }
    }
    lines
}

fn billing(code: &'static str) -> &'static str {
    match code {
        "metered" => "API credit of its organization",
        "plan_or_organization" => {
            "a plan if a user pasted it, an organization if a program obtained it; the prefix is the same"
        }
        "gateway" => "the operator of the gateway that issued it",
        "none" => "none: it cannot call a model",
        _ => "unknown",
    }
}

fn usable_for(code: &'static str) -> &'static str {
    match code {
        "inference" => "calling models",
        "admin_only" => "the Admin API only",
        "refresh_only" => "refreshing a login only",
        "gateway" => "whatever its gateway allows",
        "nothing" => "nothing",
        _ => "unknown",
    }
}
