//! Delivery of a credential to a program: the variables that carry it and the variables that conflict with it.

use std::fmt;

use keyreeve_core::origin::{BaseUrl, Origin};
use keyreeve_core::profile::{Auth, BillingClass, Name, Profile, SecretExposure, Source};
use keyreeve_core::token::contains_token;
use keyreeve_os::environment::Environment;

use super::error::LaunchError;
use super::target::{Program, Target};
use crate::rules::conflicts;
use crate::rules::connection::{host_of, no_proxy_with};
use crate::rules::resolve::Location;
use crate::rules::sdk_store::SdkStore;
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{
    API_KEY, AUTH_TOKEN, BASE_URL, CLAUDE_CONFIG_DIR, CUSTOM_HEADERS, DISABLE_BACKGROUND_TRAFFIC,
    LOGIN_DIRECTORY, MANAGED_BY_HOST, NO_PROXY, NO_PROXY_LOWER, OAUTH_TOKEN, SDK_CONFIG_DIR,
    SDK_PROFILE, SIMPLE,
};

/// The way a credential reaches a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum CredentialDelivery {
    /// As an API key of the vendor.
    ApiKey,
    /// As a bearer token, with an endpoint if it is not the vendor's.
    AuthToken { endpoint: Option<CustomEndpoint> },
    /// As a virtual key for our own gateway, which sends no requests of its own to the vendor.
    VirtualKey { gateway: CustomEndpoint },
    /// As the token of a plan login, with an endpoint if it is a sandbox.
    OauthToken { endpoint: Option<CustomEndpoint> },
    /// As an SDK profile, which the program reads itself.
    SdkProfile {
        name: String,
        directory: Option<String>,
    },
    /// As the program's own login.
    Login { directory: LoginDirectory },
}

/// A variable to set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvAssignment {
    /// Its name.
    pub name: &'static str,
    /// Its value, or `None` for the profile's secret, which a plan does not contain.
    pub value: Option<String>,
}

/// A warning about a launch plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LaunchWarning {
    /// A variable outside the known conflicting ones is removed.
    CredentialRemoved(String),
    /// A gateway gets its credential in another header than the profile's.
    SentAsBearer(Origin),
    /// A proxy can read the credential if it has a certificate of that issuer.
    ProxyMayRead {
        /// The variable that names the proxy.
        proxy: String,
        /// The variable that names the certificates.
        certificates: String,
    },
    /// The directory is bound to this profile, and the user named another credential.
    NotTheBoundProfile(Name),
}

/// An endpoint other than the vendor's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CustomEndpoint {
    pub(super) base_url: String,
    pub(super) origin: Origin,
}

/// The directory of Claude Code's login.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum LoginDirectory {
    /// The directory that the environment selects.
    Current,
    /// The default directory.
    Default,
    /// This directory.
    At(String),
}

