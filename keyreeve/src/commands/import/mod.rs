//! `import`: plans what of another program's files becomes a profile, shows it, and does it.
//!
//! Invariants: nothing over there is changed; a dry run writes nothing, not even a store; both show the same plan.

mod gather;
mod show;

use keyreeve_broker::view::{ImportView, Stage};
use keyreeve_core::api::Api;
use keyreeve_core::import::{Known, KnownSource, Outcome, Plan, Take, plan};
use keyreeve_core::profile::{Handing, Profile, ProfileId, Source};
use keyreeve_os::world::now;
use keyreeve_store::Store;

use crate::error::CommandError;
use crate::output::Format;
use crate::settings::{Import, Run};
use crate::wiring::{self, World};

pub(super) fn run(import: &Import, world: &World) -> Result<(), CommandError> {
    let gathered = gather::gather(import, world)?;
    let store = store(import.run, world)?;
    let known = store.as_ref().map_or(Ok(Vec::new()), known)?;
    let reference = (!gathered.is_usual).then_some(gathered.directory.as_str());
    let mut plan = plan(import.kind, reference, &gathered.files, &known);
    plan.notes.splice(0..0, gathered.notes);
    let stage = match (import.run, &store) {
        (Run::Real, Some(store)) => {
            apply(&plan, store)?;
            Stage::Done
        }
        (Run::Real | Run::Dry, _) => Stage::Planned,
    };
    let view = ImportView::of(import.kind, &gathered.directory, &plan, stage);
    match world.output.format() {
        Format::Json => Ok(world.output.document(&view)?),
        Format::Human => show::show(&view, world),
    }
}

/// The store; a dry run makes none.
fn store(run: Run, world: &World) -> Result<Option<Store>, CommandError> {
    let made = Store::is_made(&wiring::store_places(&world.places()?));
    match run {
        Run::Dry if !made => Ok(None),
        Run::Dry | Run::Real => world.store().map(Some),
    }
}

/// The profiles there are. A sealed secret is opened for its mark alone.
fn known(store: &Store) -> Result<Vec<Known>, CommandError> {
    let policy = store.policy()?;
    let known = |profile: &Profile| Known {
        name: profile.name.clone(),
        base_url: profile.base_url.clone(),
        source: match &profile.source {
            Source::Sealed => KnownSource::Sealed(
                store
                    .unseal(profile)
                    .ok()
                    .map(|secret| secret.fingerprint()),
            ),
            elsewhere @ (Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. }
            | Source::SdkProfile { .. }
            | Source::Ant { .. }
            | Source::ClaudeLogin { .. }) => KnownSource::Elsewhere(elsewhere.clone()),
        },
    };
    Ok(policy.profiles().iter().map(known).collect())
}

fn apply(plan: &Plan, store: &Store) -> Result<(), CommandError> {
    for entry in &plan.entries {
        match &entry.outcome {
            Outcome::Take(take) => add(take, store)?,
            Outcome::Same { .. } | Outcome::Leave(_) | Outcome::Conflict { .. } => {}
        }
    }
    Ok(())
}

fn add(take: &Take, store: &Store) -> Result<(), CommandError> {
    let profile = Profile {
        id: ProfileId(wiring::fresh_id()?),
        name: take.name.clone(),
        source: take.source.clone(),
        base_url: take.base_url.clone(),
        auth: take.auth,
        provenance: take.provenance,
        billing: take.billing,
        family: take.family,
        hint: take.hint.clone(),
        handing: Handing::Leased,
        simulated: Api::at(&take.base_url) == Api::Sandbox,
        expires_at: None,
        created_at: now(),
        rotated_at: None,
    };
    store.add_profile(&profile, take.secret.as_ref())?;
    if !profile.is_plan_login() && store.policy()?.default_profile().is_none() {
        store.use_profile(profile.id)?;
    }
    Ok(())
}
