//! The import of another program's credentials: reads its files, plans new profiles, and adds them.
//!
//! Invariant: the other program's files are never changed.

mod files;

use std::sync::Arc;

use keyreeve_core::api::Api;
use keyreeve_core::profile::{Profile, ProfileId, SecretExposure, Source};
use keyreeve_os::system::now;
use keyreeve_resolver::import::{
    self, ExistingProfile, ExistingSource, ImportAction, ImportPlan, NewProfile,
};
use keyreeve_store::Store;

use super::{AdminError, new_id};

pub use files::ImportFiles;

/// Plans the import of files, in addition to the profiles of the store if there is one. Writes nothing.
///
/// # Errors
/// [`AdminError::Store`].
pub fn plan(files: &ImportFiles, store: Option<&Store>) -> Result<ImportPlan, AdminError> {
    let existing = store.map_or(Ok(Vec::new()), existing_profiles)?;
    let mut plan = import::plan(
        files.program,
        files.reference_directory(),
        &files.files,
        &existing,
    );
    plan.notes.splice(0..0, files.notes.iter().cloned());
    Ok(plan)
}

/// Adds the new profiles of a plan.
///
/// # Errors
/// [`AdminError::Store`], [`AdminError::NoRandomness`]. Profiles added before the error remain.
pub fn apply(store: &Store, plan: &ImportPlan) -> Result<(), AdminError> {
    for entry in &plan.entries {
        match &entry.action {
            ImportAction::Create(new_profile) => add_profile(store, new_profile)?,
            ImportAction::Reuse { .. } | ImportAction::Skip(_) | ImportAction::Conflict { .. } => {}
        }
    }
    Ok(())
}

/// Returns the existing profiles. An encrypted secret is decrypted only for its fingerprint.
fn existing_profiles(store: &Store) -> Result<Vec<ExistingProfile>, AdminError> {
    let policy = store.policy()?;
    let to_existing = |profile: &Arc<Profile>| ExistingProfile {
        name: profile.name.clone(),
        base_url: profile.base_url.clone(),
        source: match &profile.source {
            Source::Sealed => ExistingSource::Sealed(
                store
                    .unseal(profile)
                    .ok()
                    .map(|secret| secret.fingerprint()),
            ),
            reference @ (Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. }
            | Source::SdkProfile { .. }
            | Source::Ant { .. }
            | Source::ClaudeLogin { .. }) => ExistingSource::Reference(reference.clone()),
        },
    };
    Ok(policy.profiles().iter().map(to_existing).collect())
}

/// Adds a profile. The first one that is not a plan login becomes the default.
fn add_profile(store: &Store, new_profile: &NewProfile) -> Result<(), AdminError> {
    let profile = Profile {
        id: ProfileId(new_id()?),
        name: new_profile.name.clone(),
        source: new_profile.source.clone(),
        base_url: new_profile.base_url.clone(),
        auth: new_profile.auth,
        provenance: new_profile.provenance,
        billing: new_profile.billing,
        family: new_profile.family,
        hint: new_profile.hint.clone(),
        secret_exposure: SecretExposure::RequestsOnly,
        simulated: Api::from_base_url(&new_profile.base_url) == Api::Sandbox,
        expires_at: None,
        created_at: now(),
        rotated_at: None,
    };
    store.add_profile(&profile, new_profile.secret.as_ref())?;
    if !profile.is_plan_login() && store.policy()?.default_profile().is_none() {
        store.use_profile(profile.id)?;
    }
    Ok(())
}
