//! Lines of shell files that set a credential: those that a new shell would follow and this process does not, and the
//! proposal to comment one out, which can be shown without its value.

use keyreeve_core::token::redact;

use super::assignment::LineContent;
use super::evidence::{Script, ScriptKind};
use super::shown;
use super::syntax::AssignedValue;
use crate::rules::hidden_text::HiddenText;
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::CREDENTIALS;

/// A credential variable that a new shell would set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConflictingVariable {
    /// The variable.
    pub name: &'static str,
    /// The kind of file that sets it.
    pub(crate) kind: ScriptKind,
    /// The file that exports it.
    pub(crate) path: String,
    /// The line, counted from 1.
    pub line: usize,
}

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

impl ConflictingVariable {
    /// Describes it for the user: `a new zsh would set ANTHROPIC_API_KEY (~/.zshrc:1)`.
    pub fn describe(&self, home: Option<&str>) -> String {
        let below = |home: &str| self.path.strip_prefix(home)?.strip_prefix('/');
        let path = match home.and_then(below) {
            Some(below) => format!("~/{below}"),
            None => self.path.clone(),
        };
        format!(
            "a new {} would set {} ({}:{})",
            self.kind.name(),
            self.name,
            shown(&path),
            self.line
        )
    }
}

/// Finds the credential variables that shell files set and the environment does not, or to another value. A value that
/// is known only when the line runs counts if the variable is not set at all.
pub fn find_conflicts(snapshot: &Snapshot, scripts: &[Script]) -> Vec<ConflictingVariable> {
    let mut found = Vec::new();
    for script in scripts.iter().filter(|script| script.kind.is_shell()) {
        for name in CREDENTIALS {
            let Some(last) = script.last_assignment(name) else {
                continue;
            };
            let current = snapshot.environment.get(name);
            let differs = match &last.value {
                AssignedValue::Literal(value) => {
                    !value.inspect().trim().is_empty() && current != Some(value.inspect())
                }
                AssignedValue::Computed => !snapshot.environment.is_set(name),
                AssignedValue::Unset => false,
            };
            if differs {
                found.push(ConflictingVariable {
                    name,
                    kind: script.kind,
                    path: script.path.clone(),
                    line: last.line,
                });
            }
        }
    }
    found
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
