//! `import`: plans which credentials of another program become profiles, prints the plan, and applies it.
//!
//! Invariants: the other program's files are never changed; a dry run writes nothing, not even a store; both print the same
//! plan.

mod gather;
mod render;

use keyreeve_broker::admin::new_id;
use keyreeve_broker::wire::{ImportView, Stage};
use keyreeve_core::api::Api;
use keyreeve_core::profile::{Profile, ProfileId, SecretExposure, Source};
use keyreeve_os::system::now;
use keyreeve_resolver::import::{
    ExistingProfile, ExistingSource, ImportAction, ImportPlan, NewProfile, plan,
};
use keyreeve_store::Store;

use crate::args::ImportArgs;
use crate::context::{self, Context};
use crate::error::CommandError;
use crate::output::Format;

pub(super) fn run(import: &ImportArgs, context: &Context) -> Result<(), CommandError> {
    let gathered = gather::gather(import, context)?;
    let store = open_store(import, context)?;
    let existing = store.as_ref().map_or(Ok(Vec::new()), existing_profiles)?;
    let reference = (!gathered.is_default).then_some(gathered.directory.as_str());
    let mut plan = plan(import.from, reference, &gathered.files, &existing);
    plan.notes.splice(0..0, gathered.notes);
    let stage = match &store {
        Some(store) if !import.dry_run => {
            apply(&plan, store)?;
            Stage::Done
        }
        Some(_) | None => Stage::Planned,
    };
    let view = ImportView::new(import.from, &gathered.directory, &plan, stage);
    match context.output.format() {
        Format::Json => Ok(context.output.document(&view)?),
        Format::Human => render::import(&view, context),
    }
}

/// Opens the store. A dry run does not create a missing one.
fn open_store(import: &ImportArgs, context: &Context) -> Result<Option<Store>, CommandError> {
    if import.dry_run && !Store::exists(&context::store_paths(&context.dirs()?)) {
        return Ok(None);
    }
    context.open_store().map(Some)
}

/// Returns the existing profiles. An encrypted secret is decrypted only for its fingerprint.
fn existing_profiles(store: &Store) -> Result<Vec<ExistingProfile>, CommandError> {
    let policy = store.policy()?;
    let to_existing = |profile: &Profile| ExistingProfile {
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

fn apply(plan: &ImportPlan, store: &Store) -> Result<(), CommandError> {
    for entry in &plan.entries {
        match &entry.action {
            ImportAction::Create(new_profile) => add_profile(new_profile, store)?,
            ImportAction::Reuse { .. } | ImportAction::Skip(_) | ImportAction::Conflict { .. } => {}
        }
    }
    Ok(())
}

fn add_profile(new_profile: &NewProfile, store: &Store) -> Result<(), CommandError> {
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
