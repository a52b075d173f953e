//! Mends what can be undone: comments out lines of shell files, each after showing it and asking, with a copy of the file
//! beside it; removes the runtime file of a gateway that is gone.
//!
//! Invariants: nothing is changed without a yes; a line is changed only while it still sets what was found; no value
//! is shown.

use std::collections::BTreeMap;
use std::path::Path;

use keyreeve_core::finding::{Code, Finding, Mend, Proposal, Spot, propose};
use keyreeve_core::snapshot::{Hidden, Snapshot};
use keyreeve_os::files::Amendment;
use zeroize::Zeroizing;

use crate::ask::{Answer, Asker};
use crate::commands::serve::runtime_file::remove_runtime_file;
use crate::error::{CommandError, Exit};
use crate::wiring::World;

/// Asks about everything that can be mended, mends it, and gives back what is left.
pub(super) fn ask_and_mend(
    found: Vec<Finding>,
    snapshot: &Snapshot,
    world: &World,
) -> Result<Vec<Finding>, CommandError> {
    match world.asker {
        Asker::Present => {}
        Asker::Absent => {
            return Err(CommandError::new(
                Exit::Usage,
                "--fix asks before each change, and there is no terminal to ask on",
            )
            .hint("keyreeve doctor"));
        }
    }
    let mut files: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut stale = false;
    for finding in &found {
        stale |= finding.code == Code::StaleRuntimeFile;
        if let (
            Mend::CommentOut,
            Spot::File {
                path,
                line: Some(line),
            },
        ) = (&finding.mend, &finding.spot)
        {
            files.entry(path.clone()).or_default().push(*line);
        }
    }
    let mut mended: Vec<(String, Option<usize>)> = Vec::new();
    for (path, lines) in files {
        let done = amend(&path, &lines, snapshot, world)?;
        mended.extend(done.into_iter().map(|line| (path.clone(), Some(line))));
    }
    if stale && world.asker.confirm("Remove the runtime file?")? == Answer::Yes {
        remove_runtime_file(&world.places()?)?;
        mended.extend(found.iter().filter_map(|finding| match &finding.spot {
            Spot::File { path, line } if finding.code == Code::StaleRuntimeFile => {
                Some((path.clone(), *line))
            }
            Spot::File { .. } | Spot::Variable { .. } | Spot::Profile { .. } | Spot::Machine => {
                None
            }
        }));
    }
    if mended.is_empty() {
        world.output.note("nothing was changed");
    }
    let is_left = |finding: &Finding| match &finding.spot {
        Spot::File { path, line } => !mended.contains(&(path.clone(), *line)),
        Spot::Variable { .. } | Spot::Profile { .. } | Spot::Machine => true,
    };
    Ok(found.into_iter().filter(is_left).collect())
}

/// Asks about each line of one file, and writes it once; gives the lines that were commented out.
fn amend(
    path: &str,
    lines: &[usize],
    snapshot: &Snapshot,
    world: &World,
) -> Result<Vec<usize>, CommandError> {
    let output = &world.output;
    let amendment = match Amendment::open(Path::new(path)) {
        Ok(amendment) => amendment,
        Err(error) => {
            output.note(&format!("{path} is left alone: {error}"));
            return Ok(Vec::new());
        }
    };
    let home = snapshot.home.as_deref().unwrap_or("/");
    if amendment.path() != Path::new(path) {
        let outside = if amendment.path().starts_with(home) {
            ""
        } else {
            ", outside of your home directory"
        };
        output.note(&format!(
            "{path} is a link to {}{outside}: that file would be changed",
            amendment.path().display()
        ));
    }
    let mut accepted: Vec<(usize, Hidden)> = Vec::new();
    for line in lines {
        let Some(proposal) = propose(amendment.text(), *line, path) else {
            output.note(&format!("{path}:{line} is left alone: it changed"));
            continue;
        };
        show(path, *line, &proposal, world)?;
        if world.asker.confirm("Comment out this line?")? == Answer::Yes {
            accepted.push((*line, proposal.replacement));
        }
    }
    if accepted.is_empty() {
        return Ok(Vec::new());
    }
    let text = with_lines(amendment.text(), &accepted);
    let day = snapshot.now.strftime("%Y-%m-%d").to_string();
    let copy = amendment.replace(&text, &format!("keyreeve-{day}"))?;
    output.line(&format!("{path} is changed; as it was: {}", copy.display()))?;
    output.note(
        "the credential still stands in the comment and in the copy: delete both once all works",
    );
    output.note("shells that run already keep the variable until they end");
    Ok(accepted.into_iter().map(|(line, _)| line).collect())
}

fn show(path: &str, line: usize, proposal: &Proposal, world: &World) -> Result<(), CommandError> {
    world.output.line(&format!("--- {path}:{line}"))?;
    let change = format!("-{}\n+{}", proposal.before, proposal.after);
    Ok(world.output.data(&change)?)
}

/// The text with some of its lines replaced; every other byte stays.
fn with_lines(text: &str, replaced: &[(usize, Hidden)]) -> Zeroizing<String> {
    let mut new = Zeroizing::new(String::with_capacity(text.len() + 256));
    for (at, line) in text.split_inclusive('\n').enumerate() {
        match replaced.iter().find(|(number, _)| *number == at + 1) {
            Some((_, replacement)) => {
                new.push_str(replacement.judge());
                if line.ends_with('\n') {
                    new.push('\n');
                }
            }
            None => new.push_str(line),
        }
    }
    new
}
