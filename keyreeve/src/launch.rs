//! Launch preparation shared by `exec` and `env`: selects the credential, plans the environment, verifies the plan, and
//! obtains the secret.
//!
//! Invariant: no secret is decrypted before its plan is verified.

use std::sync::Arc;

use keyreeve_broker::admin::profiles::find_profile;
use keyreeve_broker::read_variable_credential;
use keyreeve_core::binding::Expected;
use keyreeve_core::origin::BaseUrl;
use keyreeve_core::profile::{Name, Profile, Source};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_resolver::launch::{
    LaunchError, LaunchGoal, LaunchPlan, LaunchWarning, ProjectOverride, ProjectSettingsPolicy,
    Target, UnknownEffectPolicy, VerifiedPlan, check_connection, list_project_overrides,
    list_unknown_effects, plan, verify,
};
use keyreeve_resolver::resolve::{ExpectedPayer, check_payer_exists};
use keyreeve_resolver::snapshot::{KeyreeveState, Snapshot};
use keyreeve_store::Policy;

use crate::args::LaunchArgs;
use crate::context::{self, Context};
use crate::error::{CommandError, Exit};
use crate::output::abbreviate_home;
use crate::runtime::BlockingRuntime;

/// The credential of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LaunchCredential<'a> {
    /// This profile.
    Profile(&'a Name),
    /// The program's own login.
    Native,
    /// The profile bound to the directory, or else the default profile.
    Default,
}

impl<'a> LaunchCredential<'a> {
    /// Returns the credential of the named profile, or the default.
    pub(crate) fn of_profile(name: Option<&'a Name>) -> Self {
        name.map_or(Self::Default, Self::Profile)
    }
}

/// A verified launch plan and the source of its secret.
pub(crate) struct PreparedLaunch {
    pub(crate) plan: LaunchPlan,
    pub(crate) verified: VerifiedPlan,
    source: SecretSource,
}

/// The source of the secret that a program gets.
enum SecretSource {
    /// There is none.
    OwnLogin,
    /// This profile.
    Profile(Box<Profile>),
    /// It was read from a variable.
    Variable(Secret),
}

