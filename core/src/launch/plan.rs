//! The environment a program is started with: which variables go, and which come.

use crate::origin::{BaseUrl, Origin};
use crate::profile::{Auth, Name, Profile};
use crate::resolve::PayerClass;
use crate::rivals::MANAGED_BY_HOST;
use crate::snapshot::{Environment, Snapshot};
use crate::token::Family;

use super::refusal::Refusal;
use super::target::Target;
use super::way::{LoginDirectory, Way, background};

/// Keeps credentials from the programs that Claude Code starts: hooks, tools, MCP servers.
const SCRUB: &str = "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB";

/// What is meant to pay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intention<'a> {
    /// One of keyreeve's profiles.
    Profile(&'a Profile),
    /// A gateway of ours, by a virtual key that leads to this profile.
    Behind {
        /// Where it listens.
        gateway: &'a BaseUrl,
        /// Who pays behind it.
        profile: &'a Profile,
    },
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
    /// Where its secret may go.
    pub(super) base_url: BaseUrl,
    family: Option<Family>,
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
        Intention::Behind { gateway, profile } => (
            Way::behind(gateway, profile)?,
            Some(Whose {
                family: None,
                ..Whose::of(profile)
            }),
        ),
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
    pub(super) fn text(name: &'static str, text: &str) -> Self {
        Self {
            name,
            text: Some(text.to_owned()),
        }
    }

    pub(super) fn secret(name: &'static str) -> Self {
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
            base_url: profile.base_url.clone(),
            family: profile.family,
        }
    }
}
