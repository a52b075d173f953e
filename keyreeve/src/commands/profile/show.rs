//! Profiles as people and programs see them.

use keyreeve_broker::view::{ProfileView, ProfilesView, SourceView};
use keyreeve_core::profile::{Name, Profile};
use keyreeve_store::{Known, Store};

use super::{find, standing};
use crate::error::CommandError;
use crate::output::{Align, Format, Table, to_the_minute};
use crate::wiring::World;

pub(super) fn list(world: &World) -> Result<(), CommandError> {
    let view = ProfilesView::of(&world.store()?.known()?, world.snapshot.now);
    if world.output.format() == Format::Json {
        return Ok(world.output.document(&view)?);
    }
    if view.profiles.is_empty() {
        world.output.note("there is no profile yet");
        world.output.hint("keyreeve profile add NAME");
        return Ok(());
    }
    Ok(world.output.table(&table(&view.profiles))?)
}

/// The profiles as columns.
pub(in crate::commands) fn table(profiles: &[ProfileView]) -> Table {
    let columns = ["profile", "secret", "sent to", "as", "billed", "standing"]
        .map(|title| (title, Align::Left));
    let mut table = Table::new(&columns);
    for profile in profiles {
        let mark = if profile.default { " (default)" } else { "" };
        table.row([
            format!("{}{mark}", profile.name),
            secret(profile),
            profile.base_url.clone(),
            profile.auth.to_owned(),
            billed(profile).to_owned(),
            standing::state(&profile.standing),
        ]);
    }
    table
}

pub(super) fn one(name: &Name, world: &World) -> Result<(), CommandError> {
    let known = world.store()?.known()?;
    let view = ProfileView::of(find(&known.policy, name)?, &known, world.snapshot.now);
    if world.output.format() == Format::Json {
        return Ok(world.output.document(&view)?);
    }
    let mut lines = vec![
        ("secret", secret(&view)),
        ("sent to", view.base_url.clone()),
        ("as", view.auth.to_owned()),
        ("billed", billed(&view).to_owned()),
        ("provenance", view.provenance.to_owned()),
        ("raw secret", handed(view.handing).to_owned()),
        ("added", to_the_minute(&view.created_at)),
    ];
    lines.extend(
        view.expires_at
            .as_deref()
            .map(|at| ("expires", to_the_minute(at))),
    );
    lines.extend(
        view.rotated_at
            .as_deref()
            .map(|at| ("rotated", to_the_minute(at))),
    );
    lines.push(("standing", standing::state(&view.standing)));
    for reason in &view.standing.reasons {
        lines.extend(standing::reason(reason));
    }
    let mark = if view.default { " (default)" } else { "" };
    world.output.headline(&format!("{}{mark}", view.name))?;
    for (what, value) in lines {
        world.output.data(&format!("{what:<12} {value}"))?;
    }
    Ok(())
}

/// After a change, programs get the profile as it is now; people were told already.
pub(super) fn changed(name: &Name, store: &Store, world: &World) -> Result<(), CommandError> {
    if world.output.format() == Format::Json {
        let known = store.known()?;
        let profile = find(&known.policy, name)?;
        // What was just done is not before now.
        let view = ProfileView::of(profile, &known, keyreeve_os::world::now());
        world.output.document(&view)?;
    }
    Ok(())
}

/// After a removal, programs get the profile as it was.
pub(super) fn gone(profile: &Profile, known: &Known, world: &World) -> Result<(), CommandError> {
    if world.output.format() == Format::Json {
        let mut view = ProfileView::of(profile, known, world.snapshot.now);
        view.default = false;
        world.output.document(&view)?;
    }
    Ok(())
}

fn secret(profile: &ProfileView) -> String {
    match &profile.source {
        SourceView::Sealed => profile.hint.clone().unwrap_or_default(),
        SourceView::Environment { variable } => format!("${variable}"),
        SourceView::File { path } => path.clone(),
        SourceView::Command { argv } => argv.join(" "),
        SourceView::SdkProfile {
            directory: None,
            name,
        } => format!("SDK profile {name}"),
        SourceView::SdkProfile {
            directory: Some(directory),
            name,
        } => format!("SDK profile {name} in {directory}"),
        SourceView::Ant { profile: None } => "the login of ant".to_owned(),
        SourceView::Ant {
            profile: Some(theirs),
        } => format!("the login of ant, profile {theirs}"),
        SourceView::ClaudeLogin { config_dir: None } => "Claude Code's own login".to_owned(),
        SourceView::ClaudeLogin {
            config_dir: Some(directory),
        } => format!("Claude Code's own login in {directory}"),
    }
}

fn handed(handing: &str) -> &'static str {
    match handing {
        "direct" => "may be handed to programs",
        _ => "leaves in requests only",
    }
}

fn billed(profile: &ProfileView) -> &'static str {
    if profile.simulated {
        "nobody (simulated)"
    } else {
        profile.billing
    }
}
