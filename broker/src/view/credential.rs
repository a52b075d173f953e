//! Profiles and virtual keys, as lists show them.

use jiff::Timestamp;
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::profile::{Auth, BillingClass, Handing, Profile, ProfileId, Provenance, Source};
use keyreeve_core::virtual_key::VirtualKey;
use keyreeve_store::{Known, Policy};
use serde::Serialize;

use super::StandingView;

/// Every profile.
#[derive(Debug, Serialize)]
pub struct ProfilesView {
    /// In the order of their names.
    pub profiles: Vec<ProfileView>,
}

/// A profile, without its secret.
#[derive(Debug, Serialize)]
pub struct ProfileView {
    /// Names it for ever: 32 hexadecimal digits.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether `profile use` chose it.
    pub default: bool,
    /// The one place its secret may go.
    pub base_url: String,
    /// `api-key` or `bearer`.
    pub auth: &'static str,
    /// Where its secret comes from.
    pub source: SourceView,
    /// The sealed token's family, such as `api_key`.
    pub family: Option<&'static str>,
    /// The sealed token, but for most of it: `sk-ant-api03-…wxYZ`.
    pub hint: Option<String>,
    /// `console`, `setup-token`, `federation`, `ant-login`, `gateway` or `unknown`.
    pub provenance: &'static str,
    /// `metered`, `cloud`, `gateway` or `plan`.
    pub billing: &'static str,
    /// `leased`, or `direct` where the raw secret may also be handed to a program.
    pub handing: &'static str,
    /// Whether it leads to a sandbox.
    pub simulated: bool,
    /// When its secret ends of itself, where that is known.
    pub expires_at: Option<String>,
    /// When it was added.
    pub created_at: String,
    /// When its secret was last replaced.
    pub rotated_at: Option<String>,
    /// Whether it may be used, and why not.
    pub standing: StandingView,
}

/// Where a secret comes from.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SourceView {
    /// Sealed in the store.
    Sealed,
    /// An environment variable, read at lease time.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A file, read at lease time.
    File {
        /// Its whole path.
        path: String,
    },
    /// A program, run at lease time.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
    },
    /// A profile of the official SDKs.
    SdkProfile {
        /// Where it lies; null where the SDKs look.
        directory: Option<String>,
        /// Its name.
        name: String,
    },
    /// The login of Anthropic's `ant`.
    Ant {
        /// The profile of `ant`'s; null for the one that is active.
        profile: Option<String>,
    },
    /// Claude Code's own login, of which nothing is read.
    ClaudeLogin {
        /// Claude Code's configuration directory; null for the usual one.
        config_dir: Option<String>,
    },
}

/// Every virtual key.
#[derive(Debug, Serialize)]
pub struct KeysView {
    /// In the order of their names.
    pub keys: Vec<KeyView>,
}

/// A virtual key, without its secret.
#[derive(Debug, Serialize)]
pub struct KeyView {
    /// Names it for ever: 32 hexadecimal digits.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether it is accepted.
    pub state: KeyState,
    /// The names of the profiles it may use, the first asked first; a removed one is missing.
    pub profiles: Vec<String>,
    /// Whom it pays, as its first profile did when it was made: `metered`, `cloud` or `gateway`; null where it had none.
    pub billing: Option<&'static str>,
    /// How it chooses among those that are ready: `ordered` or `spread`.
    pub strategy: &'static str,
    /// Whom its requests may be billed to beside that.
    pub may_spend: Vec<&'static str>,
    /// Globs of the models it may ask for; empty: any.
    pub models: Vec<String>,
    /// The lifetime that its requests' cache markers get: `5m` or `1h`; null: what the configuration says.
    pub cache_ttl: Option<&'static str>,
    /// After this it is refused.
    pub expires_at: Option<String>,
    /// Since when it is refused for good.
    pub revoked_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// Whether `serve --sandbox` made it.
    pub simulated: bool,
}

/// Whether a key is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It is.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl ProfilesView {
    /// Shows every profile as it stands at `now`.
    pub fn of(known: &Known, now: Timestamp) -> Self {
        let show = |profile| ProfileView::of(profile, known, now);
        Self {
            profiles: known.policy.profiles().iter().map(show).collect(),
        }
    }
}

impl ProfileView {
    /// Shows a profile as it stands at `now`.
    pub fn of(profile: &Profile, known: &Known, now: Timestamp) -> Self {
        let default: Option<ProfileId> = known.policy.default_profile();
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
            handing: handing(profile.handing),
            simulated: profile.simulated,
            expires_at: profile.expires_at.map(|at| at.to_string()),
            created_at: profile.created_at.to_string(),
            rotated_at: profile.rotated_at.map(|at| at.to_string()),
            standing: StandingView::of(profile, &known.standings, now),
        }
    }
}

impl From<&Source> for SourceView {
    fn from(source: &Source) -> Self {
        match source {
            Source::Sealed => Self::Sealed,
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
    /// Shows every key of a policy as it stands at `now`.
    pub fn of(policy: &Policy, now: Timestamp) -> Self {
        Self {
            keys: policy
                .keys()
                .iter()
                .map(|key| KeyView::of(key, policy, now))
                .collect(),
        }
    }
}

impl KeyView {
    /// Shows a key as it stands at `now`.
    pub fn of(key: &VirtualKey, policy: &Policy, now: Timestamp) -> Self {
        let name = |id: &ProfileId| policy.profile(*id).map(|profile| profile.name.to_string());
        Self {
            id: key.id.0.simple().to_string(),
            name: key.name.to_string(),
            state: KeyState::of(key, now),
            profiles: key.profiles.iter().filter_map(name).collect(),
            billing: key.billing.map(BillingClass::name),
            strategy: key.strategy.name(),
            may_spend: key.may_spend.iter().map(|class| class.name()).collect(),
            models: key.models.clone(),
            cache_ttl: key.cache_ttl.map(Ttl::word),
            expires_at: key.expires_at.map(|at| at.to_string()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
            created_at: key.created_at.to_string(),
            simulated: key.simulated,
        }
    }
}

impl KeyState {
    fn of(key: &VirtualKey, now: Timestamp) -> Self {
        match (key.revoked_at, key.expires_at) {
            (Some(_), _) => Self::Revoked,
            (None, Some(end)) if end <= now => Self::Expired,
            (None, _) => Self::Active,
        }
    }

    /// Its name in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

fn auth(auth: Auth) -> &'static str {
    match auth {
        Auth::ApiKey => "api-key",
        Auth::Bearer => "bearer",
    }
}

fn handing(handing: Handing) -> &'static str {
    match handing {
        Handing::Leased => "leased",
        Handing::Direct => "direct",
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
