//! The reasons that Claude Code sends nothing although a credential is set (docs/facts.md#claude-code).

use super::chain::{ChainWalk, FilledHeader};
use super::claude_code::ClaudeCodeChain;
use super::location::Location;
use super::parsed_value::Flaw;
use super::releases::{
    AddressOfProfile, AddressUser, DamagedManagedSettings, EmptyStateFile, SocketVariable,
};
use super::sdk::SdkProfiles;
use super::step::Method;
use crate::rules::claude_code::{
    DemandedLogins, LoginDamage, LoginState, SettingSources, SettingsFile, SettingsFileError,
    SettingsScope, SettingsState,
};
use crate::rules::variables::{OAUTH_SERVICE, UNIX_SOCKET};

impl<'a> ClaudeCodeChain<'a> {
    /// Marks a lone key that is only whitespace as broken.
    pub(super) fn fail_on_blank_key(walk: &mut ChainWalk<'_>) {
        let is_blank = walk.authorization.is_none()
            && walk
                .x_api_key
                .as_ref()
                .is_some_and(|filled| filled.value == Some(""));
        if is_blank && let Some(filled) = walk.x_api_key.take() {
            walk.broken = Some((filled.slot.location, Flaw::SurroundingWhitespace));
        }
    }

    /// Makes the request fail if an administrator demands a login, and a key, a token or a helper would be used.
    pub(super) fn fail_without_login(&self, walk: &mut ChainWalk<'a>) {
        let is_own = |filled: &FilledHeader<'_>| {
            matches!(
                filled.slot.method,
                Method::ApiKey | Method::AuthToken | Method::Helper
            )
        };
        let slots = [&walk.x_api_key, &walk.authorization];
        let is_other = walk.cloud.is_none() && slots.into_iter().flatten().any(is_own);
        let uses_login = Self::uses_login(walk);
        let demand = self.variables.files().iter().find_map(|file| {
            let demand = match file.scope {
                SettingsScope::Managed | SettingsScope::ManagedDropIn => {
                    file.settings.login_demand.as_ref()
                }
                SettingsScope::Flag
                | SettingsScope::Repository
                | SettingsScope::Local
                | SettingsScope::Project
                | SettingsScope::User
                | SettingsScope::ReplacedUser
                | SettingsScope::State => None,
            }?;
            let location = Location::Setting {
                scope: file.scope,
                path: file.path.to_owned(),
                line: demand.setting.line,
                key: demand.setting.key.to_owned(),
            };
            Some((location, demand.logins))
        });
        match demand {
            Some((location, _)) if is_other => walk.fail(location, Flaw::LoginDemanded),
            Some((location, DemandedLogins::None)) if uses_login => {
                walk.fail(location, Flaw::NoLoginPermitted);
            }
            Some(_) | None => {}
        }
    }

    /// Makes the request fail on damaged files with which Claude Code does not start: managed settings that are no JSON
    /// object, and a state file that is no JSON.
    pub(super) fn fail_on_damaged_files(&self, walk: &mut ChainWalk<'a>) {
        let uses_login = Self::uses_login(walk);
        let is_fatal = |scope: SettingsScope, damage: &SettingsFileError| match scope {
            SettingsScope::Managed | SettingsScope::ManagedDropIn => {
                let is_strict = match self.rules.damaged_managed_settings {
                    DamagedManagedSettings::Fatal => true,
                    DamagedManagedSettings::FatalForLogins => uses_login,
                };
                is_strict && !damage.is_object
            }
            SettingsScope::State => {
                self.rules.empty_state_file == EmptyStateFile::Fatal || !damage.is_empty
            }
            SettingsScope::Flag
            | SettingsScope::Repository
            | SettingsScope::Local
            | SettingsScope::Project
            | SettingsScope::User
            | SettingsScope::ReplacedUser => false,
        };
        let damaged = |file: &SettingsFile| match &file.state {
            SettingsState::Damaged(damage) if is_fatal(file.scope, damage) => {
                Some(Location::Setting {
                    scope: file.scope,
                    path: file.path.clone(),
                    line: damage.line,
                    key: "the settings".to_owned(),
                })
            }
            SettingsState::Damaged(_) | SettingsState::Read(_) | SettingsState::Unreadable => None,
        };
        if let Some(location) = self.snapshot.settings.iter().find_map(damaged) {
            walk.fail(location, Flaw::Damaged);
        }
    }

    /// Makes requests to the vendor with an auth token fail next to a login whose scopes are no list: Claude Code reads them
    /// at its start.
    pub(super) fn fail_on_bad_scopes(&self, walk: &mut ChainWalk<'a>) {
        let login = self.snapshot.login.as_ref();
        let Some(login) =
            login.filter(|login| login.state == LoginState::Damaged(LoginDamage::BadScopes))
        else {
            return;
        };
        let is_token = |filled: &FilledHeader<'_>| filled.slot.method == Method::AuthToken;
        let uses_token = walk.authorization.as_ref().is_some_and(is_token);
        let is_vendor = walk.cloud.is_none() && walk.destination.gateway().is_none();
        if is_vendor && !self.is_bare && uses_token {
            let path = login.path.clone();
            walk.fail(Location::Login { path }, Flaw::Damaged);
        }
    }

    /// Returns `true` if the only credential is a login, an OAuth token or a stored Console key.
    fn uses_login(walk: &ChainWalk<'_>) -> bool {
        let is_login = |filled: &FilledHeader<'_>| {
            matches!(
                filled.slot.method,
                Method::Login | Method::OauthToken | Method::StoredKey
            )
        };
        let mut filled = [&walk.x_api_key, &walk.authorization]
            .into_iter()
            .flatten()
            .peekable();
        filled.peek().is_some() && walk.cloud.is_none() && filled.all(is_login)
    }

    /// Makes the request fail on a profile whose `credentials_path` is no text: Claude Code does not start, whatever
    /// else is set.
    pub(super) fn fail_on_odd_credentials_path(
        profiles: &SdkProfiles<'a>,
        walk: &mut ChainWalk<'a>,
    ) {
        if let Some(location) = profiles.with_odd_credentials_path() {
            walk.fail(location, Flaw::NotText);
        }
    }

    /// Makes the request fail without a base URL if another sign-in service is set, which Claude Code does not accept.
    pub(super) fn fail_on_oauth_service(&self, walk: &mut ChainWalk<'a>) {
        let is_request = walk.x_api_key.is_some() || walk.authorization.is_some();
        let has_own_address =
            walk.cloud.is_some() || walk.destination.base_url_override().is_some();
        let service = self.variables.effective(OAUTH_SERVICE);
        let service = service.filter(|found| found.value != Ok(""));
        if let (Some(service), true, false) = (service, is_request, has_own_address) {
            walk.fail(service.location, Flaw::InvalidAddress);
        }
    }

    /// Sends the user name and password of the base URL, or makes the request fail on them, as the release does.
    pub(super) fn apply_address_user(&self, walk: &mut ChainWalk<'a>) {
        let is_request = walk.x_api_key.is_some() || walk.authorization.is_some();
        let is_of_profile = walk.authorization.as_ref().is_some_and(|filled| {
            matches!(filled.slot.method, Method::SdkProfile | Method::Federation)
        });
        let is_strict =
            is_of_profile && self.rules.address_of_profile == AddressOfProfile::WithoutSpace;
        let has_space = walk.destination.ends_in_space() && is_strict;
        let is_blank = walk.destination.blank().is_some() && is_strict;
        match (walk.destination.user().cloned(), self.rules.address_user) {
            (Some(user), AddressUser::Ignored) if is_request && !user.has_password => {
                walk.destination.invalidate();
            }
            (Some(user), AddressUser::Sent) if walk.authorization.is_none() && is_request => {
                walk.send_address_user(user.location);
            }
            _ if has_space => walk.destination.invalidate(),
            _ if is_blank => {
                if let Some(location) = walk.destination.blank().cloned() {
                    walk.fail(location, Flaw::InvalidAddress);
                }
            }
            _ => {}
        }
    }

    /// Makes the request fail on arguments with which Claude Code does not start.
    pub(super) fn fail_on_arguments(&self, sources: SettingSources, walk: &mut ChainWalk<'a>) {
        let argument = |path: &str, key: &str| Location::Setting {
            scope: SettingsScope::Flag,
            path: path.to_owned(),
            line: 1,
            key: key.to_owned(),
        };
        if let Some(path) = &self.snapshot.missing_settings {
            walk.fail(argument(path, "--settings"), Flaw::NoSuchFile);
        } else if sources.has_unknown_name() {
            walk.fail(
                argument("--setting-sources", "the list"),
                Flaw::UnknownSource,
            );
        }
    }

    /// Returns the location of the socket to which all requests go.
    pub(super) fn socket(&self) -> Option<Location> {
        let is_read = |location: &Location| match self.rules.socket {
            SocketVariable::Process => matches!(location, Location::Variable { .. }),
            SocketVariable::Anywhere => true,
        };
        let mut found = self.variables.all(UNIX_SOCKET).into_iter();
        let found = found.find(|found| {
            let is_set = found.value.is_ok_and(|path| !path.is_empty());
            is_set && found.skip_reason.is_none() && is_read(&found.location)
        })?;
        Some(found.location)
    }

    /// Makes the request fail that goes to a socket: what listens there is not known.
    pub(super) fn fail_on_socket(&self, walk: &mut ChainWalk<'a>) {
        let is_request = walk.x_api_key.is_some() || walk.authorization.is_some();
        if let (Some(location), true, None) = (self.socket(), is_request, &walk.broken) {
            walk.broken = Some((location, Flaw::Socket));
        }
    }
}
