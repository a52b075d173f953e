//! Fixes of findings, for `doctor --fix` and `protect`: comments out lines of shell files, each after showing the change
//! and asking, with a backup copy next to the file; removes keys from comments and backups; removes the runtime file of
//! a gateway that is gone.
//!
//! Invariants: nothing is changed without a yes or `--yes`; a line is changed only if it still sets the variable or holds
//! the key that was found; a file is written only if the result still parses; no value is shown.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keyreeve_os::files::FileEdit;
use keyreeve_resolver::finding::{
    Finding, FindingCode, FindingLocation, Fix, KeyPlace, Proposal, ScriptKind, check_structure,
    propose, propose_removal,
};
use keyreeve_resolver::hidden_text::HiddenText;
use keyreeve_resolver::snapshot::Snapshot;
use zeroize::Zeroizing;

use crate::args::Consent;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::Line;
use crate::prompt::{Answer, Prompter};
use crate::running_gateway::remove_runtime_file;
use crate::shell_check::{self, ShellCheck};

/// Changes of the lines of one file, each with the number of its line.
pub(crate) type LineChanges = Vec<(usize, Change)>;

/// A change of a line.
#[derive(Clone, Copy)]
pub(crate) enum Change {
    /// Comments the line out.
    CommentOut(ScriptKind),
    /// Removes a key from a line that no program uses.
    RemoveKey(KeyPlace),
}

/// Lines of a file that were commented out.
pub(crate) struct CommentedLines {
    /// The file, with symbolic links resolved.
    pub(crate) path: PathBuf,
    /// The text before.
    pub(crate) before: Zeroizing<String>,
    /// The text after.
    pub(crate) after: Zeroizing<String>,
    /// The backup.
    pub(crate) backup: PathBuf,
}

/// A file that was changed.
struct ChangedFile {
    path: PathBuf,
    before: Zeroizing<String>,
    after: Zeroizing<String>,
    /// The backup, unless keys were only removed.
    backup: Option<PathBuf>,
    line_count: usize,
}

/// Checks that the user can agree to fixes.
///
/// # Errors
/// Exit 2 if prompts are not possible and `--yes` was not given.
pub(crate) fn check_consent(consent: Consent, context: &Context) -> Result<(), CommandError> {
    match (consent, context.prompter) {
        (Consent::Given, _) | (Consent::Ask, Prompter::Interactive) => Ok(()),
        (Consent::Ask, Prompter::NonInteractive) => Err(CommandError::new(
            Exit::Usage,
            "`--fix` asks before each change and needs a terminal",
        )
        .fix("keyreeve doctor --fix --yes")),
    }
}

/// Offers each possible fix and applies the accepted ones. Returns the number of changes.
pub(crate) fn ask_and_fix(
    findings: &[Finding],
    snapshot: &Snapshot,
    consent: Consent,
    context: &Context,
) -> Result<usize, CommandError> {
    let mut fixed = 0;
    for (path, changes) in changes_by_file(findings) {
        let changed = edit_file((&path, &changes), consent, snapshot, context)?;
        fixed += changed.map_or(0, |changed| changed.line_count);
    }
    let is_stale = |finding: &Finding| finding.code == FindingCode::StaleRuntimeFile;
    if findings.iter().any(is_stale)
        && confirm(consent, "Remove the stale runtime file?", context)? == Answer::Yes
    {
        remove_runtime_file(&context.dirs()?)?;
        fixed += 1;
    }
    Ok(fixed)
}

/// The lines that a fix comments out, by file.
pub(crate) fn lines_to_comment_out(findings: &[Finding]) -> BTreeMap<String, LineChanges> {
    let mut files = changes_by_file(findings);
    for changes in files.values_mut() {
        changes.retain(|(_, change)| matches!(change, Change::CommentOut(_)));
    }
    files.retain(|_, changes| !changes.is_empty());
    files
}

