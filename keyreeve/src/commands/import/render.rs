//! Prints the import plan: one block per entry, then the notes and a summary.

use keyreeve_broker::wire::{ImportEntryView, ImportOutcome, ImportView, Stage};
use keyreeve_core::sanitize::{MAX_LINE_CHARS, sanitize_line};

use crate::context::Context;
use crate::error::CommandError;
use crate::output::{pluralize, sentence_case};

/// Indent of the lines below an entry, as wide as the column of outcomes.
const INDENT: &str = "           ";

pub(super) fn import(view: &ImportView, context: &Context) -> Result<(), CommandError> {
    for entry in &view.entries {
        let label = outcome_label(entry.outcome, view.stage);
        let title = match (entry.outcome, &entry.profile) {
            (ImportOutcome::Skip, _) | (_, None) => entry.name.clone(),
            (_, Some(profile)) => format!("{profile}  from {}", entry.name),
        };
        context
            .output
            .wrapped(&format!("{label:<10} {title}, {}", entry.path), INDENT)?;
        for line in detail_lines(entry) {
            context.output.wrapped(&format!("{INDENT}{line}"), INDENT)?;
        }
        if let Some(command) = &entry.fix {
            context.output.line(&format!("{INDENT}fix: {command}"))?;
        }
    }
    for note in &view.notes {
        context.output.note(&sentence_case(&note.text));
        if let Some(command) = &note.hint {
            context.output.hint(&format!("Run `{command}`"));
        }
    }
    match view.stage {
        Stage::Planned => context.output.note(&summary(view)),
        Stage::Done => context.output.success(&summary(view)),
    }
    Ok(())
}

fn outcome_label(outcome: ImportOutcome, stage: Stage) -> &'static str {
    match (outcome, stage) {
        (ImportOutcome::Create, Stage::Planned) => "would add",
        (ImportOutcome::Create, Stage::Done) => "added",
        (ImportOutcome::Reuse, _) => "exists",
        (ImportOutcome::Skip, _) => "skipped",
        (ImportOutcome::Conflict, _) => "conflict",
    }
}

fn detail_lines(entry: &ImportEntryView) -> Vec<String> {
    let mut lines = Vec::new();
    if let (Some(secret), Some(base_url)) = (&entry.secret, &entry.base_url) {
        // A command may span several lines; none of them may look like our own output.
        lines.push(format!(
            "{}, to {base_url}",
            sanitize_line(secret, MAX_LINE_CHARS)
        ));
    }
    lines.extend(entry.reason.clone());
    lines.extend(entry.warnings.iter().cloned());
    lines
}

fn summary(view: &ImportView) -> String {
    let count = |outcome| {
        let is = |entry: &&ImportEntryView| entry.outcome == outcome;
        view.entries.iter().filter(is).count()
    };
    let added = pluralize(count(ImportOutcome::Create), "profile");
    let added = match view.stage {
        Stage::Planned => format!("Would add {added}"),
        Stage::Done => format!("Added {added}"),
    };
    format!(
        "{added}; {} already there, {} skipped, {} in conflict. Nothing in {} was changed.",
        count(ImportOutcome::Reuse),
        count(ImportOutcome::Skip),
        count(ImportOutcome::Conflict),
        view.directory
    )
}
