//! The variables that a file sets, parsed line by line in the syntax of its kind.
//!
//! Invariants: only variables that hold or redirect credentials are recorded; no line, whatever its length or content,
//! causes a failure; a value is hidden text, and only its family and its redacted form are shown.

use keyreeve_core::token::{Family, contains_token, redact, scan};

use super::syntax::{AssignedValue, ShellCommand, Syntax, commands};
use crate::rules::variables::CREDENTIALS;

/// The maximum length of a parsed line, in bytes; a longer one is data.
const MAX_LINE_BYTES: usize = 32 * 1024;

/// A variable that a line sets or unsets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VariableAssignment {
    /// The variable.
    pub(crate) name: String,
    /// Its value.
    pub value: AssignedValue,
    /// The line, counted from 1.
    pub line: usize,
    /// The rest of the line.
    pub line_content: LineContent,
}

/// The rest of an assignment's line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineContent {
    /// Nothing else: the line can be commented out.
    Alone,
    /// Other content, which the user must review.
    Mixed,
}

/// A key in plain text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExposedKey {
    /// The line, counted from 1.
    pub line: usize,
    /// The family its prefix names.
    pub(crate) family: Family,
    /// The key in redacted form.
    pub(crate) hint: String,
}

impl ExposedKey {
    pub(super) fn new(key: &str, line: usize) -> Self {
        Self {
            line,
            family: Family::from_prefix(key),
            hint: redact(key),
        }
    }
}

/// Parses every relevant assignment, and every other key in the text that is not in a comment.
pub(super) fn parse(text: &str, syntax: Syntax) -> (Vec<VariableAssignment>, Vec<ExposedKey>) {
    let (mut assignments, mut keys) = (Vec::new(), Vec::new());
    let mut continued = false;
    for (at, line) in text.lines().enumerate() {
        let follows = std::mem::replace(&mut continued, line.ends_with('\\'));
        if line.len() > MAX_LINE_BYTES || !may_be_relevant(line) {
            continue;
        }
        let number = at + 1;
        let before = assignments.len();
        let commands = commands(line, syntax);
        let line_content = if commands.len() == 1 && !follows && !continued {
            LineContent::Alone
        } else {
            LineContent::Mixed
        };
        for command in &commands {
            assignments.extend(command_assignments(command, number, line_content));
        }
        let is_comment = commands.is_empty();
        if assignments.len() == before && !is_comment {
            keys.extend(scan(line).map(|range| ExposedKey::new(&line[range], number)));
        }
    }
    (assignments, keys)
}

/// Returns `true` if a line may be relevant; most are not, and are not parsed.
fn may_be_relevant(line: &str) -> bool {
    line.contains("ANTHROPIC_") || line.contains("CLAUDE_CODE_") || contains_token(line)
}

/// Returns the relevant assignments of a command.
fn command_assignments(
    command: &ShellCommand,
    line: usize,
    line_content: LineContent,
) -> Vec<VariableAssignment> {
    let line_content = match command {
        ShellCommand::Sets(all) if all.len() == 1 => line_content,
        ShellCommand::Sets(_) | ShellCommand::Unsets(_) | ShellCommand::Other => LineContent::Mixed,
    };
    let assignment = |name: &String, value| VariableAssignment {
        name: name.clone(),
        value,
        line,
        line_content,
    };
    match command {
        ShellCommand::Sets(all) => all
            .iter()
            .filter(|(name, value)| is_relevant(name, value))
            .map(|(name, value)| assignment(name, value.clone()))
            .collect(),
        ShellCommand::Unsets(names) => names
            .iter()
            .filter(|name| CREDENTIALS.contains(&name.as_str()))
            .map(|name| assignment(name, AssignedValue::Unset))
            .collect(),
        ShellCommand::Other => Vec::new(),
    }
}

fn is_relevant(name: &str, value: &AssignedValue) -> bool {
    let contains_key = match value {
        AssignedValue::Literal(text) => contains_token(text.inspect()),
        AssignedValue::Computed | AssignedValue::Unset => false,
    };
    CREDENTIALS.contains(&name) || (contains_key && !contains_token(name))
}
