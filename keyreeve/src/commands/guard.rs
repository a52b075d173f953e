//! `guard`: whether who is meant to pay would pay, for scripts.

use keyreeve_broker::view::{ExpectedView, GuardView};
use keyreeve_core::launch::diverted_by_project;
use keyreeve_core::resolve::{Client, Expected, Sureness, resolve};
use keyreeve_core::snapshot::Snapshot;

use crate::error::{CommandError, Exit};
use crate::output::{Format, from_home};
use crate::settings::Guard;
use crate::wiring::World;

pub(super) fn run(guard: &Guard, world: &World) -> Result<(), CommandError> {
    let snapshot = world.look(&guard.started.arguments)?.snapshot;
    let bound = || {
        snapshot
            .binding()
            .and_then(|binding| binding.expect.clone())
    };
    let expected = guard.expect.clone().or_else(bound).ok_or_else(|| {
        CommandError::new(Exit::Usage, "nobody is meant to pay here")
            .hint("keyreeve guard --expect plan")
    })?;
    let resolution = resolve(&snapshot, guard.started.client);
    let judged = expected.judge(&resolution, &snapshot);
    goes_straight(guard.started.client, &snapshot)?;
    if world.output.format() == Format::Json {
        world.output.document(&GuardView {
            expected: ExpectedView::of(&expected, &judged),
            resolution: (&resolution).into(),
        })?;
    }
    let sure = judged.map_err(|unexpected| {
        let told = from_home(&unexpected.to_string(), snapshot.home.as_deref());
        CommandError::new(Exit::Policy, told).because(unknown(&expected, &snapshot))
    })?;
    let pays = match sure {
        Sureness::Sure => "pays",
        Sureness::Likely => "likely pays",
    };
    let told = format!("{expected} {pays}: {}", resolution.headline());
    if world.output.format() == Format::Human {
        world
            .output
            .data(&from_home(&told, snapshot.home.as_deref()))?;
    }
    Ok(())
}

/// Nothing of the project's leads what is sent past somebody else: whoever reads the credential there could pay with it.
///
/// # Errors
/// With the file and the line.
fn goes_straight(client: Client, snapshot: &Snapshot) -> Result<(), CommandError> {
    let diverted = match client {
        Client::ClaudeCode { sources, .. } => diverted_by_project(snapshot, sources),
        // None of them reads Claude Code's settings.
        Client::SdkPython(_) | Client::SdkTypescript(_) | Client::Keyreeve => None,
    };
    diverted.map_or(Ok(()), |offence| {
        let told = format!("{offence}, which leads what is sent past somebody else");
        let error = CommandError::new(Exit::Policy, from_home(&told, snapshot.home.as_deref()));
        Err(error.hint("keyreeve doctor"))
    })
}

/// Why nobody could ever be who is meant.
pub(super) fn unknown(expected: &Expected, snapshot: &Snapshot) -> Option<String> {
    match expected {
        Expected::Profile(name) if snapshot.own.profiles.iter().all(|it| it.name != *name) => {
            Some(format!("there is no profile `{name}`"))
        }
        Expected::Profile(_)
        | Expected::Plan
        | Expected::Metered
        | Expected::Cloud
        | Expected::Gateway => None,
    }
}
