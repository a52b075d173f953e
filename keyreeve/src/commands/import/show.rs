//! The plan as people see it: one block for each thing found, then what else is worth knowing.

use keyreeve_broker::view::{ImportEntryView, ImportOutcome, ImportView, Stage};
use keyreeve_core::inert::{LONGEST_LINE, inert_line};

use crate::error::CommandError;
use crate::output::counted;
use crate::wiring::World;

pub(super) fn show(view: &ImportView, world: &World) -> Result<(), CommandError> {
    for entry in &view.entries {
        let word = word(entry.outcome, view.stage);
        let what = match (entry.outcome, &entry.profile) {
            (ImportOutcome::Leave, _) | (_, None) => entry.what.clone(),
            (_, Some(profile)) => format!("{profile}  from {}", entry.what),
        };
        world
            .output
            .line(&format!("{word:<10} {what}, {}", entry.path))?;
        for line in lines(entry) {
            world.output.line(&format!("{:<10} {line}", ""))?;
        }
    }
    for note in &view.notes {
        world.output.note(&note.text);
        if let Some(hint) = &note.hint {
            world.output.hint(hint);
        }
    }
    world.output.note(&sum(view));
    Ok(())
}

fn word(outcome: ImportOutcome, stage: Stage) -> &'static str {
    match (outcome, stage) {
        (ImportOutcome::Take, Stage::Planned) => "would add",
        (ImportOutcome::Take, Stage::Done) => "added",
        (ImportOutcome::Same, _) => "same as",
        (ImportOutcome::Leave, _) => "left",
        (ImportOutcome::Conflict, _) => "conflict",
    }
}

fn lines(entry: &ImportEntryView) -> Vec<String> {
    let mut lines = Vec::new();
    if let (Some(secret), Some(base_url)) = (&entry.secret, &entry.base_url) {
        // A command may have several lines, and each must not look like one of ours.
        lines.push(format!(
            "{}, to {base_url}",
            inert_line(secret, LONGEST_LINE)
        ));
    }
    lines.extend(entry.why.clone());
    lines.extend(entry.remarks.iter().cloned());
    lines.extend(entry.mend.iter().map(|mend| format!("> {mend}")));
    lines
}

fn sum(view: &ImportView) -> String {
    let count = |outcome| {
        let is = |entry: &&ImportEntryView| entry.outcome == outcome;
        view.entries.iter().filter(is).count()
    };
    let added = counted(count(ImportOutcome::Take), "profile");
    let added = match view.stage {
        Stage::Planned => format!("{added} would be added"),
        Stage::Done => format!("{added} added"),
    };
    format!(
        "{added}, {} there already, {} left, {} in conflict; nothing was changed in {}",
        count(ImportOutcome::Same),
        count(ImportOutcome::Leave),
        count(ImportOutcome::Conflict),
        view.directory
    )
}
