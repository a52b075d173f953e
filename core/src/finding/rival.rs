//! The credentials that a new shell would have and this process has not.

use crate::snapshot::Snapshot;

use super::assignment::{Assigned, CREDENTIALS};
use super::evidence::{Reader, Script};
use super::shown;

/// A credential that a new shell would have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rival {
    /// The variable.
    pub name: &'static str,
    /// Whose new session would have it.
    pub reader: Reader,
    /// The file that exports it.
    pub path: String,
    /// The line, the first being 1.
    pub line: usize,
}

impl Rival {
    /// What a person should know: `a new zsh would have ANTHROPIC_API_KEY (~/.zshrc:1)`.
    pub fn sentence(&self, home: Option<&str>) -> String {
        let below = |home: &str| self.path.strip_prefix(home)?.strip_prefix('/');
        let path = match home.and_then(below) {
            Some(below) => format!("~/{below}"),
            None => self.path.clone(),
        };
        format!(
            "a new {} would have {} ({}:{})",
            self.reader.name(),
            self.name,
            shown(&path),
            self.line
        )
    }
}

/// The credential variables that shell files set and the environment does not, or not to the same value. A value that
/// is only known when the line is run counts where the variable is not set at all.
pub fn rivals(snapshot: &Snapshot, scripts: &[Script]) -> Vec<Rival> {
    let mut found = Vec::new();
    for script in scripts.iter().filter(|script| script.reader.is_shell()) {
        for name in CREDENTIALS {
            let Some(last) = script.last(name) else {
                continue;
            };
            let here = snapshot.environment.get(name);
            let differs = match &last.value {
                Assigned::Literal(value) => {
                    !value.judge().trim().is_empty() && here != Some(value.judge())
                }
                Assigned::Computed => !snapshot.environment.is_set(name),
                Assigned::Unset => false,
            };
            if differs {
                found.push(Rival {
                    name,
                    reader: script.reader,
                    path: script.path.clone(),
                    line: last.line,
                });
            }
        }
    }
    found
}
