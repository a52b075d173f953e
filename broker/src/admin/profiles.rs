//! Operations on profiles.
//!
//! Invariant: a plan token is stored as a plan, and never replaces another kind of secret.

use keyreeve_core::api::Api;
use keyreeve_core::origin::BaseUrl;
use keyreeve_core::profile::{
    Auth, BillingClass, Name, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::token::Family;
use keyreeve_core::virtual_key::VirtualKey;
use keyreeve_os::environment::Environment;
use keyreeve_os::programs;
use keyreeve_os::system::now;
use keyreeve_store::{LeaseSnapshot, Policy, Store};

use super::new_secret::{NewSecret, StoredSecret, check_secret};
use super::{AdminError, new_id};
use crate::{SdkProfileError, sdk_profile_provenance};

/// The settings of a new profile.
#[derive(PartialEq, Eq, Debug)]
pub struct ProfileSettings {
    /// The name of the profile.
    pub name: Name,
    /// The one base URL its secret may be sent to.
    pub base_url: BaseUrl,
    /// The API there.
    pub api: Api,
    /// The header that carries the secret; `None` for the default of its source.
    pub auth: Option<Auth>,
    /// The programs that may receive the raw secret.
    pub exposure: SecretExposure,
}

impl ProfileSettings {
    /// Returns the settings with the defaults for an API.
    pub fn with_defaults(name: Name, base_url: BaseUrl, api: Api) -> Self {
        Self {
            name,
            base_url,
            api,
            auth: None,
            exposure: SecretExposure::RequestsOnly,
        }
    }
}

/// A profile that was added.
pub struct AddedProfile {
    /// The profile.
    pub profile: Profile,
    /// The reason its SDK profile is not usable yet.
    pub sdk_problem: Option<SdkProfileError>,
}

/// A profile that was removed.
pub struct RemovedProfile {
    /// The profile.
    pub profile: Profile,
    /// The policy and the health before it was removed.
    pub before: LeaseSnapshot,
    /// The keys that used it.
    pub keys: Vec<AffectedKey>,
}

/// A key that used a removed profile.
#[derive(PartialEq, Eq, Debug)]
pub struct AffectedKey {
    /// The key.
    pub name: Name,
    /// The profiles it has left.
    pub remaining: RemainingProfiles,
}

/// The profiles that a key has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RemainingProfiles {
    /// No profile.
    None,
    /// At least one that it may use.
    Usable,
    /// Only profiles of billing classes that it may not use; the first of them.
    OtherBilling(BillingClass),
}

/// Finds a profile by name.
///
/// # Errors
/// [`AdminError::UnknownProfile`].
pub fn find_profile<'a>(policy: &'a Policy, name: &Name) -> Result<&'a Profile, AdminError> {
    let mut profiles = policy.profiles().iter();
    profiles
        .find(|profile| profile.name == *name)
        .map(AsRef::as_ref)
        .ok_or_else(|| AdminError::UnknownProfile(name.clone()))
}

/// Finds the named profile, else the default one, else the only one.
///
/// # Errors
/// [`AdminError::UnknownProfile`], [`AdminError::NoProfiles`], [`AdminError::NoDefaultProfile`].
pub fn find_or_default<'a>(
    policy: &'a Policy,
    name: Option<&Name>,
) -> Result<&'a Profile, AdminError> {
    if let Some(name) = name {
        return find_profile(policy, name);
    }
    match (default_profile(policy), policy.profiles()) {
        (Some(profile), _) => Ok(profile),
        (None, [profile]) => Ok(profile),
        (None, []) => Err(AdminError::NoProfiles),
        (None, _) => Err(AdminError::NoDefaultProfile),
    }
}

/// Finds a profile with this source and base URL.
pub fn find_same<'a>(
    policy: &'a Policy,
    source: &Source,
    base_url: &BaseUrl,
) -> Option<&'a Profile> {
    let mut profiles = policy.profiles().iter().map(AsRef::as_ref);
    profiles.find(|profile: &&Profile| profile.source == *source && profile.base_url == *base_url)
}

/// Finds a profile whose secret can be replaced, before its user is asked for a new one.
///
/// # Errors
/// [`AdminError::UnknownProfile`]; [`AdminError::NoStoredSecret`] if it has a reference.
pub fn find_rotatable<'a>(policy: &'a Policy, name: &Name) -> Result<&'a Profile, AdminError> {
    let profile = find_profile(policy, name)?;
    match &profile.source {
        Source::Sealed => Ok(profile),
        source @ (Source::Environment { .. }
        | Source::File { .. }
        | Source::Command { .. }
        | Source::SdkProfile { .. }
        | Source::Ant { .. }
        | Source::ClaudeLogin { .. }) => Err(AdminError::NoStoredSecret {
            name: name.clone(),
            source_of_secret: source.clone(),
        }),
    }
}

