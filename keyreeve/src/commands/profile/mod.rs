//! `profile`: add, list, change and delete credentials.

mod add;
mod health;
mod link;
mod render;
mod rotate;

use keyreeve_broker::admin::profile_health;
use keyreeve_broker::admin::profiles::{self, find_profile};
use keyreeve_broker::wire::{OwnerLimitsView, ProfileDetailsView, ProfileView, ProfilesView};
use keyreeve_core::profile::{Name, SecretExposure};
use keyreeve_os::system::now;
use keyreeve_store::Store;

use crate::args::ProfileCommand;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Line;

pub(super) fn run(profile: ProfileCommand, context: &Context) -> Result<(), CommandError> {
    match profile {
        ProfileCommand::Add(args) => add::run(args, context),
        ProfileCommand::Rotate(args) => rotate::run(&args, context),
        ProfileCommand::Link(args) => link::link(&args.name, args.key.as_ref(), context),
        ProfileCommand::Unlink { name } => link::unlink(&name, context),
        ProfileCommand::List => list(context),
        ProfileCommand::Show { name } => show(&name, context),
        ProfileCommand::Remove { name } => remove(&name, context),
        ProfileCommand::Use { name } => {
            let store = context.open_store()?;
            profiles::set_default(&store, &name)?;
            let text = format!("Profile `{name}` is now the default");
            report(&name, &[Line::Success(text)], &store, context)
        }
        ProfileCommand::Rename { name, new_name } => {
            let store = context.open_store()?;
            profiles::rename(&store, &name, &new_name)?;
            let text = format!("Renamed profile `{name}` to `{new_name}`");
            report(&new_name, &[Line::Success(text)], &store, context)
        }
        ProfileCommand::Direct { name, exposure } => {
            let store = context.open_store()?;
            profiles::set_exposure(&store, &name, exposure)?;
            let text = match exposure {
                SecretExposure::Programs => {
                    format!("Programs you start with profile `{name}` now get its raw key")
                }
                SecretExposure::RequestsOnly => {
                    format!("The raw key of profile `{name}` is never given to programs")
                }
            };
            report(&name, &[Line::Success(text)], &store, context)
        }
        ProfileCommand::Resume { name } => {
            let store = context.open_store()?;
            let resumed = profile_health::resume(&store, &name)?;
            report(&name, &health::resumed(&name, resumed), &store, context)
        }
        ProfileCommand::Pause { name, until } => {
            let store = context.open_store_to_take_away()?;
            let paused = profile_health::pause(&store, &name, until)?;
            let lines = health::paused(&name, paused, until, &context.clock());
            report(&name, &lines, &store, context)
        }
        ProfileCommand::Drain { name } => {
            let store = context.open_store_to_take_away()?;
            profile_health::drain(&store, &name)?;
            report(&name, &health::drained(&name), &store, context)
        }
    }
}

fn list(context: &Context) -> Result<(), CommandError> {
    let snapshot = context.open_store()?.lease_snapshot()?;
    let view = ProfilesView::new(&snapshot, context.snapshot.now);
    let clock = context.clock();
    Ok(context.output.show(&view, |view| {
        render::list(view, &snapshot.policy.to_profiles(), &clock)
    })?)
}

fn show(name: &Name, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let (snapshot, clock) = (store.lease_snapshot()?, context.clock());
    let profile = find_profile(&snapshot.policy, name)?;
    let view = ProfileDetailsView {
        profile: ProfileView::new(profile, &snapshot, clock.now),
        limits: OwnerLimitsView::for_profile(profile, &store.limits()?, clock.now).limits,
    };
    Ok(context
        .output
        .show(&view, |view| render::details(view, profile, &clock))?)
}

fn remove(name: &Name, context: &Context) -> Result<(), CommandError> {
    let removed = profiles::remove(&context.open_store_to_take_away()?, name)?;
    let mut view = ProfileView::new(&removed.profile, &removed.before, context.snapshot.now);
    view.default = false;
    Ok(context.output.report(&view, &render::removed(&removed))?)
}

/// Prints the result of a change, and the changed profile under `--json`.
fn report(
    name: &Name,
    lines: &[Line],
    store: &Store,
    context: &Context,
) -> Result<(), CommandError> {
    Ok(context.output.report(&changed_view(store, name)?, lines)?)
}

/// Returns the view of a profile after a change.
fn changed_view(store: &Store, name: &Name) -> Result<ProfileView, CommandError> {
    let snapshot = store.lease_snapshot()?;
    let profile = find_profile(&snapshot.policy, name)?;
    // The change is later than the time of the context.
    Ok(ProfileView::new(profile, &snapshot, now()))
}