/// Plans a launch and verifies the plan. Starts nothing and decrypts nothing.
///
/// # Errors
/// Exit 4 if there is no credential, 8 if a rule forbids the launch.
pub(crate) fn prepare(
    (launch, credential): (&LaunchArgs, LaunchCredential<'_>),
    target: &Target,
    context: &Context,
) -> Result<PreparedLaunch, CommandError> {
    let store = context.open_store()?;
    let policy = store.policy()?;
    let snapshot = context.gather(&target.arguments, context::keyreeve_state(&policy));
    let profile = selected_profile(credential, target, &policy, &snapshot)?;
    let goal = profile
        .as_ref()
        .map_or(LaunchGoal::OwnLogin, LaunchGoal::Profile);
    let (plan, verified) = plan_and_verify((launch, target), goal, &snapshot, context)?;
    let source = profile.map_or(SecretSource::OwnLogin, |profile| {
        SecretSource::Profile(Box::new(profile))
    });
    Ok(PreparedLaunch {
        plan,
        verified,
        source,
    })
}

/// Plans a launch with the credential of a variable and verifies the plan. No store is opened or created, so no binding
/// and no profile applies.
///
/// # Errors
/// Exit 4 if the variable has no usable credential, 8 if a rule forbids the launch.
pub(crate) fn prepare_with_variable(
    launch: &LaunchArgs,
    (variable, base_url): (&str, BaseUrl),
    target: &Target,
    context: &Context,
) -> Result<PreparedLaunch, CommandError> {
    let environment = &context.snapshot.environment;
    let now = context.snapshot.now;
    let (profile, secret) = read_variable_credential(variable, base_url, environment, now)
        .map_err(|error| CommandError::from_error(Exit::Credential, &error))?;
    let state = KeyreeveState {
        profiles: vec![profile.clone()],
        ..KeyreeveState::default()
    };
    let snapshot = context.gather(&target.arguments, state);
    let goal = LaunchGoal::Variable(&profile);
    let (plan, verified) = plan_and_verify((launch, target), goal, &snapshot, context)?;
    Ok(PreparedLaunch {
        plan,
        verified,
        source: SecretSource::Variable(secret),
    })
}

/// Plans the start of Claude Code for signing in, in the login directory of the profile that would pay. Nothing is
/// verified, since there is no login yet, and no secret is given to it.
///
/// # Errors
/// Exit 8 if this program may not use the login.
pub(crate) fn prepare_sign_in(
    launch: &LaunchArgs,
    target: &Target,
    context: &Context,
) -> Result<LaunchPlan, CommandError> {
    let store = context.open_store()?;
    let policy = store.policy()?;
    let snapshot = context.gather(&target.arguments, context::keyreeve_state(&policy));
    let credential = LaunchCredential::of_profile(launch.profile.as_ref());
    let profile = selected_profile(credential, target, &policy, &snapshot)?;
    let is_login = |profile: &&Profile| matches!(profile.source, Source::ClaudeLogin { .. });
    let goal = profile
        .as_ref()
        .filter(is_login)
        .map_or(LaunchGoal::OwnLogin, LaunchGoal::Profile);
    Ok(plan(&snapshot, goal, target)?)
}

/// Plans and verifies a launch through our gateway, once for each profile the key may use: all must meet the expectation.
/// Returns the plan for the first profile.
///
/// # Errors
/// See [`prepare`].
pub(crate) fn prepare_with_gateway(
    (launch, target): (&LaunchArgs, &Target),
    (gateway, profiles): (&BaseUrl, &[Profile]),
    policy: &Policy,
    context: &Context,
) -> Result<(LaunchPlan, VerifiedPlan), CommandError> {
    let snapshot = context.gather(&target.arguments, context::keyreeve_state(policy));
    let mut first = None;
    for profile in profiles {
        let goal = LaunchGoal::Gateway { gateway, profile };
        let prepared = plan_and_verify((launch, target), goal, &snapshot, context)?;
        first.get_or_insert(prepared);
    }
    first.ok_or_else(|| {
        CommandError::new(Exit::Credential, "the key has no profile left").fix("keyreeve key list")
    })
}

/// Returns the profile that pays for a program behind our gateway.
///
/// # Errors
/// Exit 4 if no profile is selected.
pub(crate) fn profile_for_gateway(
    launch: &LaunchArgs,
    target: &Target,
    policy: &Policy,
    context: &Context,
) -> Result<Profile, CommandError> {
    let snapshot = context.gather(&target.arguments, context::keyreeve_state(policy));
    let credential = LaunchCredential::of_profile(launch.profile.as_ref());
    selected_profile(credential, target, policy, &snapshot)?.ok_or_else(no_profile_error)
}

/// Plans a launch and verifies that the plan's credential would be used, by the expected payer.
fn plan_and_verify(
    (launch, target): (&LaunchArgs, &Target),
    goal: LaunchGoal<'_>,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<(LaunchPlan, VerifiedPlan), CommandError> {
    if let Some(expected) = &launch.expect {
        check_payer_exists(expected, &snapshot.keyreeve.profiles)?;
    }
    let mut plan = plan(snapshot, goal, target)?;
    let environment = Arc::new(plan.environment(&snapshot.environment));
    let planned_snapshot =
        context.gather_with_environment(environment, &target.arguments, snapshot.keyreeve.clone());
    let overrides = list_project_overrides(&planned_snapshot, &plan, target);
    match launch.project {
        ProjectSettingsPolicy::Refuse if !overrides.is_empty() => {
            return Err(LaunchError::ProjectSettings { overrides }.into());
        }
        ProjectSettingsPolicy::Allow if overrides.iter().any(ProjectOverride::starts_program) => {
            plan.scrub_subprocesses();
        }
        ProjectSettingsPolicy::Refuse | ProjectSettingsPolicy::Allow => {}
    }
    let effects = match launch.unknown {
        UnknownEffectPolicy::Refuse => list_unknown_effects(&planned_snapshot, &plan, target),
        UnknownEffectPolicy::Allow => Vec::new(),
    };
    let proxy_warning = check_connection(&planned_snapshot, &plan, target)?;
    let verified = verify(planned_snapshot, &plan, target)?;
    if !effects.is_empty() {
        return Err(LaunchError::UnknownEffects { effects }.into());
    }
    for expected in launch.expect.iter().chain(expected_payer(snapshot)) {
        verified.check_expected(expected, &plan)?;
    }
    plan.warnings.extend(proxy_warning);
    plan.warnings.extend(other_than_bound(goal, snapshot));
    Ok((plan, verified))
}

impl PreparedLaunch {
    /// Obtains the profile's secret if the plan exposes it, else an empty one.
    ///
    /// # Errors
    /// Exit 4 if the secret is unavailable, 8 if it may not be given to the program or would not be used.
    pub(crate) fn with_secret(
        self,
        context: &Context,
    ) -> Result<(LaunchPlan, VerifiedPlan, Secret), CommandError> {
        let Self {
            plan,
            verified,
            source,
        } = self;
        let secret = match source {
            SecretSource::Profile(profile) if plan.exposes_secret() => {
                resolve_secret(&profile, context)?
            }
            SecretSource::Variable(secret) => secret,
            SecretSource::Profile(_) | SecretSource::OwnLogin => Secret::new(String::new()),
        };
        verified.check_secret(secret.expose_for(Sink::Program), &plan)?;
        Ok((plan, verified, secret))
    }
}

/// Returns the profile that pays, or `None` for the program's own login. A profile whose row does not verify is
/// refused: it may name another program, directory or address.
fn selected_profile(
    credential: LaunchCredential<'_>,
    target: &Target,
    policy: &Policy,
    snapshot: &Snapshot,
) -> Result<Option<Profile>, CommandError> {
    let profile = find_selected(credential, target, policy, snapshot)?;
    if let Some(profile) = &profile {
        policy.check_profile(profile.id)?;
    }
    Ok(profile)
}

fn find_selected(
    credential: LaunchCredential<'_>,
    target: &Target,
    policy: &Policy,
    snapshot: &Snapshot,
) -> Result<Option<Profile>, CommandError> {
    match credential {
        LaunchCredential::Native => Ok(None),
        LaunchCredential::Profile(name) => Ok(Some(find_profile(policy, name)?.clone())),
        LaunchCredential::Default => match snapshot.selected_profile() {
            Some(profile) => Ok(Some(profile.clone())),
            None if snapshot
                .expected_payers()
                .contains(&ExpectedPayer::RemovedProfile) =>
            {
                Err(removed_profile_error(snapshot))
            }
            None if target.has_login() => Ok(None),
            None => Err(no_profile_error()),
        },
    }
}

fn no_profile_error() -> CommandError {
    CommandError::new(
        Exit::Credential,
        "no profile is selected for this directory, and `--profile` is not given",
    )
    .fix("keyreeve exec --profile NAME -- PROGRAM")
}

/// Returns the error for a directory whose profile was removed: no other credential is used instead.
fn removed_profile_error(snapshot: &Snapshot) -> CommandError {
    let directory = snapshot.binding().map(|binding| binding.directory.as_str());
    let text = format!(
        "{} is bound to a profile that was removed",
        directory.unwrap_or("this directory")
    );
    CommandError::new(
        Exit::Credential,
        abbreviate_home(&text, snapshot.home.as_deref()),
    )
    .hint("To use another credential this time, pass `--profile NAME` or `--native`")
    .fix("keyreeve bind --profile NAME")
}

/// Returns the warning that the user named another credential than that of the directory's binding.
fn other_than_bound(goal: LaunchGoal<'_>, snapshot: &Snapshot) -> Option<LaunchWarning> {
    let bound = snapshot.binding()?.profile?;
    let profiles = &snapshot.keyreeve.profiles;
    let bound = profiles.iter().find(|profile| profile.id == bound)?;
    let is_bound = match goal {
        LaunchGoal::Profile(profile)
        | LaunchGoal::Variable(profile)
        | LaunchGoal::Gateway { profile, .. } => profile.id == bound.id,
        LaunchGoal::OwnLogin => bound.source == Source::ClaudeLogin { config_dir: None },
    };
    (!is_bound).then(|| LaunchWarning::NotTheBoundProfile(bound.name.clone()))
}

/// Returns the expected payer of this directory's binding.
fn expected_payer(snapshot: &Snapshot) -> Option<&Expected> {
    snapshot.binding()?.expect.as_ref()
}

fn resolve_secret(profile: &Profile, context: &Context) -> Result<Secret, CommandError> {
    let broker = context::owner_access(context)?.broker;
    let credential = BlockingRuntime::current_thread()?.block_on(async {
        let credential = broker.program_secret(profile).await;
        broker.finish_pending().await;
        credential
    })?;
    // The plan was verified for this address, and the credential is bound to it.
    credential
        .expose_for(profile.base_url.origin())
        .map(|secret| Secret::new(secret.to_owned()))
        .map_err(|error| CommandError::from_error(Exit::Policy, &error))
}
