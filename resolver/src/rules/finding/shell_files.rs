//! Lines of shell files that set a credential that every new shell would follow and this process does not.

use super::script::{Script, ScriptKind};
use super::shown;
use super::syntax::AssignedValue;
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
            let Some(last) = script.effective_assignment(name) else {
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
