//! Changes of lines that `doctor --fix` proposes: a line that sets a credential is commented out, a key is removed from a
//! comment or a backup. Each can be shown without its value.
//!
//! Invariant: a change never leaves a block without a command, and a result whose structure differs from that of the
//! original is refused.

use keyreeve_core::token::redact;

use super::assignment::{ExposedKey, LineContent, Outline, all_keys};
use super::script::ScriptKind;
use super::shown;
use super::syntax::AssignedValue;
use crate::rules::hidden_text::HiddenText;

/// The text in the place of a removed key.
const REMOVED: &str = "REMOVED";

/// A line and its replacement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// The line in redacted form.
    pub before: String,
    /// The replacement in redacted form.
    pub after: String,
    /// The replacement, which may contain the value.
    pub replacement: HiddenText,
}

/// The place of a key that can be removed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyPlace {
    /// A comment in a file of this kind.
    Comment(ScriptKind),
    /// Anywhere in a backup of a file.
    Backup,
}

/// The reason that a changed script is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StructureError {
    /// The blocks of the script are not understood.
    #[error("keyreeve does not understand the structure of the file")]
    NotUnderstood,
    /// The result has other commands than the original, or an empty block.
    #[error("the change would affect other commands of the file")]
    Changed,
}

/// Proposes to comment out a line of a file. Returns `None` if the line does anything other than set one credential.
///
/// In a block and after an operator, `:` precedes the comment, since most shells need a command there.
pub fn propose(text: &str, line: usize, kind: ScriptKind) -> Option<Proposal> {
    let parsed = kind.parse(text);
    let mut all = parsed
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
    let mark = if assignment.needs_replacement {
        ": # "
    } else {
        "# "
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

/// Proposes to remove the keys from a line. Returns `None` if there are none.
pub fn propose_removal(text: &str, line: usize, place: KeyPlace) -> Option<Proposal> {
    let mut keys = match place {
        KeyPlace::Comment(kind) => kind.parse(text).commented_keys,
        KeyPlace::Backup => all_keys(text),
    };
    keys.retain(|key| key.line == line);
    let offset: usize = text
        .split_inclusive('\n')
        .take(line.checked_sub(1)?)
        .map(str::len)
        .sum();
    let full_line = text.get(offset..)?.lines().next()?;
    let with = |replacement: &dyn Fn(&ExposedKey) -> String| {
        let (mut new, mut from) = (String::with_capacity(full_line.len()), 0);
        for key in &keys {
            let start = key.range.start.checked_sub(offset)?;
            new.push_str(full_line.get(from..start)?);
            new.push_str(&replacement(key));
            from = key.range.end.checked_sub(offset)?;
        }
        new.push_str(full_line.get(from..)?);
        Some(new)
    };
    let after = with(&|_| REMOVED.to_owned()).filter(|_| !keys.is_empty())?;
    Some(Proposal {
        before: shown(&with(&|key| key.hint.clone())?),
        after: shown(&after),
        replacement: HiddenText::new(after),
    })
}

/// Checks that a changed script still has the structure and the other commands of the original.
///
/// # Errors
/// [`StructureError`] if it has not, or if that cannot be determined.
pub fn check_structure(before: &str, after: &str, kind: ScriptKind) -> Result<(), StructureError> {
    if kind.dialect().is_none() {
        return Ok(());
    }
    let outline = |text: &str| {
        let outline = kind.parse(text).outline;
        outline.ok_or(StructureError::NotUnderstood)
    };
    let (old, new) = (outline(before)?, outline(after)?);
    let is_unchanged: Vec<bool> = before
        .lines()
        .zip(after.lines())
        .map(|(one, other)| one == other)
        .collect();
    let others = |outline: &Outline| -> Vec<(usize, usize)> {
        let is_other = |line: usize| {
            let at = line.checked_sub(1);
            at.and_then(|at| is_unchanged.get(at)) == Some(&true)
        };
        let commands = outline.commands.iter().copied();
        commands.filter(|(line, _)| is_other(*line)).collect()
    };
    let has_same_lines = before.lines().count() == after.lines().count();
    if has_same_lines && new.empty_blocks <= old.empty_blocks && others(&old) == others(&new) {
        Ok(())
    } else {
        Err(StructureError::Changed)
    }
}