/// Checks that a name is free, before the user is asked for a secret.
///
/// # Errors
/// [`AdminError::ProfileExists`].
pub fn check_name_free(policy: &Policy, name: &Name) -> Result<(), AdminError> {
    match find_profile(policy, name) {
        Ok(_) => Err(AdminError::ProfileExists(name.clone())),
        Err(_) => Ok(()),
    }
}

/// Adds a profile. The first one becomes the default. The program of a command is looked up once, in the `PATH` of
/// `environment`, and not again by a daemon in another directory.
///
/// # Errors
/// [`AdminError::ProfileExists`]; [`AdminError::NotACredential`], [`AdminError::NeverSent`] or
/// [`AdminError::MadeOutOfRange`] for a secret; [`AdminError::NoProgram`] or [`AdminError::ProgramNotFound`] for a command.
pub fn add(
    store: &Store,
    settings: ProfileSettings,
    secret: NewSecret,
    environment: &Environment,
) -> Result<AddedProfile, AdminError> {
    check_name_free(&*store.policy()?, &settings.name)?;
    let (source, stored) = match secret {
        NewSecret::Reference(source) => (with_found_program(source, environment)?, None),
        to_store @ (NewSecret::Pasted(_) | NewSecret::SetupToken { .. }) => {
            (Source::Sealed, check_secret(to_store, settings.api)?)
        }
    };
    let mut profile = new_profile(settings, source, stored.as_ref())?;
    let sdk_problem = set_sdk_provenance(&mut profile, environment).err();
    store.add_profile(&profile, stored.as_ref().map(|stored| &stored.secret))?;
    if store.policy()?.default_profile().is_none() {
        store.use_profile(profile.id)?;
    }
    Ok(AddedProfile {
        profile,
        sdk_problem,
    })
}

/// Replaces the stored secret of a profile by one of the same kind, and returns the changed profile.
///
/// # Errors
/// Those of [`find_rotatable`], [`AdminError::OtherKindOfSecret`], and those of [`add`] for a secret.
pub fn rotate(store: &Store, name: &Name, secret: NewSecret) -> Result<Profile, AdminError> {
    let policy = store.policy()?;
    let profile = find_rotatable(&policy, name)?;
    let is_setup_token = match &secret {
        NewSecret::SetupToken { .. } => true,
        NewSecret::Pasted(_) | NewSecret::Reference(_) => false,
    };
    let stored = check_secret(secret, profile.api())?;
    let Some(stored) =
        stored.filter(|_| is_setup_token == (profile.provenance == Provenance::SetupToken))
    else {
        return Err(AdminError::OtherKindOfSecret(name.clone()));
    };
    let changed = Profile {
        family: Some(stored.family),
        hint: Some(stored.hint),
        expires_at: stored.expires_at.or(profile.expires_at),
        rotated_at: Some(now()),
        ..profile.clone()
    };
    store.rotate_profile(&changed, &stored.secret)?;
    Ok(changed)
}

/// Renames a profile.
///
/// # Errors
/// [`AdminError::UnknownProfile`]; [`AdminError::Store`] for a name in use.
pub fn rename(store: &Store, name: &Name, new_name: &Name) -> Result<(), AdminError> {
    let id = find_profile(&*store.policy()?, name)?.id;
    Ok(store.rename_profile(id, new_name)?)
}

/// Makes a profile the default, and returns the name of the previous default, if it was another one.
///
/// # Errors
/// [`AdminError::UnknownProfile`].
pub fn set_default(store: &Store, name: &Name) -> Result<Option<Name>, AdminError> {
    let policy = store.policy()?;
    let profile = find_profile(&policy, name)?;
    let previous = default_profile(&policy).filter(|previous| previous.id != profile.id);
    store.use_profile(profile.id)?;
    Ok(previous.map(|previous| previous.name.clone()))
}

/// Sets the programs that may receive the raw secret of a profile.
///
/// # Errors
/// [`AdminError::UnknownProfile`], [`AdminError::PlanForClaudeOnly`].
pub fn set_exposure(
    store: &Store,
    name: &Name,
    exposure: SecretExposure,
) -> Result<(), AdminError> {
    let policy = store.policy()?;
    let profile = find_profile(&policy, name)?;
    if profile.is_plan_login() {
        return Err(AdminError::PlanForClaudeOnly(name.clone()));
    }
    Ok(store.set_secret_exposure(profile.id, exposure)?)
}

