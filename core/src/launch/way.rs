//! How a credential reaches a program: which variables carry it, and which would be in its way.

use crate::origin::{BaseUrl, Origin};
use crate::profile::{Auth, BillingClass, Handing, Profile, Source};
use crate::resolve::Place;
use crate::rivals::{self, CONFIG_DIR, CUSTOM_HEADERS, MANAGED_BY_HOST, SIMPLE};
use crate::sdk_store::SdkStore;
use crate::snapshot::{Environment, Snapshot};
use crate::token::looks_like_a_key;

use super::plan::{Assignment, Warning};
use super::refusal::Refusal;
use super::target::{Program, Target};

const API_KEY: &str = "ANTHROPIC_API_KEY";
const AUTH_TOKEN: &str = "ANTHROPIC_AUTH_TOKEN";
const OAUTH_TOKEN: &str = "CLAUDE_CODE_OAUTH_TOKEN";
const BASE_URL: &str = "ANTHROPIC_BASE_URL";
/// Claude Code's background calls go to the vendor whatever the base URL is.
const QUIET: &str = "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC";

/// How the credential reaches the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// As an API key of the vendor's.
    ApiKey,
    /// As a bearer token; the address where it is not the vendor's.
    AuthToken { elsewhere: Option<Elsewhere> },
    /// As a virtual key for our own gateway, which asks nothing of the vendor by itself.
    VirtualKey { gateway: Elsewhere },
    /// As the token of a plan login; the address where it is a sandbox.
    OauthToken { elsewhere: Option<Elsewhere> },
    /// By a profile of the SDKs, which the program reads itself.
    SdkProfile {
        name: String,
        directory: Option<String>,
    },
    /// By the program's own login.
    Login { directory: LoginDirectory },
}

/// What becomes of Claude Code's background calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Background {
    Left,
    Quiet,
}

/// An address that is not the vendor's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Elsewhere {
    pub(super) base_url: String,
    pub(super) origin: Origin,
}

/// Where Claude Code's login lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum LoginDirectory {
    /// Where it would be found anyway.
    AsFound,
    /// In the usual place.
    Usual,
    /// Here.
    At(String),
}

