//! `profile wake`, `rest`, `drain`, `enable`; and how a standing is told.

use keyreeve_broker::view::{ReasonView, StandingView};
use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::standing::{self, Act, Scope, Standing};
use keyreeve_os::world::now;
use keyreeve_store::{Known, Store};

use super::{find, show};
use crate::error::CommandError;
use crate::output::{to_the_minute, to_the_second};
use crate::wiring::World;

pub(super) fn act(name: &Name, act: Act, world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    let known = store.known()?;
    let profile = find(&known.policy, name)?;
    match act {
        Act::Wake => wake(profile, &store, &known, world)?,
        Act::Rest { until } => {
            let until = to_the_second(&until.to_string());
            match change(profile, act, &store)? {
                Standing::Drained { .. } => drained(name, world),
                _ => world
                    .output
                    .note(&format!("profile `{name}` rests until {until}")),
            }
        }
        Act::Drain => {
            change(profile, act, &store)?;
            world.output.note(&format!(
                "profile `{name}` is left out until `keyreeve profile enable {name}`"
            ));
        }
        Act::Enable => match change(profile, act, &store)? {
            Standing::Ready => world.output.note(&format!("profile `{name}` is in use")),
            Standing::Resting(_)
            | Standing::Blocked { .. }
            | Standing::Dead { .. }
            | Standing::Drained { .. } => still(name, world),
        },
    }
    show::changed(name, &store, world)
}

fn change(profile: &Profile, act: Act, store: &Store) -> Result<Standing, CommandError> {
    let (scope, at) = (Scope::Credential(profile.id), now());
    let changed =
        store.update_standing(&scope, move |standing| standing::act(standing, act, at))?;
    Ok(changed.after)
}

fn still(name: &Name, world: &World) {
    world
        .output
        .note(&format!("profile `{name}` was not drained; it still rests"));
    world.output.hint(&format!("keyreeve profile wake {name}"));
}

fn drained(name: &Name, world: &World) {
    world
        .output
        .note(&format!("profile `{name}` is drained, and stays so"));
    world
        .output
        .hint(&format!("keyreeve profile enable {name}"));
}

/// Wakes every scope the profile stands under.
fn wake(
    profile: &Profile,
    store: &Store,
    known: &Known,
    world: &World,
) -> Result<(), CommandError> {
    let organization = known.standings.organization(profile.id);
    let mut shared = false;
    for (scope, _) in known.standings.iter() {
        match scope {
            Scope::Credential(id) | Scope::CredentialClass(id, _) if *id == profile.id => {}
            Scope::Organization(found) | Scope::OrganizationClass(found, _)
                if Some(found) == organization =>
            {
                shared = true;
            }
            Scope::Credential(_)
            | Scope::CredentialClass(..)
            | Scope::Organization(_)
            | Scope::OrganizationClass(..) => continue,
        }
        let at = now();
        store.update_standing(scope, move |standing| {
            standing::act(standing, Act::Wake, at)
        })?;
    }
    let name = &profile.name;
    let own = store.known()?.standings.of(&Scope::Credential(profile.id));
    if let Standing::Drained { .. } = own {
        drained(name, world);
        return Ok(());
    }
    world.output.note(&format!("profile `{name}` is in use"));
    if shared {
        world
            .output
            .note("and so are all profiles of its organization, which rested together");
    }
    Ok(())
}

/// How a profile stands, in a few words.
pub(in crate::commands) fn state(standing: &StandingView) -> String {
    let because = standing
        .reasons
        .iter()
        .find(|reason| reason.class.is_none() && reason.state == standing.state)
        .and_then(|reason| reason.code)
        .map_or_else(String::new, |code| format!(" ({code})"));
    let until = standing
        .until
        .as_deref()
        .map_or_else(String::new, |at| format!(" until {}", to_the_minute(at)));
    let some = standing
        .reasons
        .iter()
        .any(|reason| reason.class.is_some() && reason.state != "ready");
    let some = if some { ", but not for all models" } else { "" };
    format!("{}{until}{because}{some}", standing.state)
}

/// Why, line by line.
pub(super) fn reason(reason: &ReasonView) -> Vec<(&'static str, String)> {
    let whose = match &reason.class {
        Some(class) => format!("the {} for {class}", reason.scope),
        None => format!("the {}", reason.scope),
    };
    let why = reason.code.unwrap_or("a person");
    let mut lines = vec![
        (
            "  whose",
            format!(
                "{whose} is {}, since {}",
                reason.state,
                to_the_second(&reason.since)
            ),
        ),
        (
            "  why",
            match reason.evidence {
                Some(evidence) => format!("{why}, by the answer's {evidence}"),
                None => why.to_owned(),
            },
        ),
    ];
    lines.extend(reason.until.as_deref().map(|at| {
        let by = reason.time_source.unwrap_or_default();
        ("  until", format!("{}, by the {by}", to_the_second(at)))
    }));
    lines.extend(
        reason
            .next_probe
            .as_deref()
            .map(|at| ("  next probe", to_the_second(at))),
    );
    lines.extend(reason.remedy.map(|remedy| ("  remedy", remedy.to_owned())));
    lines
}
