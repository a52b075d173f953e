//! `profile`: add, list, change and delete credentials.

mod add;
mod health;
mod link;
mod render;
mod rotate;

use keyreeve_core::health::ManualAction;
use keyreeve_core::profile::{Name, Profile, SecretExposure};
use keyreeve_core::virtual_key::VirtualKey;
use keyreeve_store::Policy;

use crate::args::ProfileCommand;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::profiles::find;

pub(super) fn run(profile: ProfileCommand, context: &Context) -> Result<(), CommandError> {
    match profile {
        ProfileCommand::Add(args) => add::run(args, context),
        ProfileCommand::List => render::list(context),
        ProfileCommand::Show { name } => render::show(&name, context),
        ProfileCommand::Use { name } => set_default(&name, context),
        ProfileCommand::Rename { name, new_name } => rename(&name, &new_name, context),
        ProfileCommand::Rotate(args) => rotate::run(&args, context),
        ProfileCommand::Link(args) => link::link(&args.name, args.key.as_ref(), context),
        ProfileCommand::Unlink { name } => link::unlink(&name, context),
        ProfileCommand::Direct { name, exposure } => set_exposure(&name, exposure, context),
        ProfileCommand::Remove { name } => remove(&name, context),
        ProfileCommand::Resume { name } => health::apply(&name, ManualAction::Resume, context),
        ProfileCommand::Pause { name, until } => {
            health::apply(&name, ManualAction::Pause { until }, context)
        }
        ProfileCommand::Drain { name } => health::apply(&name, ManualAction::Drain, context),
    }
}

fn set_default(name: &Name, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    store.use_profile(find(&*store.policy()?, name)?.id)?;
    context
        .output
        .success(&format!("Profile `{name}` is now the default"));
    render::print_changed(name, &store, context)
}

fn rename(name: &Name, new_name: &Name, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    store.rename_profile(find(&*store.policy()?, name)?.id, new_name)?;
    context
        .output
        .success(&format!("Renamed profile `{name}` to `{new_name}`"));
    render::print_changed(new_name, &store, context)
}

fn set_exposure(
    name: &Name,
    exposure: SecretExposure,
    context: &Context,
) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let policy = store.policy()?;
    let profile = find(&policy, name)?;
    if profile.is_plan_login() {
        return Err(CommandError::new(
            Exit::Policy,
            format!("profile `{name}` is a plan login, which only Claude Code may use"),
        )
        .fix(format!("keyreeve exec --profile {name} -- claude")));
    }
    store.set_secret_exposure(profile.id, exposure)?;
    context.output.success(&match exposure {
        SecretExposure::Programs => {
            format!("Programs you start with profile `{name}` now get its raw key")
        }
        SecretExposure::RequestsOnly => {
            format!("The raw key of profile `{name}` is never given to programs")
        }
    });
    render::print_changed(name, &store, context)
}

fn remove(name: &Name, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let snapshot = store.lease_snapshot()?;
    let policy = &snapshot.policy;
    let profile = find(policy, name)?;
    store.remove_profile(profile.id)?;
    context
        .output
        .success(&format!("Deleted profile `{name}` and its secret"));
    let keys = policy
        .keys()
        .iter()
        .filter(|key| key.revoked_at.is_none() && key.profiles.contains(&profile.id));
    for key in keys {
        let remaining = describe_remaining(key, profile, policy);
        context.output.note(&remaining);
    }
    render::print_removed(profile, &snapshot, context)
}

/// Describes what a key can still use after a profile was deleted.
fn describe_remaining(key: &VirtualKey, deleted: &Profile, policy: &Policy) -> String {
    let name = &key.name;
    let remaining = key.profiles.iter().filter(|id| **id != deleted.id);
    let classes: Vec<_> = remaining
        .filter_map(|id| policy.profile(*id))
        .map(|profile| profile.billing)
        .collect();
    match classes.first() {
        None => format!("Key `{name}` has no profiles left"),
        Some(_) if classes.iter().any(|class| key.allows_billing(*class)) => {
            format!("Key `{name}` still works, without `{}`", deleted.name)
        }
        Some(class) => format!(
            "Key `{name}` may not use its remaining profiles, which have {0} billing. To allow it: `keyreeve key allow-billing {name} {0}`",
            class.name()
        ),
    }
}
