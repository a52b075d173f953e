//! Profiles and virtual keys, without secrets.

use std::sync::Arc;

use jiff::Timestamp;
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::profile::{
    Auth, BillingClass, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::virtual_key::VirtualKey;
use keyreeve_store::{LeaseSnapshot, Policy};
use serde::Serialize;

use super::HealthView;

/// All profiles.
#[derive(Debug, Serialize)]
pub struct ProfilesView {
    /// Sorted by name.
    pub profiles: Vec<ProfileView>,
}

/// A profile, without its secret.
#[derive(Debug, Serialize)]
pub struct ProfileView {
    /// The permanent id: 32 hexadecimal digits.
    pub id: String,
    /// The profile's name.
    pub name: String,
    /// `true` if it is the default profile, set by `profile use`.
    pub default: bool,
    /// The only base URL its secret may be sent to.
    pub base_url: String,
    /// `api-key` or `bearer`.
    pub auth: &'static str,
    /// The source of its secret.
    pub source: SourceView,
    /// The encrypted token's family, such as `api_key`.
    pub family: Option<&'static str>,
    /// The encrypted token, mostly redacted: `sk-ant-api03-…wxYZ`.
    pub hint: Option<String>,
    /// `console`, `setup-token`, `federation`, `ant-login`, `gateway` or `unknown`.
    pub provenance: &'static str,
    /// `metered`, `cloud`, `gateway` or `plan`.
    pub billing: &'static str,
    /// `requests_only`, or `programs` if programs may also be given the raw key.
    pub secret_exposure: &'static str,
    /// `true` if the upstream is a sandbox.
    pub simulated: bool,
    /// `false` if something other than keyreeve changed it: it is not used.
    pub verified: bool,
    /// Expiry of the secret, if known.
    pub expires_at: Option<String>,
    /// Creation time.
    pub created_at: String,
    /// Time of the last rotation of the secret.
    pub rotated_at: Option<String>,
    /// Health, with the reasons.
    pub health: HealthView,
}

/// Source of a secret.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SourceView {
    /// Encrypted at rest in the store.
    Encrypted,
    /// An environment variable, read at lease time.
    Environment {
        /// The variable's name.
        variable: String,
    },
    /// A file, read at lease time.
    File {
        /// The absolute path.
        path: String,
    },
    /// A program, run at lease time.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
    },
    /// A profile of the official SDKs.
    SdkProfile {
        /// The configuration directory; null for the SDKs' default.
        directory: Option<String>,
        /// The SDK profile's name.
        name: String,
    },
    /// The login of Anthropic's `ant`.
    Ant {
        /// The profile of `ant`; null for the active one.
        profile: Option<String>,
    },
    /// Claude Code's own login, by reference only.
    ClaudeLogin {
        /// Claude Code's configuration directory; null for the default.
        config_dir: Option<String>,
    },
}

/// All virtual keys.
#[derive(Debug, Serialize)]
pub struct KeysView {
    /// Sorted by name.
    pub keys: Vec<KeyView>,
}

/// A virtual key, without its secret.
#[derive(Debug, Serialize)]
pub struct KeyView {
    /// The permanent id: 32 hexadecimal digits.
    pub id: String,
    /// The key's name.
    pub name: String,
    /// The state: active, expired, revoked or not verified.
    pub state: KeyState,
    /// Names of the profiles it may use, in order of preference, without removed ones.
    pub profiles: Vec<String>,
    /// Billing class of its first profile when the key was created: `metered`, `cloud` or `gateway`; null if it had
    /// none.
    pub billing: Option<&'static str>,
    /// Selection strategy among ready profiles: `ordered` or `spread`.
    pub strategy: &'static str,
    /// Additional billing classes its requests may use.
    pub allow_billing: Vec<&'static str>,
    /// Globs of allowed models; empty for any.
    pub models: Vec<String>,
    /// Lifetime set on the cache markers of its requests: `5m` or `1h`; null for the configured default.
    pub cache_ttl: Option<&'static str>,
    /// Expiry.
    pub expires_at: Option<String>,
    /// Time of revocation.
    pub revoked_at: Option<String>,
    /// Creation time.
    pub created_at: String,
    /// `true` if `serve --sandbox` created it.
    pub simulated: bool,
}

/// State of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Accepted.
    Active,
    /// Past its expiry.
    Expired,
    /// Revoked.
    Revoked,
    /// Changed by something other than keyreeve: refused.
    #[serde(rename = "not verified")]
    NotVerified,
}

