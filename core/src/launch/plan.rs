//! The environment a program is started with: which variables go, and which come.

use crate::origin::Origin;
use crate::profile::{Auth, BillingClass, Handing, Name, Profile, Source};
use crate::resolve::{PayerClass, Place};
use crate::sdk_store::SdkStore;
use crate::snapshot::{Environment, Snapshot};
use crate::token::{Family, looks_like_a_key};

use super::refusal::Refusal;
use super::rivals::{self, CUSTOM_HEADERS, MANAGED_BY_HOST, SIMPLE};
use super::target::{Program, Target};

const API_KEY: &str = "ANTHROPIC_API_KEY";
const AUTH_TOKEN: &str = "ANTHROPIC_AUTH_TOKEN";
const OAUTH_TOKEN: &str = "CLAUDE_CODE_OAUTH_TOKEN";
const BASE_URL: &str = "ANTHROPIC_BASE_URL";
const CONFIG_DIR: &str = "CLAUDE_CONFIG_DIR";
/// Claude Code's background calls go to the vendor whatever the base URL is.
const QUIET: &str = "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC";
/// Keeps credentials from the programs that Claude Code starts: hooks, tools, MCP servers.
const SCRUB: &str = "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB";

/// What is meant to pay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intention<'a> {
    /// One of keyreeve's profiles.
    Profile(&'a Profile),
    /// The program's own login.
    Native,
}

/// How the environment is changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Variables that are taken away, in order.
    pub remove: Vec<String>,
    /// Variables that are set.
    pub set: Vec<Assignment>,
    /// What a person should know about it.
    pub warnings: Vec<Warning>,
    pub(super) way: Way,
    /// The profile, where it is one.
    pub(super) whose: Option<Whose>,
}

/// A variable that is set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// Its name.
    pub name: &'static str,
    /// Its value; none for the profile's secret, which a plan does not have.
    pub text: Option<String>,
}

/// What a person should know about a plan.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Warning {
    /// A variable goes that is none of the usual rivals.
    #[error("{0} is left out: it holds a credential")]
    HoldsCredential(String),
    /// A gateway gets its credential otherwise than the profile says.
    #[error(
        "{0} gets the credential as `Authorization: Bearer`: as an API key it would also be sent to Anthropic"
    )]
    SentAsBearer(Origin),
}

/// Whose secret it is, and who is billed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Whose {
    pub(super) name: Name,
    pub(super) class: PayerClass,
    pub(super) simulated: bool,
    family: Option<Family>,
}

/// How the credential reaches the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// As an API key of the vendor's.
    ApiKey,
    /// As a bearer token; the address where it is not the vendor's.
    AuthToken { elsewhere: Option<Elsewhere> },
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
enum Background {
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

/// Makes the plan by which what is meant pays.
///
/// # Errors
/// [`Refusal`] where what is meant may not go to this program.
pub fn plan(
    snapshot: &Snapshot,
    intention: Intention<'_>,
    target: &Target,
) -> Result<Plan, Refusal> {
    let (way, whose) = match intention {
        Intention::Native if !target.has_login() => {
            return Err(Refusal::NativeElsewhere {
                file: target.file.clone(),
            });
        }
        Intention::Native => {
            let directory = LoginDirectory::AsFound;
            (Way::Login { directory }, None)
        }
        Intention::Profile(profile) => (
            Way::of(profile, snapshot, target)?,
            Some(Whose::of(profile)),
        ),
    };
    let mut warnings: Vec<_> = match (intention, &way) {
        (
            Intention::Profile(profile),
            Way::AuthToken {
                elsewhere: Some(elsewhere),
            },
        ) if profile.auth == Auth::ApiKey => vec![Warning::SentAsBearer(elsewhere.origin.clone())],
        _ => Vec::new(),
    };
    let set = way.assignments(background(&way, snapshot, target));
    let remove = way.removed(snapshot, &set, &mut warnings);
    Ok(Plan {
        remove,
        set,
        warnings,
        way,
        whose,
    })
}

impl Plan {
    /// The environment as planned, with a stand-in of the secret's family in its place: for judging.
    pub fn environment(&self, environment: &Environment) -> Environment {
        let stand_in = self.stand_in();
        let set = self.set.iter().map(|assignment| {
            let value = assignment.text.as_deref().unwrap_or(&stand_in);
            (assignment.name, value)
        });
        environment.changed(&self.remove, set)
    }

    /// Whether the profile's secret goes into the environment.
    pub fn hands_secret(&self) -> bool {
        self.set.iter().any(|assignment| assignment.text.is_none())
    }

