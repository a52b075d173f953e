//! `doctor --fix`: comments out lines of shell files, each after showing the change and asking, with a backup copy next to the
//! file; removes the runtime file of a gateway that is gone.
//!
//! Invariants: nothing is changed without a yes; a line is changed only if it still sets the variable that was found; no
//! value is shown.

use std::collections::BTreeMap;
use std::path::Path;

use keyreeve_os::files::FileEdit;
use keyreeve_resolver::finding::{Finding, FindingCode, FindingLocation, Fix, Proposal, propose};
use keyreeve_resolver::hidden_text::HiddenText;
use keyreeve_resolver::snapshot::Snapshot;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::prompt::{Answer, Prompter};
use crate::running_gateway::remove_runtime_file;

/// Offers each possible fix, applies the accepted ones, and returns the findings that remain.
pub(super) fn ask_and_fix(
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
        let changed_lines = edit_file(&path, &lines, snapshot, context)?;
        fixed.extend(
            changed_lines
                .into_iter()
                .map(|line| (path.clone(), Some(line))),
        );
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
fn lines_to_comment_out(findings: &[Finding]) -> BTreeMap<String, Vec<usize>> {
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

/// Asks about each line of one file, writes the file once, and returns the lines that were commented out.
fn edit_file(
    path: &str,
    lines: &[usize],
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Vec<usize>, CommandError> {
    let output = &context.output;
    let edit = match FileEdit::open(Path::new(path)) {
        Ok(edit) => edit,
        Err(error) => {
            output.note(&format!("Skipped {path}: {error}"));
            return Ok(Vec::new());
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
        if context.prompter.confirm("Comment out this line?")? == Answer::Yes {
            accepted.push((*line, proposal.replacement));
        }
    }
    if accepted.is_empty() {
        return Ok(Vec::new());
    }
    let text = with_lines(edit.text(), &accepted);
    let day = snapshot.now.strftime("%Y-%m-%d").to_string();
    let backup = edit.replace(&text, &format!("keyreeve-{day}"))?;
    output.line(&format!("Changed {path}; backup: {}", backup.display()))?;
    output.note(
        "The credential is still in the comment and in the backup. Delete both once everything works.",
    );
    output.note("Shells that are already running keep the variable until they end");
    Ok(accepted.into_iter().map(|(line, _)| line).collect())
}

fn show_change(
    path: &str,
    line: usize,
    proposal: &Proposal,
    context: &Context,
) -> Result<(), CommandError> {
    context.output.line(&format!("--- {path}:{line}"))?;
    let change = format!("-{}\n+{}", proposal.before, proposal.after);
    Ok(context.output.data(&change)?)
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
