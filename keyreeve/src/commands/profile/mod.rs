//! `profile`: keep credentials, list them, replace them, forget them.

mod add;
mod link;
mod rotate;
mod setup_token;
mod show;
pub(super) mod standing;

pub(super) use add::keep;
pub(super) use show::{billed, secret, warn_of_ends};

use keyreeve_core::profile::{Handing, Name, Profile};
use keyreeve_core::virtual_key::VirtualKey;
use keyreeve_store::Policy;

use super::pasted;
use crate::error::{CommandError, Exit};
use crate::settings;
use crate::wiring::World;

pub(super) fn run(profile: settings::Profile, world: &World) -> Result<(), CommandError> {
    match profile {
        settings::Profile::Add(profile) => add::run(profile, world),
        settings::Profile::List => show::list(world),
        settings::Profile::Show(name) => show::one(&name, world),
        settings::Profile::Use(name) => choose(&name, world),
        settings::Profile::Rename { name, new_name } => rename(&name, &new_name, world),
        settings::Profile::Rotate { name, from, plan } => rotate::run(&name, from, plan, world),
        settings::Profile::Link { name, key } => link::link(&name, key.as_ref(), world),
        settings::Profile::Unlink(name) => link::unlink(&name, world),
        settings::Profile::Hand { name, handing } => hand(&name, handing, world),
        settings::Profile::Remove(name) => remove(&name, world),
        settings::Profile::Act { name, act } => standing::act(&name, act, world),
    }
}

/// Finds a profile by what people call it.
///
/// # Errors
/// Exit 1 where there is none.
pub(super) fn find<'a>(policy: &'a Policy, name: &Name) -> Result<&'a Profile, CommandError> {
    policy
        .profiles()
        .iter()
        .find(|profile| profile.name == *name)
        .ok_or_else(|| {
            CommandError::new(Exit::Failed, format!("there is no profile `{name}`"))
                .hint("keyreeve profile list")
        })
}

/// The profile that is meant: the one named, else the default, else the only one there is.
///
/// # Errors
/// Exit 4 where there is none, exit 2 where it is not clear which.
pub(super) fn meant<'a>(
    policy: &'a Policy,
    named: Option<&Name>,
) -> Result<&'a Profile, CommandError> {
    if let Some(name) = named {
        return find(policy, name);
    }
    let default = policy.default_profile().and_then(|id| policy.profile(id));
    match (default, policy.profiles()) {
        (Some(profile), _) | (None, [profile]) => Ok(profile),
        (None, []) => Err(
            CommandError::new(Exit::Credential, "there is no profile yet")
                .hint("keyreeve profile add NAME"),
        ),
        (None, _) => Err(CommandError::new(
            Exit::Usage,
            "there are several profiles, and none is the default",
        )
        .hint("keyreeve profile use NAME")),
    }
}

fn choose(name: &Name, world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    store.use_profile(find(&*store.policy()?, name)?.id)?;
    world
        .output
        .note(&format!("profile `{name}` is the default now"));
    show::changed(name, &store, world)
}

fn rename(name: &Name, new_name: &Name, world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    store.rename_profile(find(&*store.policy()?, name)?.id, new_name)?;
    world
        .output
        .note(&format!("profile `{name}` is called `{new_name}` now"));
    show::changed(new_name, &store, world)
}

fn hand(name: &Name, handing: Handing, world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    let policy = store.policy()?;
    let profile = find(&policy, name)?;
    if profile.is_plan_login() {
        return Err(CommandError::new(
            Exit::Policy,
            format!("profile `{name}` is a plan login, and those go to Claude Code alone"),
        )
        .hint(format!("keyreeve exec --profile {name} -- claude")));
    }
    store.hand_profile(profile.id, handing)?;
    world.output.note(&match handing {
        Handing::Direct => {
            format!("programs you start with profile `{name}` have its secret in their environment")
        }
        Handing::Leased => format!("the secret of profile `{name}` leaves in requests only"),
    });
    show::changed(name, &store, world)
}

fn remove(name: &Name, world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    let known = store.known()?;
    let policy = &known.policy;
    let profile = find(policy, name)?;
    store.remove_profile(profile.id)?;
    world
        .output
        .note(&format!("profile `{name}` and its secret are gone"));
    let left = policy
        .keys()
        .iter()
        .filter(|key| key.profiles.contains(&profile.id));
    for key in left {
        world.output.note(&what_is_left(key, profile, policy));
    }
    show::gone(profile, &known, world)
}

fn what_is_left(key: &VirtualKey, gone: &Profile, policy: &Policy) -> String {
    let name = &key.name;
    let left = key.profiles.iter().filter(|id| **id != gone.id);
    let classes: Vec<_> = left
        .filter_map(|id| policy.profile(*id))
        .map(|profile| profile.billing)
        .collect();
    match classes.first() {
        None => format!("key `{name}` has no profile left"),
        Some(_) if classes.iter().any(|class| key.may_be_billed(*class)) => {
            format!("key `{name}` goes on without `{}`", gone.name)
        }
        Some(class) => format!(
            "key `{name}` has no profile left that is billed as it may be: `keyreeve key spend {name} {}` lets it go on",
            class.name()
        ),
    }
}