impl CredentialDelivery {
    pub(super) fn new(
        profile: &Profile,
        snapshot: &Snapshot,
        target: &Target,
    ) -> Result<Self, LaunchError> {
        let name = || profile.name.clone();
        if let Source::ClaudeLogin { config_dir } = &profile.source {
            if !target.has_login() {
                return Err(LaunchError::PlanLoginForOtherProgram {
                    profile: name(),
                    file: target.file.clone(),
                });
            }
            let directory = config_dir.clone();
            return Ok(Self::Login {
                directory: directory.map_or(LoginDirectory::Default, LoginDirectory::At),
            });
        }
        let endpoint = CustomEndpoint::new(profile);
        if profile.is_plan_login() {
            return Self::for_plan_login(profile, endpoint, target);
        }
        match profile.secret_exposure {
            SecretExposure::RequestsOnly => {
                return Err(LaunchError::SecretNotExposed { profile: name() });
            }
            SecretExposure::Programs => {}
        }
        if profile.billing == BillingClass::Cloud {
            return Err(LaunchError::CloudAccount { profile: name() });
        }
        Ok(match &profile.source {
            Source::SdkProfile { directory, name } => Self::SdkProfile {
                name: name.to_string(),
                directory: directory.clone(),
            },
            Source::Ant {
                profile: sdk_profile,
            } => Self::SdkProfile {
                name: match sdk_profile {
                    Some(name) => name.to_string(),
                    None => active_sdk_profile(snapshot).to_owned(),
                },
                directory: None,
            },
            Source::Sealed
            | Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. }
            | Source::ClaudeLogin { .. } => match (profile.auth, endpoint) {
                (Auth::ApiKey, None) => Self::ApiKey,
                (Auth::Bearer, None) => Self::AuthToken { endpoint: None },
                (Auth::ApiKey | Auth::Bearer, endpoint) => Self::AuthToken { endpoint },
            },
        })
    }

    /// Delivers a plan login's token, which only the genuine program and the vendor (or the sandbox) may get.
    fn for_plan_login(
        profile: &Profile,
        endpoint: Option<CustomEndpoint>,
        target: &Target,
    ) -> Result<Self, LaunchError> {
        match (target.program, endpoint) {
            (Program::ClaudeCode | Program::Other, _) => {
                Err(LaunchError::PlanLoginForOtherProgram {
                    profile: profile.name.clone(),
                    file: target.file.clone(),
                })
            }
            (Program::GenuineClaude, Some(endpoint)) if !profile.simulated => {
                Err(LaunchError::PlanLoginForOtherOrigin {
                    profile: profile.name.clone(),
                    origin: endpoint.origin,
                })
            }
            (Program::GenuineClaude, endpoint) => Ok(Self::OauthToken { endpoint }),
        }
    }

    /// Delivers a virtual key for our own gateway.
    ///
    /// # Errors
    /// [`LaunchError::PlanLoginBehindKey`] for a plan login.
    pub(super) fn for_gateway(gateway: &BaseUrl, profile: &Profile) -> Result<Self, LaunchError> {
        if profile.is_plan_login() {
            return Err(LaunchError::PlanLoginBehindKey {
                profile: profile.name.clone(),
            });
        }
        let gateway = CustomEndpoint {
            base_url: gateway.to_string(),
            origin: gateway.origin().clone(),
        };
        Ok(Self::VirtualKey { gateway })
    }

    /// Returns the variables to set.
    pub(super) fn assignments(&self, snapshot: &Snapshot, target: &Target) -> Vec<EnvAssignment> {
        let mut set = match self {
            Self::ApiKey => vec![EnvAssignment::secret(API_KEY)],
            Self::AuthToken { .. } | Self::VirtualKey { .. } => {
                vec![EnvAssignment::secret(AUTH_TOKEN)]
            }
            Self::OauthToken { .. } => vec![EnvAssignment::secret(OAUTH_TOKEN)],
            Self::SdkProfile { name, directory } => {
                let mut set = vec![EnvAssignment::literal(SDK_PROFILE, name)];
                let directory = directory.as_deref();
                set.extend(directory.map(|path| EnvAssignment::literal(SDK_CONFIG_DIR, path)));
                set
            }
            Self::Login { directory } => match directory {
                LoginDirectory::Current | LoginDirectory::Default => Vec::new(),
                LoginDirectory::At(path) => vec![EnvAssignment::literal(CLAUDE_CONFIG_DIR, path)],
            },
        };
        if let Some(endpoint) = self.custom_endpoint() {
            set.push(EnvAssignment::literal(BASE_URL, &endpoint.base_url));
        }
        set.extend(self.direct_connection(snapshot));
        if self.may_leak_in_background(snapshot, target) {
            set.push(EnvAssignment::literal(DISABLE_BACKGROUND_TRAFFIC, "1"));
        }
        match self {
            // With it Claude Code ignores logins and profiles, and it is reported to change how a plan is billed.
            Self::OauthToken { .. } | Self::SdkProfile { .. } | Self::Login { .. } => {}
            Self::ApiKey | Self::AuthToken { .. } | Self::VirtualKey { .. } => {
                set.push(EnvAssignment::literal(MANAGED_BY_HOST, "1"));
            }
        }
        set
    }

    /// Returns the assignments by which an endpoint on this machine, such as our gateway, is reached without the proxy
    /// that is set (docs/facts.md#proxies).
    fn direct_connection(&self, snapshot: &Snapshot) -> Vec<EnvAssignment> {
        let endpoint = self.custom_endpoint();
        let host = endpoint
            .filter(|endpoint| endpoint.origin.is_loopback())
            .and_then(|endpoint| host_of(&endpoint.base_url));
        match host.and_then(|host| no_proxy_with(snapshot, &host)) {
            Some(hosts) => [NO_PROXY, NO_PROXY_LOWER]
                .map(|name| EnvAssignment::literal(name, &hosts))
                .into(),
            None => Vec::new(),
        }
    }

    /// Returns `true` if Claude Code's background requests may carry a credential to the vendor that is not meant for it.
    /// They go there even with a custom endpoint, and releases before 2.1.329 attach a stored login or key to them whatever
    /// else is set (docs/facts.md#claude-code-host).
    fn may_leak_in_background(&self, snapshot: &Snapshot, target: &Target) -> bool {
        let is_stored = snapshot.login.is_some() || snapshot.stored_key.is_some();
        let login_may_leak = || is_stored && target.may_be_older();
        match self {
            Self::Login { .. } => false,
            Self::VirtualKey { .. } => login_may_leak(),
            Self::ApiKey
            | Self::AuthToken { .. }
            | Self::OauthToken { .. }
            | Self::SdkProfile { .. } => self.custom_endpoint().is_some() || login_may_leak(),
        }
    }

    /// Returns the variables to remove, and adds a warning for each that is not a known conflicting one.
    pub(super) fn variables_to_remove(
        &self,
        snapshot: &Snapshot,
        set: &[EnvAssignment],
        warnings: &mut Vec<LaunchWarning>,
    ) -> Vec<String> {
        let environment = &*snapshot.environment;
        let mut removed = Vec::new();
        for name in environment.names() {
            if set.iter().any(|assignment| assignment.name == name) {
                continue;
            }
            if self.conflicts_with(name, environment) {
                removed.push(name.to_owned());
            } else if holds_credential(name, snapshot) {
                warnings.push(LaunchWarning::CredentialRemoved(name.to_owned()));
                removed.push(name.to_owned());
            }
        }
        removed
    }

    /// Returns `true` if a variable could override this credential or redirect it.
    fn conflicts_with(&self, name: &str, environment: &Environment) -> bool {
        let completes_profile = match self {
            Self::SdkProfile { .. } => conflicts::completes_sdk_profile(name),
            Self::ApiKey
            | Self::AuthToken { .. }
            | Self::VirtualKey { .. }
            | Self::OauthToken { .. }
            | Self::Login { .. } => false,
        };
        let hides_login = match self {
            Self::ApiKey | Self::AuthToken { .. } | Self::VirtualKey { .. } => false,
            Self::OauthToken { .. } | Self::SdkProfile { .. } | Self::Login { .. } => {
                name == SIMPLE
            }
        };
        let moves_login = match self {
            Self::Login {
                directory: LoginDirectory::Default,
            } => [CLAUDE_CONFIG_DIR, LOGIN_DIRECTORY].contains(&name),
            Self::Login {
                directory: LoginDirectory::At(_),
            } => name == LOGIN_DIRECTORY,
            Self::Login {
                directory: LoginDirectory::Current,
            }
            | Self::ApiKey
            | Self::AuthToken { .. }
            | Self::VirtualKey { .. }
            | Self::OauthToken { .. }
            | Self::SdkProfile { .. } => false,
        };
        let has_credential_header = name == CUSTOM_HEADERS
            && environment
                .get(name)
                .is_none_or(conflicts::contains_credential_header);
        (conflicts::is_conflicting(name) && !completes_profile)
            || hides_login
            || moves_login
            || has_credential_header
    }

    /// Returns the endpoint, or `None` if it is the vendor's.
    pub(super) fn custom_endpoint(&self) -> Option<&CustomEndpoint> {
        match self {
            Self::AuthToken { endpoint } | Self::OauthToken { endpoint } => endpoint.as_ref(),
            Self::VirtualKey { gateway } => Some(gateway),
            Self::ApiKey | Self::SdkProfile { .. } | Self::Login { .. } => None,
        }
    }

    /// Returns `true` if a credential from this location is the intended one.
    pub(super) fn is_intended(&self, location: &Location) -> bool {
        match (self, location) {
            (Self::ApiKey, Location::Variable { name }) => *name == API_KEY,
            (Self::AuthToken { .. } | Self::VirtualKey { .. }, Location::Variable { name }) => {
                *name == AUTH_TOKEN
            }
            (Self::OauthToken { .. }, Location::Variable { name }) => *name == OAUTH_TOKEN,
            (Self::SdkProfile { name, .. }, Location::SdkProfile { name: found, .. }) => {
                name == found
            }
            (Self::Login { .. }, Location::Login { .. }) => true,
            (
                Self::ApiKey
                | Self::AuthToken { .. }
                | Self::VirtualKey { .. }
                | Self::OauthToken { .. }
                | Self::SdkProfile { .. }
                | Self::Login { .. },
                _,
            ) => false,
        }
    }

    /// Returns the directory in which a login must be read, or `None` if any will do.
    pub(super) fn login_directory(&self, snapshot: &Snapshot) -> Option<String> {
        match self {
            Self::Login {
                directory: LoginDirectory::At(path),
            } => Some(path.trim_end_matches('/').to_owned()),
            Self::Login {
                directory: LoginDirectory::Default,
            } => Some(format!("{}/.claude", snapshot.home.as_ref()?)),
            Self::Login {
                directory: LoginDirectory::Current,
            }
            | Self::ApiKey
            | Self::AuthToken { .. }
            | Self::VirtualKey { .. }
            | Self::OauthToken { .. }
            | Self::SdkProfile { .. } => None,
        }
    }

    /// Returns `true` if it is the token of a plan, from a login or a setup-token.
    pub(super) fn is_plan_token(&self) -> bool {
        match self {
            Self::Login { .. } | Self::OauthToken { .. } => true,
            Self::ApiKey
            | Self::AuthToken { .. }
            | Self::VirtualKey { .. }
            | Self::SdkProfile { .. } => false,
        }
    }

    /// Returns the credential's name in a sentence.
    pub(super) fn description(&self) -> String {
        match self {
            Self::ApiKey => API_KEY.to_owned(),
            Self::AuthToken { .. } | Self::VirtualKey { .. } => AUTH_TOKEN.to_owned(),
            Self::OauthToken { .. } => OAUTH_TOKEN.to_owned(),
            Self::SdkProfile { name, .. } => format!("the SDK profile {name}"),
            Self::Login { .. } => "Claude Code's own login".to_owned(),
        }
    }
}

