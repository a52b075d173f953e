//! The import plan as text: one block per entry, then the notes and a summary.

use keyreeve_broker::wire::{ImportEntryView, ImportOutcome, ImportView, Stage};
use keyreeve_core::sanitize::{MAX_LINE_CHARS, sanitize_line};

use crate::output::{Line, pluralize, sentence_case};

/// Indent of the lines below an entry, as wide as the column of outcomes.
const INDENT: &str = "           ";

pub(super) fn import(view: &ImportView) -> Vec<Line> {
    let mut lines: Vec<Line> = view
        .entries
        .iter()
        .flat_map(|entry| entry_lines(entry, view.stage))
        .collect();
    for note in &view.notes {
        lines.push(Line::Note(sentence_case(&note.text)));
        let command = note.hint.as_ref();
        lines.extend(command.map(|command| Line::Hint(format!("Run `{command}`"))));
    }
    lines.push(match view.stage {
        Stage::Planned => Line::Note(summary(view)),
        Stage::Done => Line::Success(summary(view)),
    });
    lines
}

fn entry_lines(entry: &ImportEntryView, stage: Stage) -> Vec<Line> {
    let label = outcome_label(entry.outcome, stage);
    let title = match (entry.outcome, &entry.profile) {
        (ImportOutcome::Skip, _) | (_, None) => entry.name.clone(),
        (_, Some(profile)) => format!("{profile}  from {}", entry.name),
    };
    let wrapped = |text| Line::Wrapped {
        text,
        indent: INDENT,
    };
    let mut lines = vec![wrapped(format!("{label:<10} {title}, {}", entry.path))];
    let details = detail_lines(entry).into_iter();
    lines.extend(details.map(|detail| wrapped(format!("{INDENT}{detail}"))));
    let fix = entry.fix.as_ref();
    lines.extend(fix.map(|command| Line::Data(format!("{INDENT}fix: {command}"))));
    lines
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
