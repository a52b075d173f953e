//! `status`: who would pay for a client's next request, why, and what keyreeve keeps.

use keyreeve_broker::view::{KeysView, ProfilesView, RungView, StatusView};
use keyreeve_core::resolve::resolve;
use keyreeve_core::snapshot::Own;

use super::{key, profile};
use crate::error::CommandError;
use crate::output::{Align, Format, Table, counted};
use crate::settings::{Detail, Status};
use crate::wiring::World;

pub(super) fn run(status: Status, world: &World) -> Result<(), CommandError> {
    let known = world.store()?.known()?;
    let own = Own {
        profiles: known.policy.profiles().to_vec(),
        default: known.policy.default_profile(),
        bindings: Vec::new(),
    };
    let snapshot = world.gather(&status.arguments, own);
    let resolution = resolve(&snapshot, status.client);
    let (profiles, keys) = (
        ProfilesView::of(&known, world.snapshot.now).profiles,
        KeysView::of(&known.policy, world.snapshot.now).keys,
    );
    let view = StatusView {
        resolution: (&resolution).into(),
        profiles,
        keys,
    };
    if world.output.format() == Format::Json {
        return Ok(world.output.document(&view)?);
    }
    world.output.headline(&view.resolution.headline)?;
    match status.detail {
        Detail::Short => tell_shortly(&view, world)?,
        Detail::Full => tell(&view, world)?,
    }
    profile::warn_of_ends(known.policy.profiles(), world);
    Ok(())
}

fn tell_shortly(view: &StatusView, world: &World) -> Result<(), CommandError> {
    world.output.data(&format!(
        "{}, {}",
        counted(view.profiles.len(), "profile"),
        counted(view.keys.len(), "key")
    ))?;
    world.output.hint("keyreeve status, or keyreeve --help");
    Ok(())
}

fn tell(view: &StatusView, world: &World) -> Result<(), CommandError> {
    world.output.data("\n")?;
    world.output.table(&rungs(&view.resolution.rungs))?;
    if !view.profiles.is_empty() {
        world.output.data("\n")?;
        world.output.table(&profile::table(&view.profiles))?;
    }
    if !view.keys.is_empty() {
        world.output.data("\n")?;
        world.output.table(&key::table(&view.keys))?;
    }
    Ok(())
}

fn rungs(rungs: &[RungView]) -> Table {
    let mut table = Table::new(&[
        ("looked at", Align::Left),
        ("what became of it", Align::Left),
    ]);
    for rung in rungs {
        table.row([rung.place.place.clone(), became(rung)]);
    }
    table
}

fn became(rung: &RungView) -> String {
    let pays = rung
        .would_pay
        .as_ref()
        .map_or_else(String::new, |payer| format!("; would pay: {}", payer.class));
    match (&rung.fills, &rung.shadowed_by, &rung.problem) {
        (Some(header), _, _) => format!("sent as {header}"),
        (_, Some(by), _) => format!("passed over: {by} is stronger{pays}"),
        (_, _, Some(problem)) => problem.clone(),
        (None, None, None) => match rung.state {
            "absent" => "not set".to_owned(),
            "empty" => "set to nothing, which counts as not set".to_owned(),
            "on" => "on: a cloud account is used".to_owned(),
            state => state.to_owned(),
        },
    }
}