/// Removes a profile and deletes its secret. Keys lose it.
///
/// # Errors
/// [`AdminError::UnknownProfile`].
pub fn remove(store: &Store, name: &Name) -> Result<RemovedProfile, AdminError> {
    let before = store.lease_snapshot()?;
    let profile = find_profile(&before.policy, name)?.clone();
    store.remove_profile(profile.id)?;
    let keys = before.policy.keys().iter();
    let keys = keys.filter(|key| key.revoked_at.is_none() && key.profiles.contains(&profile.id));
    let keys = keys.map(|key| AffectedKey {
        name: key.name.clone(),
        remaining: remaining_profiles(key, profile.id, &before.policy),
    });
    Ok(RemovedProfile {
        keys: keys.collect(),
        profile,
        before,
    })
}

fn default_profile(policy: &Policy) -> Option<&Profile> {
    let profile = policy.profile(policy.default_profile()?)?;
    Some(profile)
}

fn remaining_profiles(key: &VirtualKey, removed: ProfileId, policy: &Policy) -> RemainingProfiles {
    let remaining = key.profiles.iter().filter(|id| **id != removed);
    let remaining = remaining.filter_map(|id| policy.profile(*id));
    let classes: Vec<BillingClass> = remaining.map(|profile| profile.billing).collect();
    match classes.first() {
        None => RemainingProfiles::None,
        Some(_) if classes.iter().any(|class| key.allows_billing(*class)) => {
            RemainingProfiles::Usable
        }
        Some(class) => RemainingProfiles::OtherBilling(*class),
    }
}

fn new_profile(
    settings: ProfileSettings,
    source: Source,
    stored: Option<&StoredSecret>,
) -> Result<Profile, AdminError> {
    let family = stored.map(|stored| stored.family);
    let api = settings.api;
    let provenance = api.provenance(&source, family.unwrap_or(Family::Opaque));
    let is_claude_login = matches!(source, Source::ClaudeLogin { .. });
    let billing = if is_claude_login || provenance == Provenance::SetupToken {
        BillingClass::Plan
    } else {
        api.billing()
    };
    Ok(Profile {
        id: ProfileId(new_id()?),
        name: settings.name,
        auth: settings
            .auth
            .unwrap_or_else(|| default_auth(&source, provenance, api)),
        source,
        base_url: settings.base_url,
        provenance,
        billing,
        family,
        hint: stored.map(|stored| stored.hint.clone()),
        secret_exposure: settings.exposure,
        simulated: api == Api::Sandbox,
        expires_at: stored.and_then(|stored| stored.expires_at),
        created_at: now(),
        rotated_at: None,
    })
}

/// Returns the header for a credential if none is given; a login is always a bearer token.
fn default_auth(source: &Source, provenance: Provenance, api: Api) -> Auth {
    match source {
        Source::SdkProfile { .. } | Source::Ant { .. } | Source::ClaudeLogin { .. } => Auth::Bearer,
        Source::Sealed if provenance == Provenance::SetupToken => Auth::Bearer,
        Source::Sealed
        | Source::Environment { .. }
        | Source::File { .. }
        | Source::Command { .. } => api.default_auth(),
    }
}

/// Reads the SDK profile now, if it exists, so that a problem is known at once and not with the first request.
fn set_sdk_provenance(
    profile: &mut Profile,
    environment: &Environment,
) -> Result<(), SdkProfileError> {
    if let Source::SdkProfile { directory, name } = &profile.source {
        profile.provenance =
            sdk_profile_provenance(profile, directory.as_deref(), name, environment)?;
    }
    Ok(())
}

/// Returns the source, with the absolute path of its program if it is a command.
fn with_found_program(source: Source, environment: &Environment) -> Result<Source, AdminError> {
    let Source::Command { mut argv } = source else {
        return Ok(source);
    };
    let path = environment.get("PATH").unwrap_or_default();
    let program = argv.first_mut().ok_or(AdminError::NoProgram)?;
    let found = programs::find(program, path);
    let Some(found) = found.and_then(|file| file.into_os_string().into_string().ok()) else {
        return Err(AdminError::ProgramNotFound(program.clone()));
    };
    *program = found;
    Ok(Source::Command { argv })
}
