//! Proposes to comment out a line that sets a credential, in a form that can be shown without its value.

use keyreeve_core::token::redact;

use super::assignment::{AssignedValue, LineContent};
use super::evidence::{Script, ScriptKind};
use super::shown;
use crate::rules::hidden_text::HiddenText;

/// A line and its replacement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// The line in redacted form.
    pub before: String,
    /// The replacement in redacted form.
    pub after: String,
    /// The replacement, which contains the value.
    pub replacement: HiddenText,
}

/// Proposes to comment out a line of a shell file. Returns `None` if the line does anything other than set one
/// credential.
///
/// In a block, `:` precedes the comment, since an empty block is an error in most shells.
pub fn propose(text: &str, line: usize, path: &str) -> Option<Proposal> {
    let kind = script_kind(path);
    let script = Script::parse(path.to_owned(), kind, text);
    let mut all = script
        .assignments
        .iter()
        .filter(|assignment| assignment.line == line);
    let assignment = all.next()?;
    if assignment.line_content != LineContent::Alone || all.next().is_some() {
        return None;
    }
    let full_line = text.lines().nth(line.checked_sub(1)?)?;
    let statement = full_line.trim_start();
    let indent = &full_line[..full_line.len() - statement.len()];
    let mark = if indent.is_empty() || kind == ScriptKind::PowerShell {
        "# "
    } else {
        ": # "
    };
    // Only the name and the export keyword precede the value.
    let end = statement.find(&assignment.name)? + assignment.name.len();
    let separator = statement[end..].chars().next()?;
    let value = match &assignment.value {
        AssignedValue::Literal(value) => redact(value.inspect().trim()),
        AssignedValue::Computed => "(computed)".to_owned(),
        AssignedValue::Unset => return None,
    };
    let redacted = shown(&format!("{}{separator}{value}", &statement[..end]));
    Some(Proposal {
        before: format!("{}{redacted}", shown(indent)),
        after: format!("{}{mark}{redacted}", shown(indent)),
        replacement: HiddenText::new(format!("{indent}{mark}{statement}")),
    })
}

/// Returns the kind of a shell file, by its name.
fn script_kind(path: &str) -> ScriptKind {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("fish") => ScriptKind::Fish,
        Some("ps1") => ScriptKind::PowerShell,
        Some(_) | None => ScriptKind::Sh,
    }
}
