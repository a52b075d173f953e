//! What was done and what comes next, for a person.

use keyreeve_core::profile::{Handing, Profile};

use super::SetUp;
use crate::error::CommandError;
use crate::wiring::World;

/// A command, and what it does.
pub(super) type Next = (String, &'static str);

/// What is about to be sent, or started.
pub(super) fn before_the_trial(profile: &Profile) -> String {
    if profile.is_plan_login() {
        "trying it: `claude` is started once, with a tiny question".to_owned()
    } else {
        format!("trying it: {} is asked for one token", profile.base_url)
    }
}

/// The commands to go on with.
pub(super) fn next(set_up: &SetUp) -> Vec<Next> {
    let name = &set_up.profile.name;
    let exec = (
        format!("keyreeve exec --profile {name} -- claude"),
        "start Claude Code so that this pays",
    );
    if set_up.profile.is_plan_login() {
        return vec![exec, ("keyreeve status".to_owned(), "see who would pay")];
    }
    let key = set_up.key.as_ref().map(|(key, _)| key);
    // Others are not handed out: the gateway uses them for whoever has a key.
    let mut next = match set_up.profile.handing {
        Handing::Direct => vec![exec],
        Handing::Leased => Vec::new(),
    };
    if key.is_none() {
        next.push((
            format!("keyreeve key add laptop --profile {name}"),
            "make a virtual key for your tools",
        ));
    }
    let key = key.map_or("laptop", |key| key.as_str());
    next.push(("keyreeve serve".to_owned(), "run the gateway"));
    next.push((
        format!("keyreeve connect claude-code --key {key}"),
        "settings to paste",
    ));
    next
}

/// Says what was done and what comes next.
pub(super) fn end(did: &[String], next: &[Next], world: &World) -> Result<(), CommandError> {
    world.output.data("\n")?;
    world.output.headline("Done")?;
    for line in did {
        world.output.data(&format!("  {line}"))?;
    }
    world.output.data("\n")?;
    world.output.headline("Next")?;
    let longest = next.iter().map(|(command, _)| command.len()).max();
    let width = longest.unwrap_or_default();
    for (command, what) in next {
        world.output.data(&format!("  {command:<width$}  {what}"))?;
    }
    Ok(())
}
