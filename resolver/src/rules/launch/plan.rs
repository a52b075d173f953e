//! The launch plan: the variables to remove from and to set in a program's environment.

use keyreeve_core::origin::BaseUrl;
use keyreeve_core::profile::{Auth, Name, Profile, Source};
use keyreeve_core::token::Family;
use keyreeve_os::environment::Environment;

use super::delivery::{CredentialDelivery, EnvAssignment, LaunchWarning, LoginDirectory};
use super::error::LaunchError;
use super::target::Target;
use crate::rules::resolve::PayerClass;
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{MANAGED_BY_HOST, SCRUB_SUBPROCESSES};

/// The credential that should pay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LaunchGoal<'a> {
    /// A keyreeve profile.
    Profile(&'a Profile),
    /// The credential in an environment variable, described as a profile that is saved nowhere.
    Variable(&'a Profile),
    /// Our own gateway, with a virtual key for this profile.
    Gateway {
        /// The base URL it listens on.
        gateway: &'a BaseUrl,
        /// The profile that pays behind it.
        profile: &'a Profile,
    },
    /// The program's own login.
    OwnLogin,
}

/// The changes to a program's environment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaunchPlan {
    /// The variables to remove, sorted by name.
    pub remove: Vec<String>,
    /// The variables to set.
    pub set: Vec<EnvAssignment>,
    /// Warnings for the user.
    pub warnings: Vec<LaunchWarning>,
    pub(super) delivery: CredentialDelivery,
    /// The profile, or `None` for the program's own login.
    pub(super) payer: Option<PayingProfile>,
}

/// The profile that pays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PayingProfile {
    pub(super) name: Name,
    /// The origin of its secret: `of profile work`, `from variable CI_KEY`.
    pub(super) label: String,
    pub(super) class: PayerClass,
    pub(super) simulated: bool,
    /// The only base URL its secret may be sent to.
    pub(super) base_url: BaseUrl,
    family: Option<Family>,
}

/// Plans the environment in which the goal's credential pays.
///
/// # Errors
/// [`LaunchError`] if this program may not use that credential.
pub fn plan(
    snapshot: &Snapshot,
    goal: LaunchGoal<'_>,
    target: &Target,
) -> Result<LaunchPlan, LaunchError> {
    let (delivery, payer) = match goal {
        LaunchGoal::OwnLogin if !target.has_login() => {
            return Err(LaunchError::NoOwnLogin {
                file: target.file.clone(),
            });
        }
        LaunchGoal::OwnLogin => {
            let directory = LoginDirectory::Current;
            (CredentialDelivery::Login { directory }, None)
        }
        LaunchGoal::Gateway { gateway, profile } => (
            CredentialDelivery::for_gateway(gateway, profile)?,
            Some(PayingProfile {
                family: None,
                ..PayingProfile::new(profile)
            }),
        ),
        LaunchGoal::Profile(profile) => (
            CredentialDelivery::new(profile, snapshot, target)?,
            Some(PayingProfile::new(profile)),
        ),
        LaunchGoal::Variable(profile) => (
            CredentialDelivery::new(profile, snapshot, target)?,
            Some(PayingProfile {
                label: format!("from variable {}", profile.name),
                ..PayingProfile::new(profile)
            }),
        ),
    };
    let mut warnings: Vec<_> = match (goal, &delivery) {
        (
            LaunchGoal::Profile(profile),
            CredentialDelivery::AuthToken {
                endpoint: Some(endpoint),
            },
        ) if profile.auth == Auth::ApiKey => {
            vec![LaunchWarning::SentAsBearer(endpoint.origin.clone())]
        }
        _ => Vec::new(),
    };
    let set = delivery.assignments(snapshot, target);
    let remove = delivery.variables_to_remove(snapshot, &set, &mut warnings);
    if let LaunchGoal::Variable(Profile {
        source: Source::Environment { variable },
        ..
    }) = goal
    {
        // The user named it, and its credential is what the program gets.
        warnings.retain(|warning| *warning != LaunchWarning::CredentialRemoved(variable.clone()));
    }
    Ok(LaunchPlan {
        remove,
        set,
        warnings,
        delivery,
        payer,
    })
}

impl LaunchPlan {
    /// Returns the planned environment, with a placeholder of the secret's family instead of the secret, for
    /// verification.
    pub fn environment(&self, environment: &Environment) -> Environment {
        let placeholder = self.placeholder();
        let set = self.set.iter().map(|assignment| {
            let value = assignment.value.as_deref().unwrap_or(&placeholder);
            (assignment.name, value)
        });
        environment.with_changes(&self.remove, set)
    }

    /// Returns `true` if the environment will contain the profile's secret.
    pub fn exposes_secret(&self) -> bool {
        self.set.iter().any(|assignment| assignment.value.is_none())
    }

    /// Removes the secret from the environment of subprocesses of Claude Code, which then does not start without
    /// `bubblewrap` (docs/facts.md#claude-code-host).
    pub fn scrub_subprocesses(&mut self) {
        self.set
            .push(EnvAssignment::literal(SCRUB_SUBPROCESSES, "1"));
    }

    /// Returns `true` if Claude Code ignores credentials in settings files (docs/facts.md#claude-code-host).
    pub(super) fn is_managed(&self) -> bool {
        self.set
            .iter()
            .any(|assignment| assignment.name == MANAGED_BY_HOST)
    }

    fn placeholder(&self) -> String {
        let family = self.payer.as_ref().and_then(|profile| profile.family);
        let prefix = match (&self.delivery, family) {
            (CredentialDelivery::OauthToken { .. }, _) | (_, Some(Family::OauthAccess)) => "oat01-",
            (_, Some(Family::ApiKey)) => "api03-",
            _ => return "planned".to_owned(),
        };
        ["sk-", "ant-", prefix, "planned"].concat()
    }
}

impl PayingProfile {
    fn new(profile: &Profile) -> Self {
        Self {
            name: profile.name.clone(),
            label: format!("of profile {}", profile.name),
            class: PayerClass::of_profile(profile),
            simulated: profile.simulated,
            base_url: profile.base_url.clone(),
            family: profile.family,
        }
    }
}
