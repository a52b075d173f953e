//! How a line that sets a credential would be commented out, and how that is shown without its value.

use crate::snapshot::Hidden;
use crate::token::redact;

use super::assignment::{Assigned, Stands};
use super::evidence::{Reader, Script};
use super::shown;

/// A line, and what would stand in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// The line as it may be shown.
    pub before: String,
    /// What would stand there, as it may be shown.
    pub after: String,
    /// What would stand there. It holds the value.
    pub replacement: Hidden,
}

/// Proposes to comment out a line of a shell file; none where it does not set one credential and nothing else.
///
/// In a block the comment stands behind `:`, since an empty block is a mistake in most shells.
pub fn propose(text: &str, line: usize, path: &str) -> Option<Proposal> {
    let reader = reader_of(path);
    let script = Script::read(path.to_owned(), reader, text);
    let mut all = script
        .assignments
        .iter()
        .filter(|assignment| assignment.line == line);
    let assignment = all.next()?;
    if assignment.stands != Stands::Alone || all.next().is_some() {
        return None;
    }
    let whole = text.lines().nth(line.checked_sub(1)?)?;
    let statement = whole.trim_start();
    let indent = &whole[..whole.len() - statement.len()];
    let mark = if indent.is_empty() || reader == Reader::PowerShell {
        "# "
    } else {
        ": # "
    };
    // All that stands before the value is the name and what exports it.
    let end = statement.find(&assignment.name)? + assignment.name.len();
    let separator = statement[end..].chars().next()?;
    let value = match &assignment.value {
        Assigned::Literal(value) => redact(value.judge().trim()),
        Assigned::Computed => "(computed)".to_owned(),
        Assigned::Unset => return None,
    };
    let masked = shown(&format!("{}{separator}{value}", &statement[..end]));
    Some(Proposal {
        before: format!("{}{masked}", shown(indent)),
        after: format!("{}{mark}{masked}", shown(indent)),
        replacement: Hidden::new(format!("{indent}{mark}{statement}")),
    })
}

/// Who reads a shell file, by its name.
fn reader_of(path: &str) -> Reader {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("fish") => Reader::Fish,
        Some("ps1") => Reader::PowerShell,
        Some(_) | None => Reader::Sh,
    }
}