/// Shows each line of one file, asks about it, writes the file once, and returns what was commented out.
///
/// # Errors
/// If the user cancels or the file cannot be written.
pub(crate) fn comment_out(
    file: (&str, &[(usize, Change)]),
    consent: Consent,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Option<CommentedLines>, CommandError> {
    let Some(changed) = edit_file(file, consent, snapshot, context)? else {
        return Ok(None);
    };
    let Some(backup) = changed.backup else {
        return Ok(None);
    };
    context.output.note(
        "The credential is still in the comment and in the backup. Once everything works, remove it: `keyreeve doctor --fix`",
    );
    Ok(Some(CommentedLines {
        path: changed.path,
        before: changed.before,
        after: changed.after,
        backup,
    }))
}

/// The changes that fix findings, by file.
fn changes_by_file(findings: &[Finding]) -> BTreeMap<String, LineChanges> {
    let mut files: BTreeMap<String, LineChanges> = BTreeMap::new();
    for finding in findings {
        let change = match finding.fix {
            Fix::CommentOut(kind) => Change::CommentOut(kind),
            Fix::RemoveKey(place) => Change::RemoveKey(place),
            Fix::Run(_) | Fix::Manual(_) => continue,
        };
        if let FindingLocation::File {
            path,
            line: Some(line),
        } = &finding.location
        {
            let changes = files.entry(path.clone()).or_default();
            if !changes.iter().any(|(known, _)| known == line) {
                changes.push((*line, change));
            }
        }
    }
    files
}

impl Change {
    fn propose(self, text: &str, line: usize) -> Option<Proposal> {
        match self {
            Self::CommentOut(kind) => propose(text, line, kind),
            Self::RemoveKey(place) => propose_removal(text, line, place),
        }
    }

    fn question(self) -> &'static str {
        match self {
            Self::CommentOut(_) => "Comment out this line?",
            Self::RemoveKey(_) => "Remove the key from this line for good?",
        }
    }

    /// Returns the kind of the file, if it is one that a program reads.
    fn kind(self) -> Option<ScriptKind> {
        match self {
            Self::CommentOut(kind) | Self::RemoveKey(KeyPlace::Comment(kind)) => Some(kind),
            Self::RemoveKey(KeyPlace::Backup) => None,
        }
    }
}

fn confirm(consent: Consent, question: &str, context: &Context) -> Result<Answer, CommandError> {
    match consent {
        Consent::Ask => context.prompter.confirm(question),
        Consent::Given => Ok(Answer::Yes),
    }
}

