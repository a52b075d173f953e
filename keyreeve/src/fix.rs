//! Fixes of findings, for `doctor --fix` and `protect`: comments out lines of shell files, each after showing the change
//! and asking, with a backup copy next to the file; removes the runtime file of a gateway that is gone.
//!
//! Invariants: nothing is changed without a yes or `--yes`; a line is changed only if it still sets the variable that was found; no
//! value is shown.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keyreeve_os::files::FileEdit;
use keyreeve_resolver::finding::{Finding, FindingCode, FindingLocation, Fix, Proposal, propose};
use keyreeve_resolver::hidden_text::HiddenText;
use keyreeve_resolver::snapshot::Snapshot;
use zeroize::Zeroizing;

use crate::args::Consent;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::Line;
use crate::prompt::{Answer, Prompter};
use crate::running_gateway::remove_runtime_file;

/// Lines of a file that were commented out.
pub(crate) struct CommentedLines {
    /// The file, with symbolic links resolved.
    pub(crate) path: PathBuf,
    /// The lines, counted from 1.
    pub(crate) lines: Vec<usize>,
    /// The text before.
    pub(crate) before: Zeroizing<String>,
    /// The text after.
    pub(crate) after: Zeroizing<String>,
    /// The backup.
    pub(crate) backup: PathBuf,
}

/// Offers each possible fix, applies the accepted ones, and returns the findings that remain.
pub(crate) fn ask_and_fix(
    findings: Vec<Finding>,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Vec<Finding>, CommandError> {
    match context.prompter {
        Prompter::Interactive => {}
        Prompter::NonInteractive => {
            return Err(CommandError::new(
                Exit::Usage,
                "`--fix` asks before each change and needs a terminal",
            )
            .fix("keyreeve doctor"));
        }
    }
    let mut fixed: Vec<(String, Option<usize>)> = Vec::new();
    for (path, lines) in lines_to_comment_out(&findings) {
        let commented = comment_out((&path, &lines), Consent::Ask, snapshot, context)?;
        let changed_lines = commented.into_iter().flat_map(|commented| commented.lines);
        fixed.extend(changed_lines.map(|line| (path.clone(), Some(line))));
    }
    let stale = stale_runtime_files(&findings);
    if !stale.is_empty()
        && context.prompter.confirm("Remove the stale runtime file?")? == Answer::Yes
    {
        remove_runtime_file(&context.dirs()?)?;
        fixed.extend(stale);
    }
    if fixed.is_empty() {
        context.output.note("Nothing was changed");
    }
    let remains = |finding: &Finding| file_of(finding).is_none_or(|file| !fixed.contains(&file));
    Ok(findings.into_iter().filter(remains).collect())
}

/// The lines that a fix comments out, by file.
pub(crate) fn lines_to_comment_out(findings: &[Finding]) -> BTreeMap<String, Vec<usize>> {
    let mut files: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for finding in findings {
        if let (Fix::CommentOut, Some((path, Some(line)))) = (&finding.fix, file_of(finding)) {
            files.entry(path).or_default().push(line);
        }
    }
    files
}

/// The locations of stale runtime files.
fn stale_runtime_files(findings: &[Finding]) -> Vec<(String, Option<usize>)> {
    let stale = |finding: &&Finding| finding.code == FindingCode::StaleRuntimeFile;
    findings.iter().filter(stale).filter_map(file_of).collect()
}

/// The file and line of a finding, if it is in a file.
fn file_of(finding: &Finding) -> Option<(String, Option<usize>)> {
    match &finding.location {
        FindingLocation::File { path, line } => Some((path.clone(), *line)),
        FindingLocation::Variable { .. }
        | FindingLocation::Profile { .. }
        | FindingLocation::Machine => None,
    }
}

/// Shows each line of one file, asks about it, writes the file once, and returns what was commented out.
///
/// # Errors
/// If the user cancels or the file cannot be written.
pub(crate) fn comment_out(
    (path, lines): (&str, &[usize]),
    consent: Consent,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Option<CommentedLines>, CommandError> {
    let output = &context.output;
    let edit = match FileEdit::open(Path::new(path)) {
        Ok(edit) => edit,
        Err(error) => {
            output.note(&format!("Skipped {path}: {error}"));
            return Ok(None);
        }
    };
    let home = snapshot.home.as_deref().unwrap_or("/");
    if edit.path() != Path::new(path) {
        let outside = if edit.path().starts_with(home) {
            ""
        } else {
            ", outside your home directory"
        };
        output.note(&format!(
            "{path} is a link to {}{outside}; that file would be changed",
            edit.path().display()
        ));
    }
    let mut accepted: Vec<(usize, HiddenText)> = Vec::new();
    for line in lines {
        let Some(proposal) = propose(edit.text(), *line, path) else {
            output.note(&format!("Skipped {path}:{line}: the line has changed"));
            continue;
        };
        show_change(path, *line, &proposal, context)?;
        let answer = match consent {
            Consent::Ask => context.prompter.confirm("Comment out this line?")?,
            Consent::Given => Answer::Yes,
        };
        match answer {
            Answer::Yes => accepted.push((*line, proposal.replacement)),
            Answer::No => {}
        }
    }
    if accepted.is_empty() {
        return Ok(None);
    }
    let before = Zeroizing::new(edit.text().to_owned());
    let after = with_lines(&before, &accepted);
    let file = edit.path().to_owned();
    let backup = edit.replace(&after, &backup_label(snapshot))?;
    let changed = format!("Changed {path}; backup: {}", backup.display());
    output.write(&[Line::Data(changed)])?;
    output.note(
        "The credential is still in the comment and in the backup. Delete both once everything works.",
    );
    output.note("Shells that are already running keep the variable until they end");
    Ok(Some(CommentedLines {
        path: file,
        lines: accepted.into_iter().map(|(line, _)| line).collect(),
        before,
        after,
        backup,
    }))
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
fn with_lines(text: &str, replaced: &[(usize, HiddenText)]) -> Zeroizing<String> {
    let mut new = Zeroizing::new(String::with_capacity(text.len() + 256));
    for (at, line) in text.split_inclusive('\n').enumerate() {
        match replaced.iter().find(|(number, _)| *number == at + 1) {
            Some((_, replacement)) => {
                new.push_str(replacement.inspect());
                if line.ends_with('\n') {
                    new.push('\n');
                }
            }
            None => new.push_str(line),
        }
    }
    new
}