impl Way {
    pub(super) fn of(
        profile: &Profile,
        snapshot: &Snapshot,
        target: &Target,
    ) -> Result<Self, Refusal> {
        let name = || profile.name.clone();
        if let Source::ClaudeLogin { config_dir } = &profile.source {
            if !target.has_login() {
                return Err(Refusal::PlanElsewhere {
                    profile: name(),
                    file: target.file.clone(),
                });
            }
            let directory = config_dir.clone();
            return Ok(Self::Login {
                directory: directory.map_or(LoginDirectory::Usual, LoginDirectory::At),
            });
        }
        let elsewhere = Elsewhere::of(profile);
        if profile.is_plan_login() {
            return Self::of_plan_login(profile, elsewhere, target);
        }
        match profile.handing {
            Handing::Leased => return Err(Refusal::Leased { profile: name() }),
            Handing::Direct => {}
        }
        if profile.billing == BillingClass::Cloud {
            return Err(Refusal::Cloud { profile: name() });
        }
        Ok(match &profile.source {
            Source::SdkProfile { directory, name } => Self::SdkProfile {
                name: name.to_string(),
                directory: directory.clone(),
            },
            Source::Ant { profile: theirs } => Self::SdkProfile {
                name: match theirs {
                    Some(name) => name.to_string(),
                    None => active(snapshot).to_owned(),
                },
                directory: None,
            },
            Source::Sealed
            | Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. }
            | Source::ClaudeLogin { .. } => match (profile.auth, elsewhere) {
                (Auth::ApiKey, None) => Self::ApiKey,
                (Auth::Bearer, None) => Self::AuthToken { elsewhere: None },
                (Auth::ApiKey | Auth::Bearer, elsewhere) => Self::AuthToken { elsewhere },
            },
        })
    }

    /// A plan login's token goes to the genuine program and to the vendor, or its simulation.
    fn of_plan_login(
        profile: &Profile,
        elsewhere: Option<Elsewhere>,
        target: &Target,
    ) -> Result<Self, Refusal> {
        match (target.program, elsewhere) {
            (Program::ClaudeCode | Program::Other, _) => Err(Refusal::PlanElsewhere {
                profile: profile.name.clone(),
                file: target.file.clone(),
            }),
            (Program::GenuineClaude, Some(elsewhere)) if !profile.simulated => {
                Err(Refusal::PlanAtGateway {
                    profile: profile.name.clone(),
                    origin: elsewhere.origin,
                })
            }
            (Program::GenuineClaude, elsewhere) => Ok(Self::OauthToken { elsewhere }),
        }
    }

    /// By a virtual key, where the profile may stand behind one.
    pub(super) fn behind(gateway: &BaseUrl, profile: &Profile) -> Result<Self, Refusal> {
        if profile.is_plan_login() {
            return Err(Refusal::PlanBehindKey {
                profile: profile.name.clone(),
            });
        }
        let gateway = Elsewhere {
            base_url: gateway.to_string(),
            origin: gateway.origin().clone(),
        };
        Ok(Self::VirtualKey { gateway })
    }

    pub(super) fn assignments(&self, background: Background) -> Vec<Assignment> {
        let mut set = match self {
            Self::ApiKey => vec![Assignment::secret(API_KEY)],
            Self::AuthToken { .. } | Self::VirtualKey { .. } => {
                vec![Assignment::secret(AUTH_TOKEN)]
            }
            Self::OauthToken { .. } => vec![Assignment::secret(OAUTH_TOKEN)],
            Self::SdkProfile { name, directory } => {
                let mut set = vec![Assignment::text("ANTHROPIC_PROFILE", name)];
                let directory = directory.as_deref();
                set.extend(directory.map(|path| Assignment::text("ANTHROPIC_CONFIG_DIR", path)));
                set
            }
            Self::Login { directory } => match directory {
                LoginDirectory::AsFound | LoginDirectory::Usual => Vec::new(),
                LoginDirectory::At(path) => vec![Assignment::text(CONFIG_DIR, path)],
            },
        };
        if let Some(elsewhere) = self.elsewhere() {
            set.push(Assignment::text(BASE_URL, &elsewhere.base_url));
        }
        match background {
            Background::Left => {}
            Background::Quiet => set.push(Assignment::text(QUIET, "1")),
        }
        match self {
            // It keeps Claude Code from logins and profiles, and is reported to change how a plan is billed.
            Self::OauthToken { .. } | Self::SdkProfile { .. } | Self::Login { .. } => {}
            Self::ApiKey | Self::AuthToken { .. } | Self::VirtualKey { .. } => {
                set.push(Assignment::text(MANAGED_BY_HOST, "1"));
            }
        }
        set
    }

    pub(super) fn removed(
        &self,
        snapshot: &Snapshot,
        set: &[Assignment],
        warnings: &mut Vec<Warning>,
    ) -> Vec<String> {
        let environment = &*snapshot.environment;
        let mut removed = Vec::new();
        for name in environment.names() {
            if set.iter().any(|assignment| assignment.name == name) {
                continue;
            }
            if self.rivals(name, environment) {
                removed.push(name.to_owned());
            } else if holds_credential(name, snapshot) {
                warnings.push(Warning::HoldsCredential(name.to_owned()));
                removed.push(name.to_owned());
            }
        }
        removed
    }

    fn rivals(&self, name: &str, environment: &Environment) -> bool {
        let completes = match self {
            Self::SdkProfile { .. } => rivals::fills_gaps(name),
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
                directory: LoginDirectory::Usual,
            } => name == CONFIG_DIR,
            Self::Login { .. }
            | Self::ApiKey
            | Self::AuthToken { .. }
            | Self::VirtualKey { .. }
            | Self::OauthToken { .. }
            | Self::SdkProfile { .. } => false,
        };
        let spells_credential =
            name == CUSTOM_HEADERS && environment.get(name).is_none_or(rivals::spells_credential);
        (rivals::is_rival(name) && !completes) || hides_login || moves_login || spells_credential
    }

    /// The address, where it is not the vendor's.
    pub(super) fn elsewhere(&self) -> Option<&Elsewhere> {
        match self {
            Self::AuthToken { elsewhere } | Self::OauthToken { elsewhere } => elsewhere.as_ref(),
            Self::VirtualKey { gateway } => Some(gateway),
            Self::ApiKey | Self::SdkProfile { .. } | Self::Login { .. } => None,
        }
    }

    /// Whether a credential from this place is the one meant.
    pub(super) fn is_meant(&self, place: &Place) -> bool {
        match (self, place) {
            (Self::ApiKey, Place::Variable { name }) => *name == API_KEY,
            (Self::AuthToken { .. } | Self::VirtualKey { .. }, Place::Variable { name }) => {
                *name == AUTH_TOKEN
            }
            (Self::OauthToken { .. }, Place::Variable { name }) => *name == OAUTH_TOKEN,
            (Self::SdkProfile { name, .. }, Place::SdkProfile { name: its, .. }) => name == its,
            (Self::Login { .. }, Place::Login { .. }) => true,
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

    /// What it is called in a sentence.
    pub(super) fn spoken(&self) -> String {
        match self {
            Self::ApiKey => API_KEY.to_owned(),
            Self::AuthToken { .. } | Self::VirtualKey { .. } => AUTH_TOKEN.to_owned(),
            Self::OauthToken { .. } => OAUTH_TOKEN.to_owned(),
            Self::SdkProfile { name, .. } => format!("the SDK profile {name}"),
            Self::Login { .. } => "Claude Code's own login".to_owned(),
        }
    }
}

impl Elsewhere {
    fn of(profile: &Profile) -> Option<Self> {
        let origin = profile.base_url.origin();
        (!origin.is_first_party()).then(|| Self {
            base_url: profile.base_url.to_string(),
            origin: origin.clone(),
        })
    }
}

/// What becomes of Claude Code's background calls. They go to the vendor, wherever its requests go, and releases before
/// 2.1.329 send a stored login along on them whatever else is set (docs/facts.md#claude-code-host).
pub(super) fn background(way: &Way, snapshot: &Snapshot, target: &Target) -> Background {
    let login_may_leak = || snapshot.login.is_some() && target.may_be_older();
    let may_leak = match way {
        Way::Login { .. } => false,
        Way::VirtualKey { .. } => login_may_leak(),
        Way::ApiKey | Way::AuthToken { .. } | Way::OauthToken { .. } | Way::SdkProfile { .. } => {
            way.elsewhere().is_some() || login_may_leak()
        }
    };
    if may_leak {
        Background::Quiet
    } else {
        Background::Left
    }
}

/// Whether a variable that is no known rival holds a credential all the same.
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
    snapshot.environment.get(name).is_some_and(looks_like_a_key)
        || snapshot.own.profiles.iter().any(is_a_source)
}

/// The name of the SDKs' profile that is in use where none is named.
fn active(snapshot: &Snapshot) -> &str {
    snapshot
        .sdk_stores
        .first()
        .map_or("default", SdkStore::active)
}
