//! The variables as a client sees them: the process environment and, over it, what settings files set.

use std::cmp::Reverse;

use keyreeve_os::environment::Environment;

use super::location::Location;
use super::parsed_value::{Flaw, Switch};
use super::step::SkipReason;
use crate::rules::claude_code::{
    ClaudeSettings, EnvValueKind, SettingSources, SettingsFile, SettingsScope, SettingsState,
};
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{
    CUSTOM_HEADERS, FEDERATION_ORGANIZATION, FEDERATION_RULE, IDENTITY_TOKEN, IDENTITY_TOKEN_FILE,
    MANAGED_BY_HOST, OAUTH_SCOPES, SDK_CONFIG_DIR, SDK_PROFILE, SIMPLE, XDG_CONFIG_HOME,
};

/// Everything that sets variables, in order of precedence.
pub(super) struct Variables<'a> {
    files: Vec<ReadableFile<'a>>,
    environment: &'a Environment,
    management: ProviderManagement,
    state_values: StateValues,
    session: SettingsSession,
}

/// A readable settings file.
pub(super) struct ReadableFile<'a> {
    pub(super) scope: SettingsScope,
    pub(super) path: &'a str,
    pub(super) settings: &'a ClaudeSettings,
    /// The reason the client skips it, if it does.
    pub(super) skip_reason: Option<SkipReason>,
}

/// One location that sets a variable.
pub(super) struct SetVariable<'a> {
    pub(super) location: Location,
    /// Its value, or a flaw if it is not text.
    pub(super) value: Result<&'a str, Flaw>,
    pub(super) skip_reason: Option<SkipReason>,
}

/// The treatment of the local settings at the root of a repository.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RepositorySettings {
    /// They are read, also in its subdirectories and linked worktrees.
    Read,
    /// They are not.
    Ignored,
}

/// The values of `env` in the state file that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StateValues {
    /// Texts, numbers and booleans.
    Scalars,
    /// All of them.
    All,
    /// Texts; with another value, what reads the variable fails.
    Texts,
}

/// The treatment of variables in settings files in a session of the desktop application.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SettingsSession {
    /// Every file sets variables.
    Usual,
    /// Files of a project, and an administrator's for the provider, set none.
    Desktop,
    /// The same, and no file overrides the process environment.
    DesktopByProcess,
}

/// The effect of `CLAUDE_CODE_RESTRICTED`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Restriction {
    /// The settings of the user and of the project are not read.
    Restricted,
    /// They are.
    Unrestricted,
}

/// The releases' rules for settings files.
#[derive(Clone, Copy)]
pub(super) struct SettingsRules {
    pub(super) management: ProviderManagement,
    pub(super) repository: RepositorySettings,
    pub(super) state_values: StateValues,
    pub(super) restriction: Restriction,
    pub(super) session: SettingsSession,
}

/// The management of the provider's variables (docs/facts.md#claude-code).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ProviderManagement {
    /// The program that starts the client sets them, and they are ignored in settings files.
    ByHost,
    /// The same, but custom headers in settings files are read.
    ByHostExceptHeaders,
    /// Settings say that a program manages them: those of a project are ignored, except custom headers.
    BySettings,
    /// No program manages them.
    NotManaged,
}

impl ProviderManagement {
    pub(super) fn is_by_host(self) -> bool {
        match self {
            Self::ByHost | Self::ByHostExceptHeaders => true,
            Self::BySettings | Self::NotManaged => false,
        }
    }

    fn skip_reason(self, scope: SettingsScope, name: &str) -> Option<SkipReason> {
        let is_read = match self {
            Self::ByHost => false,
            Self::ByHostExceptHeaders => name == CUSTOM_HEADERS,
            Self::BySettings => name == CUSTOM_HEADERS || !scope.is_project(),
            Self::NotManaged => true,
        };
        (!is_read).then_some(SkipReason::ManagedByHost)
    }
}

/// Returns the reason that a project's settings may not set a variable: it would choose a profile or a federation.
fn project_skip_reason(scope: SettingsScope, name: &str) -> Option<SkipReason> {
    let chooses_login = [
        SDK_PROFILE,
        FEDERATION_RULE,
        FEDERATION_ORGANIZATION,
        IDENTITY_TOKEN,
        IDENTITY_TOKEN_FILE,
        SDK_CONFIG_DIR,
        XDG_CONFIG_HOME,
        OAUTH_SCOPES,
    ]
    .contains(&name);
    (chooses_login && scope.is_project()).then_some(SkipReason::ProjectLogin)
}

impl SettingsSession {
    /// Returns the reason that a file may not set a variable in this session.
    fn skip_reason(
        self,
        scope: SettingsScope,
        name: &str,
        environment: &Environment,
    ) -> Option<SkipReason> {
        let by_process = match self {
            Self::Usual => return None,
            Self::Desktop => false,
            Self::DesktopByProcess => environment.is_set(name),
        };
        let is_refused = if scope.is_project() {
            name != CUSTOM_HEADERS
        } else {
            let is_setting = [CUSTOM_HEADERS, SIMPLE, OAUTH_SCOPES].contains(&name);
            scope.is_managed() && !is_setting
        };
        (by_process || is_refused).then_some(SkipReason::Desktop)
    }
}

impl<'a> Variables<'a> {
    /// Returns the variables of a program that reads no settings.
    pub(super) fn from_environment(snapshot: &'a Snapshot) -> Self {
        Self {
            files: Vec::new(),
            environment: &snapshot.environment,
            management: ProviderManagement::NotManaged,
            state_values: StateValues::All,
            session: SettingsSession::Usual,
        }
    }