impl EnvAssignment {
    pub(super) fn literal(name: &'static str, text: &str) -> Self {
        Self {
            name,
            value: Some(text.to_owned()),
        }
    }

    pub(super) fn secret(name: &'static str) -> Self {
        Self { name, value: None }
    }
}

impl fmt::Display for LaunchWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CredentialRemoved(name) => {
                write!(
                    f,
                    "{name} is removed from the environment because it contains a credential"
                )
            }
            Self::ProxyMayRead {
                proxy,
                certificates,
            } => write!(
                f,
                "Requests go through the proxy in {proxy}, and {certificates} trusts further certificates: the proxy can read the credential if it has one of them"
            ),
            Self::NotTheBoundProfile(name) => write!(
                f,
                "This directory is bound to profile `{name}`, and another credential is used because you named it"
            ),
            Self::SentAsBearer(origin) => write!(
                f,
                "{origin} gets the credential as `Authorization: Bearer`, since Claude Code would also send an API key to Anthropic"
            ),
        }
    }
}

impl CustomEndpoint {
    fn new(profile: &Profile) -> Option<Self> {
        let origin = profile.base_url.origin();
        (!origin.is_first_party()).then(|| Self {
            base_url: profile.base_url.to_string(),
            origin: origin.clone(),
        })
    }
}

/// Returns `true` if a variable that is not a known conflicting one holds a credential.
fn holds_credential(name: &str, snapshot: &Snapshot) -> bool {
    let is_a_source = |profile: &Profile| match &profile.source {
        Source::Environment { variable } => variable == name,
        Source::Sealed
        | Source::File { .. }
        | Source::Command { .. }
        | Source::SdkProfile { .. }
        | Source::Ant { .. }
        | Source::ClaudeLogin { .. } => false,
    };
    snapshot.environment.get(name).is_some_and(contains_token)
        || snapshot.keyreeve.profiles.iter().any(is_a_source)
}

/// Returns the name of the SDK profile that is active by default.
fn active_sdk_profile(snapshot: &Snapshot) -> &str {
    snapshot
        .sdk_stores
        .first()
        .map_or("default", SdkStore::active)
}
