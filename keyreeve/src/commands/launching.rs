//! What `exec` and `env` have in common: from what is meant to a plan that holds, and the secret it needs.
//!
//! Invariant: no secret is opened before the plan was judged.

use std::sync::Arc;

use keyreeve_core::credential::Credential;
use keyreeve_core::inject;
use keyreeve_core::launch::{
    Intention, Judged, Offence, Plan, ProjectSettings, Refusal, Target, inspect_project, judge,
    plan,
};
use keyreeve_core::origin::BaseUrl;
use keyreeve_core::profile::Profile;
use keyreeve_core::resolve::Expected;
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::snapshot::Snapshot;
use keyreeve_core::token::Family;
use keyreeve_store::Policy;

use super::profile;
use crate::error::{CommandError, Exit};
use crate::settings::{Launch, Meant};
use crate::wiring::{self, World};

/// A plan that holds.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) judged: Judged,
    profile: Option<Profile>,
}

/// Plans and judges.
///
/// # Errors
/// Exit 4 where there is no credential, 8 where a rule stands in the way; nothing was started or opened.
pub(super) fn prepare(
    launch: &Launch,
    target: &Target,
    world: &World,
) -> Result<Prepared, CommandError> {
    let store = world.store()?;
    let policy = store.policy()?;
    let snapshot = world.gather(&target.arguments, wiring::own(&policy));
    let profile = meant(launch, target, &policy, &snapshot)?;
    let intention = profile
        .as_ref()
        .map_or(Intention::Native, Intention::Profile);
    let (plan, judged) = hold((launch, target), intention, (&policy, &snapshot), world)?;
    Ok(Prepared {
        plan,
        judged,
        profile,
    })
}

/// Plans for a program that goes through a gateway of ours, and judges it for every profile that may pay there: all
/// must be as meant. What is given is for the first.
///
/// # Errors
/// As of [`prepare`].
pub(super) fn prepare_behind(
    (launch, target): (&Launch, &Target),
    (gateway, profiles): (&BaseUrl, &[Profile]),
    policy: &Policy,
    world: &World,
) -> Result<(Plan, Judged), CommandError> {
    let snapshot = world.gather(&target.arguments, wiring::own(policy));
    let mut first = None;
    for profile in profiles {
        let intention = Intention::Behind { gateway, profile };
        let held = hold((launch, target), intention, (policy, &snapshot), world)?;
        first.get_or_insert(held);
    }
    first.ok_or_else(|| {
        CommandError::new(Exit::Credential, "the key leads to no profile").hint("keyreeve key list")
    })
}

/// The profile that is meant to pay behind a gateway of ours.
///
/// # Errors
/// Exit 4 where none is.
pub(super) fn meant_behind(
    launch: &Launch,
    target: &Target,
    policy: &Policy,
    world: &World,
) -> Result<Profile, CommandError> {
    let snapshot = world.gather(&target.arguments, wiring::own(policy));
    meant(launch, target, policy, &snapshot)?.ok_or_else(none_chosen)
}

/// Makes a plan that holds.
fn hold(
    (launch, target): (&Launch, &Target),
    intention: Intention<'_>,
    (policy, snapshot): (&Policy, &Snapshot),
    world: &World,
) -> Result<(Plan, Judged), CommandError> {
    let mut plan = plan(snapshot, intention, target)?;
    let environment = Arc::new(plan.environment(&snapshot.environment));
    let planned = world.gather_over(environment, &target.arguments, wiring::own(policy));
    let offences = inspect_project(&planned, &plan, target);
    match launch.project {
        ProjectSettings::Refused if !offences.is_empty() => {
            return Err(Refusal::Project { offences }.into());
        }
        ProjectSettings::Allowed if offences.iter().any(Offence::starts_program) => plan.scrub(),
        ProjectSettings::Refused | ProjectSettings::Allowed => {}
    }
    let judged = judge(planned, &plan, target)?;
    for expected in launch.expect.iter().chain(bound(snapshot)) {
        judged.meets(expected, &plan)?;
    }
    Ok((plan, judged))
}

impl Prepared {
    /// Opens the profile's secret, where the plan needs it.
    ///
    /// # Errors
    /// Exit 4 where it cannot be had, 8 where it turns out to be one that may not be handed over, or that would not be used.
    pub(super) fn open(self, world: &World) -> Result<(Plan, Judged, Secret), CommandError> {
        let Self {
            plan,
            judged,
            profile,
        } = self;
        let secret = match profile {
            Some(profile) if plan.hands_secret() => opened(&profile, world)?,
            Some(_) | None => Secret::new(String::new()),
        };
        judged.takes(secret.expose_for(Sink::Program), &plan)?;
        Ok((plan, judged, secret))
    }
}

/// The profile that is meant; none for the program's own login.
fn meant(
    launch: &Launch,
    target: &Target,
    policy: &Policy,
    snapshot: &Snapshot,
) -> Result<Option<Profile>, CommandError> {
    match &launch.meant {
        Meant::Native => Ok(None),
        Meant::Profile(name) => Ok(Some(profile::find(policy, name)?.clone())),
        Meant::Chosen => match snapshot.own_profile() {
            Some(profile) => Ok(Some(profile.clone())),
            None if target.has_login() => Ok(None),
            None => Err(none_chosen()),
        },
    }
}

fn none_chosen() -> CommandError {
    CommandError::new(
        Exit::Credential,
        "no profile is chosen here, and none is named",
    )
    .hint("keyreeve exec --profile NAME -- PROGRAM")
}

/// Who is meant to pay in this directory.
fn bound(snapshot: &Snapshot) -> Option<&Expected> {
    snapshot.binding()?.expect.as_ref()
}

fn opened(profile: &Profile, world: &World) -> Result<Secret, CommandError> {
    let broker = wiring::owner(world)?.broker;
    let credential = wiring::waiting(async {
        let credential = if profile.is_plan_login() {
            broker.plan_login(profile).await
        } else {
            broker.direct(profile).await
        };
        broker.settled().await;
        credential
    })??;
    allowed(profile, &credential)?;
    // The address the program is given is the one that the credential is bound to: the plan was judged for that.
    let own = credential.expose_for(profile.base_url.origin());
    own.map(|secret| Secret::new(secret.to_owned()))
        .map_err(|error| CommandError::of(Exit::Policy, &error))
}

/// What was fetched only now may be something that is not handed over.
fn allowed(profile: &Profile, credential: &Credential) -> Result<(), CommandError> {
    if profile.is_plan_login() && credential.family() == Family::OauthAccess {
        return Ok(());
    }
    inject::decide(
        profile.api().facing(profile.auth),
        credential.family(),
        credential.provenance(),
    )
    .map(|_| ())
    .map_err(|refusal| {
        let what = format!(
            "the credential of profile `{}` may not be used here",
            profile.name
        );
        CommandError::new(Exit::Policy, what).caused_by(&refusal)
    })
}
