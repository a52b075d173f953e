//! Profiles as people and programs see them.

use std::slice;

use jiff::{SignedDuration, Timestamp};
use keyreeve_broker::view::{
    LimitView, ProfileView, ProfilesView, ShownView, SourceView, SubjectView,
};
use keyreeve_core::clock::Clock;
use keyreeve_core::profile::{Name, Profile};
use keyreeve_store::{Known, Store};

use super::super::limits::clause;
use super::{find, standing};
use crate::error::CommandError;
use crate::output::{Align, Format, Table, to_the_day, to_the_minute};
use crate::wiring::World;

/// A secret that ends within fewer days is spoken of.
const SOON: i64 = 30;

pub(super) fn list(world: &World) -> Result<(), CommandError> {
    let known = world.store()?.known()?;
    let view = ProfilesView::of(&known, world.snapshot.now);
    if world.output.format() == Format::Json {
        return Ok(world.output.document(&view)?);
    }
    if view.profiles.is_empty() {
        world.output.note("there is no profile yet");
        world.output.hint("keyreeve profile add NAME");
        return Ok(());
    }
    world.output.table(&table(&view.profiles))?;
    standing::tell_others(&view.profiles, world)?;
    warn_of_ends(known.policy.profiles(), world);
    Ok(())
}

/// Says which secrets end soon, or have ended.
pub(in crate::commands) fn warn_of_ends(profiles: &[Profile], world: &World) {
    let now = world.snapshot.now;
    for profile in profiles {
        let Some(words) = profile.expires_at.and_then(|at| soon(at, now)) else {
            continue;
        };
        let name = &profile.name;
        world
            .output
            .note(&format!("the secret of profile `{name}` {words}"));
        world
            .output
            .hint(&format!("keyreeve profile rotate {name}"));
    }
}

/// How soon it ends, where that is soon.
fn soon(at: Timestamp, now: Timestamp) -> Option<String> {
    let day = to_the_day(&at.to_string());
    let left = at.duration_since(now);
    if left <= SignedDuration::ZERO {
        return Some(format!("ended on {day}"));
    }
    let days = left.as_hours() / 24;
    match days {
        0 => Some(format!("ends within a day, on {day}")),
        1..SOON => Some(format!("ends on {day}, in {days} days")),
        _ => None,
    }
}

/// The profiles as columns.
fn table(profiles: &[ProfileView]) -> Table {
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
            billed(profile.billing, profile.simulated).to_owned(),
            standing::word(&profile.standing),
        ]);
    }
    table
}

pub(super) fn one(name: &Name, world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    let (known, now) = (store.known()?, world.snapshot.now);
    let profile = find(&known.policy, name)?;
    let shown = ShownView {
        profile: ProfileView::of(profile, &known, now),
        limits: SubjectView::of_profile(profile, &store.limits()?, now).limits,
    };
    if world.output.format() == Format::Json {
        return Ok(world.output.document(&shown)?);
    }
    let (view, clock) = (shown.profile, world.clock());
    let mut lines = vec![
        ("secret", secret(&view)),
        ("sent to", view.base_url.clone()),
        ("as", view.auth.to_owned()),
        ("billed", billed(view.billing, view.simulated).to_owned()),
        ("provenance", view.provenance.to_owned()),
        ("raw secret", handed(&view).to_owned()),
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
    lines.push(("standing", standing::state(&view.standing, &clock)));
    for reason in &view.standing.reasons {
        lines.extend(standing::reason(reason, &view.name, &clock));
    }
    lines.extend(limits(&shown.limits, &clock));
    let mark = if view.default { " (default)" } else { "" };
    world.output.headline(&format!("{}{mark}", view.name))?;
    for (what, value) in lines {
        world.output.line(&format!("{what:<12} {value}"))?;
    }
    warn_of_ends(slice::from_ref(profile), world);
    Ok(())
}

/// The limits that its answers told, line by line.
fn limits(limits: &[LimitView], clock: &Clock) -> Vec<(&'static str, String)> {
    if limits.is_empty() {
        return vec![("limits", "not seen yet".to_owned())];
    }
    let labels = std::iter::once("limits").chain(std::iter::repeat(""));
    let clauses = limits.iter().map(|limit| clause(limit, clock));
    labels.zip(clauses).collect()
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

/// Where a profile's secret is, in a few words.
pub(in crate::commands) fn secret(profile: &ProfileView) -> String {
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

fn handed(profile: &ProfileView) -> &'static str {
    match (profile.billing, profile.handing) {
        ("plan", _) => "goes to the genuine `claude` alone",
        (_, "direct") => "may be handed to programs",
        _ => "leaves in requests only",
    }
}

/// Who is billed for a profile's requests.
pub(in crate::commands) fn billed(class: &'static str, simulated: bool) -> &'static str {
    if simulated {
        "nobody (simulated)"
    } else {
        class
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_secret_is_told_a_month_ahead() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (at, expected) in [
            ("2027-05-01T00:00:00Z", None),
            ("2026-12-21T12:00:00Z", None),
            (
                "2026-12-21T11:00:00Z",
                Some("ends on 2026-12-21, in 29 days"),
            ),
            (
                "2026-11-22T11:00:00Z",
                Some("ends within a day, on 2026-11-22"),
            ),
            ("2026-11-21T12:00:00Z", Some("ended on 2026-11-21")),
        ] {
            assert_eq!(soon(at.parse().unwrap(), now).as_deref(), expected, "{at}");
        }
    }
}
