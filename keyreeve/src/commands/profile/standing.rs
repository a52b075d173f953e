//! `profile wake`, `rest`, `drain`, `enable`; and how a standing is told.

use keyreeve_broker::view::{ProfileView, ReasonView, StandingView};
use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::standing::{self, Act, Scope, Standing};
use keyreeve_os::world::now;
use keyreeve_store::{Known, Store};

use super::{find, show};
use crate::error::CommandError;
use crate::output::{when, when_text};
use crate::wiring::World;
use keyreeve_core::clock::Clock;

pub(super) fn act(name: &Name, act: Act, world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    let known = store.known()?;
    let profile = find(&known.policy, name)?;
    match act {
        Act::Wake => wake(profile, &store, &known, world)?,
        Act::Rest { until } => {
            let until = when(until, &world.clock());
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
            Standing::Resting(_) | Standing::Drained { .. } => still(name, "rests", world),
            Standing::Blocked { .. } => still(name, "is blocked", world),
            Standing::Dead { .. } => still(name, "is dead", world),
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

fn still(name: &Name, what: &str, world: &World) {
    let note = format!("profile `{name}` was not drained; it still {what}");
    world.output.note(&note);
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

/// How a profile stands, in a word that fits into a column.
pub(in crate::commands) fn word(standing: &StandingView) -> String {
    let waits = |reason: &ReasonView| reason.class.is_some() && reason.state != "ready";
    let in_part = standing.state == "ready" && standing.reasons.iter().any(waits);
    let more = if in_part { ", in part" } else { "" };
    format!("{}{more}", standing.state)
}

/// Says of each profile why it is not simply ready, and until when, where there is more to say than the word. A line of its own is never cut to a terminal's width.
pub(in crate::commands) fn tell_others<'a>(
    profiles: impl IntoIterator<Item = &'a ProfileView>,
    world: &World,
) -> Result<(), CommandError> {
    let clock = world.clock();
    for ProfileView { name, standing, .. } in profiles {
        let told = state(standing, &clock);
        if told != word(standing) {
            world.output.wrapped(&format!("{name}: {told}"), "      ")?;
        }
    }
    Ok(())
}

/// How a profile stands, in a few words; then where requests of some classes alone may not go.
pub(in crate::commands) fn state(standing: &StandingView, clock: &Clock) -> String {
    let until = |at: &Option<String>| {
        let at = at.as_deref();
        at.map_or_else(String::new, |at| format!(" until {}", when_text(at, clock)))
    };
    let because = |reason: &ReasonView| {
        let code = reason.code;
        code.map_or_else(String::new, |code| format!(" ({code})"))
    };
    let mut whole = standing.reasons.iter();
    let whole = whole
        .find(|reason| reason.class.is_none() && reason.state == standing.state)
        .map_or_else(String::new, because);
    let told = format!("{}{whole}{}", standing.state, until(&standing.until));
    let of_class = |reason: &ReasonView| {
        let class = reason
            .class
            .as_deref()
            .filter(|_| reason.state != "ready")?;
        let (because, until) = (because(reason), until(&reason.until));
        Some(format!("{} for {class}{because}{until}", reason.state))
    };
    let of_classes: Vec<String> = standing.reasons.iter().filter_map(of_class).collect();
    if of_classes.is_empty() {
        told
    } else {
        format!("{told}, but {}", of_classes.join(", "))
    }
}

/// Why, line by line.
pub(super) fn reason(
    reason: &ReasonView,
    name: &str,
    clock: &Clock,
) -> Vec<(&'static str, String)> {
    let whose = match &reason.class {
        Some(class) => format!("the {} for {class}", reason.scope),
        None => format!("the {}", reason.scope),
    };
    let since = when_text(&reason.since, clock);
    let why = reason.code.unwrap_or("a person said so");
    let why = match reason.evidence {
        Some(evidence) => format!("{why}, by the answer's {evidence}"),
        None => why.to_owned(),
    };
    let until = reason.until.as_deref().map(|at| {
        let by = reason.time_source.unwrap_or_default();
        format!("{}, by the {by}", when_text(at, clock))
    });
    let probe = reason.next_probe.as_deref().map(|at| when_text(at, clock));
    let remedy = match (reason.remedy, reason.state) {
        (Some(remedy), _) => Some(remedy.to_owned()),
        (None, "drained") => Some(format!("`keyreeve profile enable {name}`")),
        (None, "ready") => None,
        (None, _) => Some(format!("`keyreeve profile wake {name}`")),
    };
    [
        (
            "  whose",
            Some(format!("{whose} is {}, since {since}", reason.state)),
        ),
        ("  why", Some(why)),
        ("  until", until),
        ("  next probe", probe),
        ("  remedy", remedy),
    ]
    .into_iter()
    .filter_map(|(what, told)| Some((what, told?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn waits(state: &'static str, class: Option<&str>, code: &'static str) -> ReasonView {
        ReasonView {
            scope: "credential",
            class: class.map(ToOwned::to_owned),
            state,
            code: Some(code),
            remedy: None,
            evidence: None,
            since: "2026-11-20T11:59:50Z".to_owned(),
            until: (state == "resting").then(|| "2026-11-20T12:00:03Z".to_owned()),
            time_source: None,
            next_probe: None,
            failures: None,
        }
    }

    #[test]
    fn a_standing_is_told_with_its_reason_and_its_end_by_the_persons_clock() {
        let clock = Clock {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            zone: TimeZone::posix("CET-1").unwrap(),
        };
        let limit = |class| waits("resting", class, "minute_limit");
        for (state, reasons, word, told) in [
            ("ready", vec![], "ready", "ready"),
            (
                "resting",
                vec![limit(None)],
                "resting",
                "resting (minute_limit) until 13:00 (in 3 s)",
            ),
            (
                "dead",
                vec![waits("dead", None, "invalid_key")],
                "dead",
                "dead (invalid_key)",
            ),
            (
                "ready",
                vec![limit(Some("opus-5")), limit(Some("haiku-4"))],
                "ready, in part",
                "ready, but resting for opus-5 (minute_limit) until 13:00 (in 3 s), \
                 resting for haiku-4 (minute_limit) until 13:00 (in 3 s)",
            ),
            (
                "ready",
                vec![waits("ready", Some("opus-5"), "minute_limit")],
                "ready",
                "ready",
            ),
        ] {
            let standing = StandingView {
                state,
                until: limit(None).until.filter(|_| state == "resting"),
                organization: None,
                reasons,
            };
            assert_eq!(super::state(&standing, &clock), told);
            assert_eq!(super::word(&standing), word);
        }
    }

    #[test]
    fn what_a_person_did_is_taken_back_by_a_command_that_is_named() {
        let clock = Clock {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            zone: TimeZone::UTC,
        };
        for (state, command) in [
            ("drained", Some("`keyreeve profile enable work`")),
            ("resting", Some("`keyreeve profile wake work`")),
            ("ready", None),
        ] {
            let by_hand = ReasonView {
                code: None,
                ..waits(state, None, "")
            };
            let lines = reason(&by_hand, "work", &clock);
            let remedy = lines.iter().find(|(what, _)| *what == "  remedy");
            assert_eq!(remedy.map(|(_, told)| told.as_str()), command);
            assert!(lines.contains(&("  why", "a person said so".to_owned())));
        }
    }
}
