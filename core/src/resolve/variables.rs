//! The variables as a client sees them: the process environment and, over it, what settings files set.

use crate::claude_code::{Scope, SettingSources, Settings, SettingsFile, SettingsState};
use crate::snapshot::{Environment, Snapshot};

use super::place::Place;
use super::reading::{Flaw, Switch};
use super::rung::PassedOver;

/// Everything that sets variables, the strongest first.
pub(super) struct Variables<'a> {
    files: Vec<ReadFile<'a>>,
    environment: &'a Environment,
    host: Host,
}

/// A settings file that could be read.
pub(super) struct ReadFile<'a> {
    pub(super) scope: Scope,
    pub(super) path: &'a str,
    pub(super) settings: &'a Settings,
    /// Why the client does not read it, where it does not.
    pub(super) passed_over: Option<PassedOver>,
}

/// One place that sets a variable.
pub(super) struct Found<'a> {
    pub(super) place: Place,
    /// What it is set to; a value that is no text has a flaw instead.
    pub(super) value: Result<&'a str, Flaw>,
    pub(super) passed_over: Option<PassedOver>,
}

/// Who manages the provider's variables (docs/facts.md#claude-code).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// The program that starts the client: settings files are passed over for them.
    Manages,
    /// The same, but custom headers in settings count.
    ManagesAllButHeaders,
    /// Nobody in particular.
    Leaves,
}

impl Host {
    pub(super) fn manages(self) -> bool {
        match self {
            Self::Manages | Self::ManagesAllButHeaders => true,
            Self::Leaves => false,
        }
    }

    fn passes_over(self, name: &str) -> Option<PassedOver> {
        let counts = match self {
            Self::Manages => false,
            Self::ManagesAllButHeaders => name == "ANTHROPIC_CUSTOM_HEADERS",
            Self::Leaves => true,
        };
        (!counts).then_some(PassedOver::ManagedByHost)
    }
}

impl<'a> Variables<'a> {
    /// As a program sees them that reads no settings.
    pub(super) fn of_process(snapshot: &'a Snapshot) -> Self {
        Self {
            files: Vec::new(),
            environment: &snapshot.environment,
            host: Host::Leaves,
        }
    }

    /// As Claude Code sees them.
    pub(super) fn of_claude_code(
        snapshot: &'a Snapshot,
        sources: SettingSources,
        host: Host,
    ) -> Self {
        let read = |file: &'a SettingsFile| match &file.state {
            SettingsState::Read(settings) => Some(ReadFile {
                scope: file.scope,
                path: &file.path,
                settings,
                passed_over: (!sources.include(file.scope)).then_some(PassedOver::SettingSources),
            }),
            SettingsState::Damaged(_) | SettingsState::Unreadable => None,
        };
        let mut files: Vec<_> = snapshot.settings.iter().filter_map(read).collect();
        files.sort_by(|one, other| (one.scope, one.path).cmp(&(other.scope, other.path)));
        Self {
            files,
            environment: &snapshot.environment,
            host,
        }
    }

    /// The settings files that could be read, the strongest first.
    pub(super) fn files(&self) -> &[ReadFile<'a>] {
        &self.files
    }

    /// Every place that sets a variable, the strongest first.
    pub(super) fn all(&self, name: &'static str) -> Vec<Found<'a>> {
        let in_file = |file: &ReadFile<'a>| {
            let setting = file.settings.variable(name)?;
            Some(Found {
                place: Place::Setting {
                    scope: file.scope,
                    path: file.path.to_owned(),
                    line: setting.line,
                    key: format!("env.{name}"),
                },
                value: Ok(setting.value.judge()),
                passed_over: file.passed_over.or_else(|| self.host.passes_over(name)),
            })
        };
        let mut found: Vec<_> = self.files.iter().filter_map(in_file).collect();
        if self.environment.is_set(name) {
            found.push(Found {
                place: Place::Variable { name },
                value: self.environment.get(name).ok_or(Flaw::NotText),
                passed_over: None,
            });
        }
        found
    }

    /// The place that decides a variable.
    pub(super) fn deciding(&self, name: &'static str) -> Option<Found<'a>> {
        self.all(name)
            .into_iter()
            .find(|found| found.passed_over.is_none())
    }

    /// What a variable is set to for the client.
    pub(super) fn value(&self, name: &'static str) -> Option<&'a str> {
        self.deciding(name)?.value.ok()
    }

    /// Whether a variable is set to something.
    pub(super) fn is_filled(&self, name: &'static str) -> bool {
        self.value(name)
            .is_some_and(|value| !value.trim().is_empty())
    }

    /// What a switch says. A value that is no text is perhaps on.
    pub(super) fn switch(&self, name: &'static str) -> Switch {
        match self.deciding(name) {
            None => Switch::Absent,
            Some(Found {
                value: Ok(value), ..
            }) => Switch::of(Some(value)),
            Some(Found { value: Err(_), .. }) => Switch::PerhapsOn,
        }
    }
}
