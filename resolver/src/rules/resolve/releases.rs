//! The rules of Claude Code's chain that differ between releases, as a table (docs/facts.md#claude-code).

use super::client::Release;
use super::parsed_value::ValueSyntax;
use super::step::Method;
use super::variables::{ProviderManagement, RepositorySettings, SettingsRules, StateValues};

/// The rules that differ between releases.
pub(super) struct Rules {
    /// The values that can be sent.
    pub(super) values: ValueSyntax,
    /// The methods that `CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST` disables, in addition to the provider's variables in
    /// settings.
    pub(super) disabled_by_host: &'static [Method],
    /// The variables in settings that the same switch disables.
    pub(super) management: ProviderManagement,
    /// `true` if `CLAUDE_CODE_OAUTH_TOKEN` is read from project settings.
    pub(super) reads_project_login: bool,
    pub(super) repository_settings: RepositorySettings,
    pub(super) state_values: StateValues,
    pub(super) damaged_managed_settings: DamagedManagedSettings,
    pub(super) empty_state_file: EmptyStateFile,
    /// `true` if an administrator's demand for a login stops other credentials.
    pub(super) enforces_login: bool,
    pub(super) entry_point: EntryPointVariable,
    /// `true` if own credentials are sent to a cloud in addition to, or instead of, the account's.
    pub(super) sends_own_credentials_to_clouds: bool,
}

/// The effect of managed settings that are no JSON object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DamagedManagedSettings {
    /// They are ignored.
    Ignored,
    /// Claude Code does not start.
    Fatal,
}

/// The effect of a state file that is empty. With any other that is not JSON, Claude Code does not start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EmptyStateFile {
    /// It counts as absent.
    Absent,
    /// Claude Code does not start.
    Fatal,
}

/// The place where `CLAUDE_CODE_ENTRYPOINT` marks a hosted session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryPointVariable {
    /// The process environment alone; it is trimmed.
    Process,
    /// The process environment and settings files; it is taken as it is.
    Anywhere,
}

impl Rules {
    const LATEST: Self = Self {
        values: ValueSyntax::Trimmed,
        management: ProviderManagement::ByHost,
        disabled_by_host: &[
            Method::Helper,
            Method::SdkProfile,
            Method::Federation,
            Method::Login,
        ],
        reads_project_login: false,
        repository_settings: RepositorySettings::Read,
        state_values: StateValues::Scalars,
        damaged_managed_settings: DamagedManagedSettings::Fatal,
        empty_state_file: EmptyStateFile::Absent,
        enforces_login: true,
        entry_point: EntryPointVariable::Process,
        sends_own_credentials_to_clouds: false,
    };

    /// Returns the rules for settings files.
    pub(super) fn settings(&self, management: ProviderManagement) -> SettingsRules {
        SettingsRules {
            management,
            repository: self.repository_settings,
            state_values: self.state_values,
        }
    }

    /// Returns the rules of a release.
    pub(super) fn for_release(release: Release) -> &'static Self {
        match release {
            Release::V2_1_197 => &Self {
                values: ValueSyntax::TrimmedAndSent,
                disabled_by_host: &[],
                management: ProviderManagement::ByHostExceptHeaders,
                reads_project_login: true,
                repository_settings: RepositorySettings::Ignored,
                state_values: StateValues::All,
                damaged_managed_settings: DamagedManagedSettings::Ignored,
                empty_state_file: EmptyStateFile::Fatal,
                enforces_login: false,
                entry_point: EntryPointVariable::Anywhere,
                sends_own_credentials_to_clouds: true,
            },
            Release::V2_1_260 => &Self {
                state_values: StateValues::All,
                empty_state_file: EmptyStateFile::Fatal,
                ..Self::LATEST
            },
            Release::V2_1_329 | Release::V2_1_332 => &Self::LATEST,
        }
    }
}