    /// Keeps the secret from what Claude Code itself starts. Without `bubblewrap` it then does not start at all
    /// (docs/facts.md#claude-code-host).
    pub fn scrub(&mut self) {
        self.set.push(Assignment::text(SCRUB, "1"));
    }

    /// Settings files are passed over for what decides (docs/facts.md#claude-code-host).
    pub(super) fn is_managed(&self) -> bool {
        self.set
            .iter()
            .any(|assignment| assignment.name == MANAGED_BY_HOST)
    }

    fn stand_in(&self) -> String {
        let family = self.whose.as_ref().and_then(|whose| whose.family);
        let word = match (&self.way, family) {
            (Way::OauthToken { .. }, _) | (_, Some(Family::OauthAccess)) => "oat01-",
            (_, Some(Family::ApiKey)) => "api03-",
            _ => return "planned".to_owned(),
        };
        ["sk-", "ant-", word, "planned"].concat()
    }
}

impl Assignment {
    fn text(name: &'static str, text: &str) -> Self {
        Self {
            name,
            text: Some(text.to_owned()),
        }
    }

    fn secret(name: &'static str) -> Self {
        Self { name, text: None }
    }
}

impl Whose {
    fn of(profile: &Profile) -> Self {
        Self {
            name: profile.name.clone(),
            class: if profile.is_plan_login() {
                PayerClass::Plan
            } else {
                profile.billing.into()
            },
            simulated: profile.simulated,
            family: profile.family,
        }
    }
}

impl Way {
    fn of(profile: &Profile, snapshot: &Snapshot, target: &Target) -> Result<Self, Refusal> {
        let name = || profile.name.clone();
        if let Source::ClaudeLogin { config_dir } = &profile.source {
            return match target.has_login() {
                true => Ok(Self::Login {
                    directory: config_dir
                        .clone()
                        .map_or(LoginDirectory::Usual, LoginDirectory::At),
                }),
                false => Err(Refusal::PlanElsewhere {
                    profile: name(),
                    file: target.file.clone(),
                }),
            };
        }
        let elsewhere = Elsewhere::of(profile);
        if profile.is_plan_login() {
            return match (target.program, &elsewhere) {
                (Program::ClaudeCode | Program::Other, _) => Err(Refusal::PlanElsewhere {
                    profile: name(),
                    file: target.file.clone(),
                }),
                (Program::GenuineClaude, Some(elsewhere)) if !profile.simulated => {
                    Err(Refusal::PlanAtGateway {
                        profile: name(),
                        origin: elsewhere.origin.clone(),
                    })
                }
                (Program::GenuineClaude, _) => Ok(Self::OauthToken { elsewhere }),
            };
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

    fn assignments(&self, background: Background) -> Vec<Assignment> {
        let mut set = match self {
            Self::ApiKey => vec![Assignment::secret(API_KEY)],
            Self::AuthToken { .. } => vec![Assignment::secret(AUTH_TOKEN)],
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
            Self::ApiKey | Self::AuthToken { .. } => {
                set.push(Assignment::text(MANAGED_BY_HOST, "1"));
            }
        }
        set
    }

    fn removed(
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
            | Self::OauthToken { .. }
            | Self::Login { .. } => false,
        };
        let hides_login = match self {
            Self::ApiKey | Self::AuthToken { .. } => false,
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
            Self::ApiKey | Self::SdkProfile { .. } | Self::Login { .. } => None,
        }
    }

    /// Whether a credential from this place is the one meant.
    pub(super) fn is_meant(&self, place: &Place) -> bool {
        match (self, place) {
            (Self::ApiKey, Place::Variable { name }) => *name == API_KEY,
            (Self::AuthToken { .. }, Place::Variable { name }) => *name == AUTH_TOKEN,
            (Self::OauthToken { .. }, Place::Variable { name }) => *name == OAUTH_TOKEN,
            (Self::SdkProfile { name, .. }, Place::SdkProfile { name: its, .. }) => name == its,
            (Self::Login { .. }, Place::Login { .. }) => true,
            (
                Self::ApiKey
                | Self::AuthToken { .. }
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
            Self::AuthToken { .. } => AUTH_TOKEN.to_owned(),
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
fn background(way: &Way, snapshot: &Snapshot, target: &Target) -> Background {
    let may_leak = match way {
        Way::Login { .. } => false,
        Way::ApiKey | Way::AuthToken { .. } | Way::OauthToken { .. } | Way::SdkProfile { .. } => {
            way.elsewhere().is_some() || (snapshot.login.is_some() && target.may_be_older())
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
