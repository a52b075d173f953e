//! The rules of Claude Code's chain that differ between releases, as a table (docs/facts.md#claude-code).

use super::client::Release;
use keyreeve_os::environment::Environment;

use super::entry_point::{EntryPointVariable, is_desktop};
use super::parsed_value::{Switch, ValueSyntax};
use super::sdk::EmptyCredentialFile;
use super::step::Method;
use super::variables::{
    ProviderManagement, RepositorySettings, Restriction, SettingsRules, SettingsSession,
    StateValues,
};
use crate::rules::variables::{ENTRY_POINT, RESTRICTED};

/// The rules that differ between releases.
pub(super) struct Rules {
    /// The values that can be sent.
    pub(super) values: ValueSyntax,
    /// The methods that `CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST` disables, in addition to the provider's variables in
    /// settings.
    pub(super) disabled_by_host: &'static [Method],
    /// The variables in settings that the same switch disables.
    pub(super) management: ProviderManagement,
    /// `true` if the same switch in settings takes the provider's variables from a project's.
    pub(super) follows_management_in_settings: bool,
    pub(super) project_token: ProjectToken,
    pub(super) repository_settings: RepositorySettings,
    pub(super) state_values: StateValues,
    pub(super) damaged_managed_settings: DamagedManagedSettings,
    pub(super) empty_state_file: EmptyStateFile,
    pub(super) entry_point: EntryPointVariable,
    /// `true` if own credentials are sent to a cloud in addition to, or instead of, the account's.
    pub(super) sends_own_credentials_to_clouds: bool,
    pub(super) address_user: AddressUser,
    pub(super) address_of_profile: AddressOfProfile,
    /// The effect of a profile's credential file that is empty.
    pub(super) empty_credential_file: EmptyCredentialFile,
    pub(super) socket: SocketVariable,
    /// `true` if `CLAUDE_CODE_RESTRICTED` is known.
    pub(super) knows_restriction: bool,
}

/// The use of `CLAUDE_CODE_OAUTH_TOKEN` in a project's settings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ProjectToken {
    /// It is not read.
    Ignored,
    /// It is used if there is no login file, without the OAuth beta.
    WithoutLogin,
    /// It is used, unless there is a login and the same variable elsewhere, or a login and a stored Console key for
    /// requests to the vendor.
    UnlessReplaced,
}

/// The use of a user name and password in a base URL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressUser {
    /// They are sent if nothing else fills the header.
    Sent,
    /// They are not sent; an address with a name alone cannot be used.
    Ignored,
}

/// The base URLs that can be used with a profile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressOfProfile {
    /// The same as with other credentials.
    Any,
    /// Those without a space at the end, and not only whitespace.
    WithoutSpace,
}

/// The places in which `ANTHROPIC_UNIX_SOCKET` is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SocketVariable {
    /// In the process environment.
    Process,
    /// There, and in settings; an empty value does not unset it.
    Anywhere,
}

/// The effect of managed settings that are no JSON object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DamagedManagedSettings {
    /// They are ignored, but with a login, an OAuth token or a stored Console key Claude Code does not start.
    FatalForLogins,
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
        follows_management_in_settings: false,
        project_token: ProjectToken::Ignored,
        repository_settings: RepositorySettings::Read,
        state_values: StateValues::Scalars,
        damaged_managed_settings: DamagedManagedSettings::Fatal,
        empty_state_file: EmptyStateFile::Absent,
        entry_point: EntryPointVariable::Process,
        sends_own_credentials_to_clouds: false,
        address_user: AddressUser::Sent,
        address_of_profile: AddressOfProfile::Any,
        empty_credential_file: EmptyCredentialFile::Absent,
        socket: SocketVariable::Process,
        knows_restriction: true,
    };

    /// Returns the rules for settings files.
    pub(super) fn settings(
        &self,
        management: ProviderManagement,
        environment: &Environment,
    ) -> SettingsRules {
        let is_restricted = Switch::parse(environment.get(RESTRICTED)).is_on();
        SettingsRules {
            management,
            repository: self.repository_settings,
            state_values: self.state_values,
            restriction: if is_restricted && self.knows_restriction {
                Restriction::Restricted
            } else {
                Restriction::Unrestricted
            },
            session: if is_desktop(environment.get(ENTRY_POINT).map(str::trim)) {
                SettingsSession::DesktopByProcess
            } else {
                SettingsSession::Usual
            },
        }
    }

    /// Returns the rules of a release.
    pub(super) fn for_release(release: Release) -> &'static Self {
        match release {
            Release::V2_1_197 => &Self {
                values: ValueSyntax::TrimmedAndSent,
                disabled_by_host: &[],
                management: ProviderManagement::ByHostExceptHeaders,
                follows_management_in_settings: true,
                project_token: ProjectToken::UnlessReplaced,
                repository_settings: RepositorySettings::Ignored,
                state_values: StateValues::Texts,
                damaged_managed_settings: DamagedManagedSettings::FatalForLogins,
                empty_state_file: EmptyStateFile::Fatal,
                entry_point: EntryPointVariable::Anywhere,
                sends_own_credentials_to_clouds: true,
                address_user: AddressUser::Ignored,
                address_of_profile: AddressOfProfile::WithoutSpace,
                empty_credential_file: EmptyCredentialFile::Damaged,
                socket: SocketVariable::Anywhere,
                knows_restriction: false,
            },
            Release::V2_1_260 => &Self {
                state_values: StateValues::All,
                empty_state_file: EmptyStateFile::Fatal,
                project_token: ProjectToken::WithoutLogin,
                address_user: AddressUser::Ignored,
                address_of_profile: AddressOfProfile::WithoutSpace,
                ..Self::LATEST
            },
            Release::V2_1_329 | Release::V2_1_332 => &Self::LATEST,
        }
    }
}