/// Asks about each line of one file, and writes the file once.
fn edit_file(
    (path, changes): (&str, &[(usize, Change)]),
    consent: Consent,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Option<ChangedFile>, CommandError> {
    let output = &context.output;
    let edit = match FileEdit::open(Path::new(path)) {
        Ok(edit) => edit,
        Err(error) => {
            output.note(&format!("Skipped {path}: {error}"));
            return Ok(None);
        }
    };
    note_link(path, &edit, snapshot, context);
    let mut accepted: Vec<(usize, Change, HiddenText)> = Vec::new();
    for (line, change) in changes {
        let Some(proposal) = change.propose(edit.text(), *line) else {
            output.note(&format!("Skipped {path}:{line}: the line has changed"));
            continue;
        };
        show_change(path, *line, &proposal, context)?;
        if confirm(consent, change.question(), context)? == Answer::Yes {
            accepted.push((*line, *change, proposal.replacement));
        }
    }
    if accepted.is_empty() {
        return Ok(None);
    }
    let before = Zeroizing::new(edit.text().to_owned());
    let after = with_lines(&before, &accepted);
    let kind = accepted.iter().find_map(|(_, change, _)| change.kind());
    if let Some(reason) = kind.and_then(|kind| refusal(&before, &after, kind, snapshot)) {
        output.note(&format!(
            "Nothing was written to {path}: {reason}. Change the file yourself."
        ));
        return Ok(None);
    }
    let file = edit.path().to_owned();
    let backup = write(edit, &after, &accepted, snapshot)?;
    show_written(path, backup.as_deref(), context)?;
    Ok(Some(ChangedFile {
        path: file,
        before,
        after,
        backup,
        line_count: accepted.len(),
    }))
}

fn show_written(path: &str, backup: Option<&Path>, context: &Context) -> Result<(), CommandError> {
    let output = &context.output;
    let Some(backup) = backup else {
        let removed = format!("Removed the key from {path}");
        return Ok(output.write(&[Line::Data(removed)])?);
    };
    let changed = format!("Changed {path}; backup: {}", backup.display());
    output.write(&[Line::Data(changed)])?;
    output.note("Shells that are already running keep the variable until they end");
    Ok(())
}

fn note_link(path: &str, edit: &FileEdit, snapshot: &Snapshot, context: &Context) {
    let home = snapshot.home.as_deref().unwrap_or("/");
    if edit.path() != Path::new(path) {
        let outside = if edit.path().starts_with(home) {
            ""
        } else {
            ", outside your home directory"
        };
        context.output.note(&format!(
            "{path} is a link to {}{outside}; that file would be changed",
            edit.path().display()
        ));
    }
}

/// Returns the reason that the changed text must not be written.
fn refusal(before: &str, after: &str, kind: ScriptKind, snapshot: &Snapshot) -> Option<String> {
    if let Err(error) = check_structure(before, after, kind) {
        return Some(error.to_string());
    }
    let path = snapshot.environment.get("PATH").unwrap_or_default();
    match shell_check::check(after, kind, path) {
        ShellCheck::Accepted | ShellCheck::NotChecked => None,
        ShellCheck::Refused(shell) => Some(match shell_check::check(before, kind, path) {
            ShellCheck::Refused(_) => format!("{shell} cannot parse it, even without the change"),
            ShellCheck::Accepted | ShellCheck::NotChecked => {
                format!("{shell} could not parse the result")
            }
        }),
    }
}

/// Writes the changed file. Returns the path of the backup, unless keys are only removed.
fn write(
    edit: FileEdit,
    text: &str,
    accepted: &[(usize, Change, HiddenText)],
    snapshot: &Snapshot,
) -> Result<Option<PathBuf>, CommandError> {
    let comments_out = accepted.iter().any(|(_, change, _)| match change {
        Change::CommentOut(_) => true,
        Change::RemoveKey(_) => false,
    });
    if !comments_out {
        edit.replace_without_backup(text)?;
        return Ok(None);
    }
    Ok(Some(edit.replace(text, &backup_label(snapshot))?))
}

/// Returns the label of backups that are made today.
pub(crate) fn backup_label(snapshot: &Snapshot) -> String {
    format!("keyreeve-{}", snapshot.now.strftime("%Y-%m-%d"))
}

fn show_change(
    path: &str,
    line: usize,
    proposal: &Proposal,
    context: &Context,
) -> Result<(), CommandError> {
    Ok(context.output.write(&[
        Line::Data(format!("--- {path}:{line}")),
        Line::Data(format!("-{}", proposal.before)),
        Line::Data(format!("+{}", proposal.after)),
    ])?)
}

/// Replaces some lines of a text; every other byte stays the same.
fn with_lines(text: &str, replaced: &[(usize, Change, HiddenText)]) -> Zeroizing<String> {
    let mut new = Zeroizing::new(String::with_capacity(text.len() + 256));
    for (at, line) in text.split_inclusive('\n').enumerate() {
        match replaced.iter().find(|(number, ..)| *number == at + 1) {
            Some((_, _, replacement)) => {
                new.push_str(replacement.inspect());
                new.push_str(&line[line.trim_end_matches(['\r', '\n']).len()..]);
            }
            None => new.push_str(line),
        }
    }
    new
}
