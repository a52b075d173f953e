//! The variables that are set, in the environment and in Claude Code's settings.

use keyreeve_core::token::redact;

use super::{FindingLocation, Fix, shown};
use crate::rules::claude_code::SettingsState;
use crate::rules::snapshot::Snapshot;

/// A variable that is set, with its location.
pub(super) struct Variable<'a> {
    pub(super) name: &'a str,
    pub(super) location: FindingLocation,
    pub(super) text: &'a str,
    /// The settings file that sets it, or `None` if it is in the environment.
    pub(super) file: Option<&'a str>,
}

/// Returns every location that sets one of these variables.
pub(super) fn set_variables<'a>(snapshot: &'a Snapshot, names: &[&'a str]) -> Vec<Variable<'a>> {
    let mut all = Vec::new();
    for name in names {
        if let Some(text) = snapshot.environment.get(name) {
            all.push(Variable {
                name,
                location: FindingLocation::variable(name),
                text,
                file: None,
            });
        }
        for file in &snapshot.settings {
            if let SettingsState::Read(settings) = &file.state
                && let Some(setting) = settings.variable(name)
            {
                all.push(Variable {
                    name,
                    location: FindingLocation::line(&file.path, setting.line),
                    text: setting.value.inspect(),
                    file: Some(&file.path),
                });
            }
        }
    }
    all
}

impl Variable<'_> {
    /// Returns the fix that removes it.
    pub(super) fn removal(&self) -> Fix {
        match self.file {
            None => Fix::unset(self.name),
            Some(path) => Fix::manual(format!("remove env.{} from {}", self.name, shown(path))),
        }
    }

    /// Returns the variable with its redacted value.
    pub(super) fn redacted(&self) -> String {
        format!("{} ({})", self.name, redact(self.text.trim()))
    }
}
