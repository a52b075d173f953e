//! `protect --undo`: takes back what was added, and keeps what the user changed since.

use keyreeve_broker::admin::protection::{FileUndo, Protection, UndoResult, UndoneBinding};

use super::{finish, render};
use crate::args::Consent;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::{Line, abbreviate_home};
use crate::prompt::{Answer, Question};

/// Takes back every part.
///
/// # Errors
/// Exit 2 without a terminal and without `--yes`; exit 1 if a file cannot be changed.
pub(crate) fn undo(consent: Consent, context: &Context) -> Result<(), CommandError> {
    let mut protection = Protection::open(&context.dirs()?.data)?;
    if protection.is_empty() {
        return finish(&[], &protection, context);
    }
    context
        .output
        .write(&render::recorded(&protection, context.home()))?;
    let question = Question {
        prompt: "Take this back? A line that was commented out sets its variable again.",
        command: "keyreeve protect --undo --yes",
    };
    let answer = match consent {
        Consent::Given => Answer::Yes,
        Consent::Ask => context.prompter.confirm_required(question, Answer::Yes)?,
    };
    match answer {
        Answer::Yes => take_back(&mut protection, context),
        Answer::No => Ok(()),
    }
}

fn take_back(protection: &mut Protection, context: &Context) -> Result<(), CommandError> {
    let home = context.home();
    let mut changes = Vec::new();
    let mut failures = Vec::new();
    for undone in protection.undo_files()? {
        match undone {
            Ok(undone) => {
                context.output.write(&file_lines(&undone, home))?;
                changes.push(abbreviate_home(&describe_file(&undone), home));
            }
            Err(error) => failures.push(abbreviate_home(&error.to_string(), home)),
        }
    }
    let dirs = context.dirs()?;
    if keyreeve_store::Store::exists(&crate::context::store_paths(&dirs)) {
        let store = context.open_store()?;
        for binding in protection.undo_bindings(&store)? {
            let text = abbreviate_home(&describe_binding(&binding), home);
            context.output.success(&text);
            changes.push(text);
        }
        for name in protection.undo_profiles(&store)? {
            let text = format!("Removed profile `{name}`");
            context.output.success(&text);
            changes.push(text);
        }
    }
    finish(&changes, protection, context)?;
    if failures.is_empty() {
        return Ok(());
    }
    let error = CommandError::new(Exit::Failed, "some files could not be changed");
    Err(error.with_causes(failures).fix("keyreeve protect --undo"))
}

fn file_lines(undone: &FileUndo, home: Option<&str>) -> Vec<Line> {
    let mut lines = vec![Line::Success(abbreviate_home(&describe_file(undone), home))];
    if !undone.changes.is_empty() {
        lines.push(Line::Data(format!("--- {}", undone.path.display())));
    }
    for change in &undone.changes {
        let removed = change.removed.iter().map(|line| format!("-{line}"));
        let added = change.added.iter().map(|line| format!("+{line}"));
        lines.extend(removed.chain(added).map(Line::Data));
    }
    for backup in &undone.remaining_backups {
        let text = format!("The backup {} remains", backup.display());
        lines.push(Line::Note(abbreviate_home(&text, home)));
    }
    lines
}

fn describe_file(undone: &FileUndo) -> String {
    let path = undone.path.display();
    match (undone.result, undone.removed_backups.is_empty()) {
        (UndoResult::Restored, true) => format!("Restored {path} to the byte"),
        (UndoResult::Restored, false) => {
            format!("Restored {path} to the byte, and removed its backup")
        }
        (UndoResult::Deleted, _) => format!("Removed {path}"),
        (UndoResult::KeptEdits, _) => {
            format!("Removed what was added to {path}, and kept your changes")
        }
        (UndoResult::LeftAlone, _) => {
            format!("Left {path} as it is: what was added is not there any more")
        }
    }
}

fn describe_binding(binding: &UndoneBinding) -> String {
    match binding {
        UndoneBinding::Unbound(directory) => format!("Unbound {directory}"),
        UndoneBinding::Restored(directory) => {
            format!("Restored the earlier binding of {directory}")
        }
        UndoneBinding::LeftAlone(directory) => {
            format!("Left the binding of {directory} as it is: you have changed it")
        }
    }
}