    /// Returns the variables as Claude Code sees them.
    pub(super) fn for_claude_code(
        snapshot: &'a Snapshot,
        sources: SettingSources,
        rules: SettingsRules,
    ) -> Self {
        let SettingsRules {
            management,
            repository,
            state_values,
            restriction,
            session,
        } = rules;
        let is_restricted = |scope: SettingsScope| match (restriction, scope) {
            (Restriction::Restricted, SettingsScope::User | SettingsScope::ReplacedUser) => true,
            (Restriction::Restricted, scope) => scope.is_project(),
            (Restriction::Unrestricted, _) => false,
        };
        let skip_reason = |scope| match (scope, repository, management.is_by_host()) {
            _ if !sources.includes(scope) => Some(SkipReason::SettingSources),
            _ if is_restricted(scope) => Some(SkipReason::Restricted),
            (SettingsScope::Repository, RepositorySettings::Ignored, _) => {
                Some(SkipReason::OlderRelease)
            }
            (SettingsScope::State, _, true) => Some(SkipReason::ManagedByHost),
            _ => None,
        };
        let readable = |file: &'a SettingsFile| match &file.state {
            SettingsState::Read(settings) => Some(ReadableFile {
                scope: file.scope,
                path: &file.path,
                settings,
                skip_reason: skip_reason(file.scope),
            }),
            SettingsState::Damaged(_) | SettingsState::Unreadable => None,
        };
        let mut files: Vec<_> = snapshot.settings.iter().filter_map(readable).collect();
        files.sort_by_key(|file| (file.scope, Reverse(file.path)));
        Self {
            files,
            environment: &snapshot.environment,
            management,
            state_values,
            session,
        }
    }

    /// Applies the rules of a session that settings files mark as one of the desktop application.
    pub(super) fn mark_desktop(&mut self) {
        self.session = match self.session {
            SettingsSession::Usual | SettingsSession::Desktop => SettingsSession::Desktop,
            SettingsSession::DesktopByProcess => SettingsSession::DesktopByProcess,
        };
    }

    /// Ignores the provider's variables in a project's settings if other settings say that a program manages them.
    pub(super) fn follow_management(&mut self) {
        let of_project = |location: &Location| matches!(location, Location::Setting { scope, .. } if scope.is_project());
        let found = self.all(MANAGED_BY_HOST).into_iter();
        let mut found = found
            .filter(|found| found.skip_reason.is_none() && !of_project(&found.location))
            .take(1);
        let is_on = found.any(|found| Switch::parse(found.value.ok()).is_on());
        if is_on && self.management == ProviderManagement::NotManaged {
            self.management = ProviderManagement::BySettings;
        }
    }

    /// Returns the readable settings files, in order of precedence.
    pub(super) fn files(&self) -> &[ReadableFile<'a>] {
        &self.files
    }

    /// Returns every location that sets a variable, in order of precedence.
    pub(super) fn all(&self, name: &'static str) -> Vec<SetVariable<'a>> {
        let in_file = |file: &ReadableFile<'a>| {
            let setting = file.settings.variable(name)?;
            Some(SetVariable {
                location: Location::Setting {
                    scope: file.scope,
                    path: file.path.to_owned(),
                    line: setting.line,
                    key: format!("env.{name}"),
                },
                value: match (file.scope, self.state_values, setting.kind) {
                    (
                        SettingsScope::State,
                        StateValues::Texts,
                        EnvValueKind::Scalar | EnvValueKind::Other,
                    ) => Err(Flaw::NotText),
                    _ => Ok(setting.value.inspect()),
                },
                skip_reason: file
                    .skip_reason
                    .or_else(|| self.management.skip_reason(file.scope, name))
                    .or_else(|| project_skip_reason(file.scope, name))
                    .or_else(|| self.session.skip_reason(file.scope, name, self.environment))
                    .or_else(|| self.value_skip_reason(file.scope, setting.kind)),
            })
        };
        let mut found: Vec<_> = self.files.iter().filter_map(in_file).collect();
        if self.environment.is_set(name) {
            found.push(SetVariable {
                location: Location::Variable { name },
                value: self.environment.get(name).ok_or(Flaw::NotUtf8),
                skip_reason: None,
            });
        }
        found
    }

    /// Returns the reason that a value of this kind does not count, if it does not.
    fn value_skip_reason(&self, scope: SettingsScope, kind: EnvValueKind) -> Option<SkipReason> {
        match (scope, self.state_values, kind) {
            (SettingsScope::State, StateValues::Scalars, EnvValueKind::Other) => {
                Some(SkipReason::NotText)
            }
            _ => None,
        }
    }

    /// Returns the location whose value applies.
    pub(super) fn effective(&self, name: &'static str) -> Option<SetVariable<'a>> {
        self.all(name)
            .into_iter()
            .find(|found| found.skip_reason.is_none())
    }

    /// Returns the trimmed value of a variable, unless it is empty.
    pub(super) fn non_empty(&self, name: &'static str) -> Option<&'a str> {
        let value = self.effective(name)?.value.ok()?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// Returns the state of a switch. A value that is not text may be on.
    pub(super) fn switch(&self, name: &'static str) -> Switch {
        match self.effective(name) {
            None => Switch::Absent,
            Some(SetVariable {
                value: Ok(value), ..
            }) => Switch::parse(Some(value)),
            Some(SetVariable { value: Err(_), .. }) => Switch::MaybeOn,
        }
    }
}
