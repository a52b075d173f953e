//! `profile rotate`: replace a sealed secret. A setup-token is asked for as it was when it was added.

use keyreeve_core::profile::{Name, Profile, Provenance, Source};
use keyreeve_core::secret::Secret;
use keyreeve_os::world::now;

use super::{find, pasted, setup_token, show};
use crate::error::{CommandError, Exit};
use crate::settings::{Given, PlanToken};
use crate::wiring::World;

pub(super) fn run(
    name: &Name,
    from: Given,
    plan: PlanToken,
    world: &World,
) -> Result<(), CommandError> {
    let store = world.store()?;
    let policy = store.policy()?;
    let profile = find(&policy, name)?;
    is_ours(profile)?;
    let (changed, secret) = match profile.provenance {
        Provenance::SetupToken => renewed(profile, from, plan, world)?,
        Provenance::Console
        | Provenance::Federation
        | Provenance::AntLogin
        | Provenance::Gateway
        | Provenance::Unknown => pasted(profile, from, plan, world)?,
    };
    store.rotate_profile(&changed, &secret)?;
    world
        .output
        .note(&format!("profile `{name}` has a new secret"));
    if let (Provenance::SetupToken, Some(expires_at)) = (changed.provenance, changed.expires_at) {
        let what = setup_token::what_for(name.as_str(), expires_at);
        world.output.note(&what);
    }
    world
        .output
        .note("the old one is still valid where it was made: delete it there");
    show::changed(name, &store, world)
}

fn renewed(
    profile: &Profile,
    from: Given,
    plan: PlanToken,
    world: &World,
) -> Result<(Profile, Secret), CommandError> {
    let command = format!("keyreeve profile rotate {}", profile.name);
    let taken = setup_token::take(from, plan, &command, world)?;
    let changed = Profile {
        family: Some(setup_token::FAMILY),
        hint: Some(taken.hint),
        expires_at: Some(taken.expires_at),
        rotated_at: Some(now()),
        ..profile.clone()
    };
    Ok((changed, taken.secret))
}

fn pasted(
    profile: &Profile,
    from: Given,
    plan: PlanToken,
    world: &World,
) -> Result<(Profile, Secret), CommandError> {
    let name = &profile.name;
    if plan != PlanToken::default() {
        let message = format!("--consent and --made are for setup-tokens, and `{name}` is none");
        let hint = format!("keyreeve profile rotate {name}");
        return Err(CommandError::new(Exit::Usage, message).hint(hint));
    }
    let instead = format!("keyreeve profile rotate {name} --stdin");
    let taken = pasted::take(from, profile.api(), world, &instead)?;
    let changed = Profile {
        family: Some(taken.family),
        hint: Some(taken.hint),
        rotated_at: Some(now()),
        ..profile.clone()
    };
    Ok((changed, taken.secret))
}

/// Refuses where another program or a file has the secret.
fn is_ours(profile: &Profile) -> Result<(), CommandError> {
    let place = match &profile.source {
        Source::Sealed => return Ok(()),
        Source::Environment { variable } => format!("the variable {variable}"),
        Source::File { path } => path.clone(),
        Source::Command { .. } => "a program".to_owned(),
        Source::SdkProfile { name, .. } => format!("the SDK profile {name}"),
        Source::Ant { .. } => "`ant`".to_owned(),
        Source::ClaudeLogin { .. } => "Claude Code".to_owned(),
    };
    let name = &profile.name;
    Err(CommandError::new(
        Exit::Failed,
        format!("profile `{name}` has no secret of its own to replace"),
    )
    .because([format!("it takes its secret from {place} each time")])
    .hint(format!("keyreeve profile show {name}")))
}
