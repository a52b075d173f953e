//! `profile resume`, `pause`, `drain`.

use keyreeve_core::health::{self, Health, HealthScope, ManualAction};
use keyreeve_core::profile::{Name, Profile};
use keyreeve_os::system::now;
use keyreeve_store::{LeaseSnapshot, Store};

use super::render;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::relative_time;
use crate::profiles::find;

pub(super) fn apply(
    name: &Name,
    action: ManualAction,
    context: &Context,
) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let snapshot = store.lease_snapshot()?;
    let profile = find(&snapshot.policy, name)?;
    let output = &context.output;
    match action {
        ManualAction::Resume => resume(profile, &store, &snapshot, context)?,
        ManualAction::Pause { until } => match update(profile, action, &store)? {
            Health::Drained { .. } => {
                output.note(&format!("Profile `{name}` is drained and stays drained"));
                output.fix(&format!("keyreeve profile resume {name}"));
            }
            Health::Ready | Health::Cooldown(_) | Health::Blocked { .. } | Health::Dead { .. } => {
                let until = relative_time(until, &context.clock());
                output.success(&format!("Paused profile `{name}` until {until}"));
                output.hint(&format!(
                    "End the pause earlier: `keyreeve profile resume {name}`"
                ));
            }
        },
        ManualAction::Drain => {
            update(profile, action, &store)?;
            output.success(&format!(
                "Drained profile `{name}`: it gets no new requests"
            ));
            output.hint(&format!("Use it again: `keyreeve profile resume {name}`"));
        }
    }
    render::print_changed(name, &store, context)
}

fn update(profile: &Profile, action: ManualAction, store: &Store) -> Result<Health, CommandError> {
    let (scope, at) = (HealthScope::Credential(profile.id), now());
    let changed = store.update_health(&scope, move |health| {
        health::apply_action(health, action, at)
    })?;
    Ok(changed.after)
}

/// Resumes every scope that applies to the profile.
fn resume(
    profile: &Profile,
    store: &Store,
    snapshot: &LeaseSnapshot,
    context: &Context,
) -> Result<(), CommandError> {
    let organization = snapshot.health.organization(profile.id);
    let mut is_shared = false;
    for (scope, _) in snapshot.health.iter() {
        match scope {
            HealthScope::Credential(id) | HealthScope::CredentialClass(id, _)
                if *id == profile.id => {}
            HealthScope::Organization(found) | HealthScope::OrganizationClass(found, _)
                if Some(found) == organization =>
            {
                is_shared = true;
            }
            HealthScope::Credential(_)
            | HealthScope::CredentialClass(..)
            | HealthScope::Organization(_)
            | HealthScope::OrganizationClass(..) => continue,
        }
        let at = now();
        store.update_health(scope, move |health| {
            health::apply_action(health, ManualAction::Resume, at)
        })?;
    }
    let name = &profile.name;
    context.output.success(&format!("Resumed profile `{name}`"));
    if is_shared {
        context
            .output
            .note("This also resumed the other profiles of its organization");
    }
    Ok(())
}