impl ProfilesView {
    /// Creates the view of all profiles, with their health at `now`.
    pub fn new(snapshot: &LeaseSnapshot, now: Timestamp) -> Self {
        let view = |profile: &Arc<Profile>| ProfileView::new(profile, snapshot, now);
        Self {
            profiles: snapshot.policy.profiles().iter().map(view).collect(),
        }
    }
}

impl ProfileView {
    /// Creates the view of a profile, with its health at `now`.
    pub fn new(profile: &Profile, snapshot: &LeaseSnapshot, now: Timestamp) -> Self {
        let default: Option<ProfileId> = snapshot.policy.default_profile();
        Self {
            id: profile.id.to_string(),
            name: profile.name.to_string(),
            default: default == Some(profile.id),
            base_url: profile.base_url.to_string(),
            auth: auth(profile.auth),
            source: SourceView::from(&profile.source),
            family: profile.family.map(keyreeve_core::token::Family::code),
            hint: profile.hint.clone(),
            provenance: provenance(profile.provenance),
            billing: profile.billing.name(),
            secret_exposure: secret_exposure(profile.secret_exposure),
            simulated: profile.simulated,
            verified: snapshot.policy.is_profile_verified(profile.id),
            expires_at: profile.expires_at.map(|at| at.to_string()),
            created_at: profile.created_at.to_string(),
            rotated_at: profile.rotated_at.map(|at| at.to_string()),
            health: HealthView::new(profile, &snapshot.health, now),
        }
    }
}

impl From<&Source> for SourceView {
    fn from(source: &Source) -> Self {
        match source {
            Source::Sealed => Self::Encrypted,
            Source::Environment { variable } => Self::Environment {
                variable: variable.clone(),
            },
            Source::File { path } => Self::File { path: path.clone() },
            Source::Command { argv } => Self::Command { argv: argv.clone() },
            Source::SdkProfile { directory, name } => Self::SdkProfile {
                directory: directory.clone(),
                name: name.to_string(),
            },
            Source::Ant { profile } => Self::Ant {
                profile: profile.as_ref().map(ToString::to_string),
            },
            Source::ClaudeLogin { config_dir } => Self::ClaudeLogin {
                config_dir: config_dir.clone(),
            },
        }
    }
}

impl KeysView {
    /// Creates the view of all keys, with their state at `now`.
    pub fn new(policy: &Policy, now: Timestamp) -> Self {
        Self {
            keys: policy
                .keys()
                .iter()
                .map(|key| KeyView::new(key, policy, now))
                .collect(),
        }
    }
}

impl KeyView {
    /// Creates the view of a key, with its state at `now`.
    pub fn new(key: &VirtualKey, policy: &Policy, now: Timestamp) -> Self {
        let name = |id: &ProfileId| policy.profile(*id).map(|profile| profile.name.to_string());
        Self {
            id: key.id.0.simple().to_string(),
            name: key.name.to_string(),
            state: if policy.is_key_verified(key) {
                KeyState::new(key, now)
            } else {
                KeyState::NotVerified
            },
            profiles: key.profiles.iter().filter_map(name).collect(),
            billing: key.billing.map(BillingClass::name),
            strategy: key.strategy.name(),
            allow_billing: key.allow_billing.iter().map(|class| class.name()).collect(),
            models: key
                .models
                .iter()
                .map(|pattern| pattern.as_str().to_owned())
                .collect(),
            cache_ttl: key.cache_ttl.map(Ttl::as_str),
            expires_at: key.expires_at.map(|at| at.to_string()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
            created_at: key.created_at.to_string(),
            simulated: key.simulated,
        }
    }
}

impl KeyState {
    fn new(key: &VirtualKey, now: Timestamp) -> Self {
        match (key.revoked_at, key.expires_at) {
            (Some(_), _) => Self::Revoked,
            (None, Some(end)) if end <= now => Self::Expired,
            (None, _) => Self::Active,
        }
    }

    /// Returns the name used in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::NotVerified => "not verified",
        }
    }
}

fn auth(auth: Auth) -> &'static str {
    match auth {
        Auth::ApiKey => "api-key",
        Auth::Bearer => "bearer",
    }
}

fn secret_exposure(exposure: SecretExposure) -> &'static str {
    match exposure {
        SecretExposure::RequestsOnly => "requests_only",
        SecretExposure::Programs => "programs",
    }
}

fn provenance(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Console => "console",
        Provenance::SetupToken => "setup-token",
        Provenance::Federation => "federation",
        Provenance::AntLogin => "ant-login",
        Provenance::Gateway => "gateway",
        Provenance::Unknown => "unknown",
    }
}
