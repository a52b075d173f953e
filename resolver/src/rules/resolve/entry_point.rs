//! The kind of a session of Claude Code, by the variables of the program that starts it (docs/facts.md#claude-code).

use keyreeve_os::environment::Environment;

use super::parsed_value::Switch;
use super::variables::Variables;
use crate::rules::variables::{ENTRY_POINT, REMOTE};

/// The kind of a session, by the program that starts it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionKind {
    /// In a terminal, or by a script.
    Usual,
    /// In the cloud or by the desktop application: a login takes precedence over keys, and no profile is used.
    Hosted,
    /// By the extension of VS Code: a key counts only if the user approved it.
    VsCode,
}

/// Returns `true` if an entry point is the desktop application, or an agent that it starts.
pub(crate) fn is_desktop(entry_point: Option<&str>) -> bool {
    matches!(
        entry_point,
        Some("claude-desktop" | "local-agent" | "local_agent")
    )
}

impl SessionKind {
    /// Parses the variables that programs set which start Claude Code, and marks a session of the desktop application.
    pub(super) fn from_variables(
        variables: &mut Variables<'_>,
        environment: &Environment,
        place: EntryPointVariable,
    ) -> Self {
        let of_process = environment.get(ENTRY_POINT).map(str::trim);
        let entry_point = match place {
            EntryPointVariable::Process => of_process,
            EntryPointVariable::Anywhere => variables
                .effective(ENTRY_POINT)
                .and_then(|found| found.value.ok()),
        };
        if is_desktop(entry_point) {
            variables.mark_desktop();
        }
        match of_process {
            _ if Switch::parse(environment.get(REMOTE)).is_on() => Self::Hosted,
            _ if is_desktop(entry_point) => Self::Hosted,
            Some("claude-vscode") => Self::VsCode,
            Some(_) | None => Self::Usual,
        }
    }
}

/// The place where `CLAUDE_CODE_ENTRYPOINT` marks a hosted session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryPointVariable {
    /// The process environment alone; it is trimmed.
    Process,
    /// The process environment and settings files; it is taken as it is.
    Anywhere,
}
