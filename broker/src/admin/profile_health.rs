//! Health that an owner sets: resume, pause or drain a profile.

use jiff::Timestamp;
use keyreeve_core::health::{self, Health, HealthScope, ManualAction};
use keyreeve_core::profile::Name;
use keyreeve_os::system::now;
use keyreeve_store::Store;

use super::AdminError;
use super::profiles::find_profile;

/// The scopes that were resumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resumed {
    /// Only the profile's own.
    Profile,
    /// Also its organization's, which other profiles share.
    Organization,
}

/// The result of a pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paused {
    /// The profile is paused.
    Paused,
    /// The profile is drained and stays drained.
    StaysDrained,
}

/// Uses a profile again: resumes every scope that applies to it.
///
/// # Errors
/// [`AdminError::UnknownProfile`].
pub fn resume(store: &Store, name: &Name) -> Result<Resumed, AdminError> {
    let snapshot = store.lease_snapshot()?;
    let profile = find_profile(&snapshot.policy, name)?;
    let organization = snapshot.health.organization(profile.id);
    let mut resumed = Resumed::Profile;
    for (scope, _) in snapshot.health.iter() {
        match scope {
            HealthScope::Credential(id) | HealthScope::CredentialClass(id, _)
                if *id == profile.id => {}
            HealthScope::Organization(found) | HealthScope::OrganizationClass(found, _)
                if Some(found) == organization =>
            {
                resumed = Resumed::Organization;
            }
            HealthScope::Credential(_)
            | HealthScope::CredentialClass(..)
            | HealthScope::Organization(_)
            | HealthScope::OrganizationClass(..) => continue,
        }
        apply(store, scope, ManualAction::Resume)?;
    }
    Ok(resumed)
}

/// Takes a profile out of use until a time.
///
/// # Errors
/// [`AdminError::UnknownProfile`].
pub fn pause(store: &Store, name: &Name, until: Timestamp) -> Result<Paused, AdminError> {
    let health = apply_to_credential(store, name, ManualAction::Pause { until })?;
    Ok(match health {
        Health::Drained { .. } => Paused::StaysDrained,
        Health::Ready | Health::Cooldown(_) | Health::Blocked { .. } | Health::Dead { .. } => {
            Paused::Paused
        }
    })
}

/// Takes a profile out of use until it is resumed.
///
/// # Errors
/// [`AdminError::UnknownProfile`].
pub fn drain(store: &Store, name: &Name) -> Result<(), AdminError> {
    apply_to_credential(store, name, ManualAction::Drain).map(|_| ())
}

fn apply_to_credential(
    store: &Store,
    name: &Name,
    action: ManualAction,
) -> Result<Health, AdminError> {
    let id = find_profile(&*store.policy()?, name)?.id;
    apply(store, &HealthScope::Credential(id), action)
}

fn apply(store: &Store, scope: &HealthScope, action: ManualAction) -> Result<Health, AdminError> {
    let at = now();
    let changed = store.update_health(scope, move |health| {
        health::apply_action(health, action, at)
    })?;
    Ok(changed.after)
}
