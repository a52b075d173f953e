//! `status` in words: one line says who pays, then a line for each place that counts.

use std::io;

use keyreeve_broker::view::{StatusProfileView, StatusView, SubjectView};
use keyreeve_core::resolve::{Rung, State};
use keyreeve_core::unusable::Unusable;

use super::super::bind::bound_to;
use super::super::limits::{clause, name};
use super::super::profile::{billed, secret, standing};
use super::Said;
use crate::error::CommandError;
use crate::output::{Align, Output, Table, counted, from_home, to_the_minute};
use crate::settings::Detail;
use crate::wiring::World;

/// Places up to this long stand in a column of their own.
const WIDEST_PLACE: usize = 40;
/// Under which a broken line goes on.
const HANG: &str = "      ";

/// The one line that a shell's hook compares: it is the same as long as the same credential pays.
pub(super) fn line(said: &Said, world: &World) -> Result<(), CommandError> {
    let warned = said
        .expected
        .as_ref()
        .and_then(|(_, judged)| judged.as_ref().err());
    let text = match warned {
        Some(unexpected) => format!("warning: {unexpected}"),
        None => said.resolution.headline().to_owned(),
    };
    Ok(world.output.data(&from_home(&text, said.home()))?)
}

pub(super) fn shortly(said: &Said, view: &StatusView, world: &World) -> Result<(), CommandError> {
    first(said, view, &world.output)?;
    world.output.data(&format!(
        "{}, {}",
        counted(view.profiles.len(), "profile"),
        counted(view.keys.len(), "key")
    ))?;
    world.output.hint("keyreeve status, or keyreeve --help");
    Ok(())
}

pub(super) fn whole(
    said: &Said,
    view: &StatusView,
    detail: Detail,
    world: &World,
) -> Result<(), CommandError> {
    let output = &world.output;
    first(said, view, output)?;
    let counts = |rung: &&Rung| detail == Detail::All || rung.state != State::Absent;
    let rungs: Vec<&Rung> = said.resolution.rungs.iter().filter(counts).collect();
    if !rungs.is_empty() {
        output.data("\n")?;
    }
    for (place, became) in lines(&rungs, said.home()) {
        output.entry(&place, &became, HANG)?;
    }
    if !view.profiles.is_empty() {
        output.data("\n")?;
        output.table(&profiles(&view.profiles, said.home()))?;
        standing::tell_others(view.profiles.iter().map(|listed| &listed.profile), world)?;
    }
    for (profile, why) in &said.unusable {
        let text = format!("{} {}: {}", mark(why), profile.name, why.words());
        output.wrapped(&from_home(&text, said.home()), HANG)?;
    }
    limits(view, said, world)?;
    if !view.keys.is_empty() {
        output.data(&format!(
            "\n{}: keyreeve key list",
            counted(view.keys.len(), "key")
        ))?;
    }
    Ok(())
}

/// Who pays, and whether that is who was meant.
fn first(said: &Said, view: &StatusView, output: &Output) -> io::Result<()> {
    let home = said.home();
    output.headline(&from_home(said.resolution.headline(), home))?;
    if let Some(binding) = &view.binding {
        let bound = format!("bound by {}: {}", binding.directory, bound_to(binding));
        output.wrapped(&from_home(&bound, home), "  ")?;
    }
    match &said.expected {
        Some((expected, Err(_))) => {
            output.data(&format!("! {expected} is meant to pay, and would not"))
        }
        Some((_, Ok(_))) | None => Ok(()),
    }
}

/// Each place behind its mark, and what became of it.
fn lines(rungs: &[&Rung], home: Option<&str>) -> Vec<(String, String)> {
    let places: Vec<String> = rungs
        .iter()
        .map(|rung| from_home(&rung.place.to_string(), home))
        .collect();
    let lengths = places.iter().map(|place| place.chars().count());
    let width = lengths.filter(|length| *length <= WIDEST_PLACE).max();
    let width = width.unwrap_or_default();
    let taken: Vec<String> = rungs
        .iter()
        .filter(|rung| is_taken(rung))
        .map(|rung| rung.place.to_string())
        .collect();
    rungs
        .iter()
        .zip(places)
        .map(|(rung, place)| {
            let (mark, became) = became(rung, &taken);
            (format!("{mark} {place:width$}"), from_home(&became, home))
        })
        .collect()
}

fn is_taken(rung: &Rung) -> bool {
    match rung.state {
        State::Taken { .. } | State::On => true,
        State::Off
        | State::Shadowed { .. }
        | State::NotRead { .. }
        | State::Absent
        | State::Empty
        | State::Broken(_) => false,
    }
}

/// A mark, and what became of a place.
fn became(rung: &Rung, taken: &[String]) -> (&'static str, String) {
    match &rung.state {
        State::Taken { fills } => (">", format!("sent as {fills}")),
        State::On => (">", "on: a cloud account is used".to_owned()),
        State::Off => (" ", "off".to_owned()),
        State::Shadowed { by } => {
            // Where one place alone is taken, it needs no naming.
            let by = if taken == [by.clone()] {
                String::new()
            } else {
                format!(" by {by}")
            };
            let pays = rung.would_pay.map_or_else(String::new, |payer| {
                format!("; would pay: {}", payer.class.words())
            });
            (" ", format!("shadowed{by}{pays}"))
        }
        State::NotRead { because } => (" ", because.to_string()),
        State::Absent => (" ", "not set".to_owned()),
        State::Empty => (" ", "empty, which counts as not set".to_owned()),
        State::Broken(flaw) => ("!", flaw.to_string()),
    }
}

fn profiles(profiles: &[StatusProfileView], home: Option<&str>) -> Table {
    let columns = [
        "profile",
        "secret",
        "billed",
        "standing",
        "expires",
        "last used",
    ];
    let mut table = Table::new(&columns.map(|title| (title, Align::Left)));
    let moment = |at: &Option<String>| at.as_deref().map_or_else(|| "-".to_owned(), to_the_minute);
    for StatusProfileView {
        profile,
        last_used_at,
    } in profiles
    {
        let mark = if profile.default { " (default)" } else { "" };
        table.row([
            format!("{}{mark}", profile.name),
            from_home(&secret(profile), home),
            billed(profile.billing, profile.simulated).to_owned(),
            standing::word(&profile.standing),
            moment(&profile.expires_at),
            moment(last_used_at),
        ]);
    }
    table
}

/// Of each whose limits were seen, the one that will be felt first.
fn limits(view: &StatusView, said: &Said, world: &World) -> io::Result<()> {
    let clock = world.clock();
    let mut between = "\n";
    for SubjectView {
        whose, tightest, ..
    } in &view.limits
    {
        if let Some(limit) = tightest {
            world.output.data(between)?;
            between = "";
            let text = format!("{}: {}", name(whose), clause(limit, &clock));
            world.output.wrapped(&from_home(&text, said.home()), HANG)?;
        }
    }
    Ok(())
}

fn mark(why: &Unusable) -> &'static str {
    match why {
        Unusable::Expired { .. } | Unusable::NoVariable { .. } | Unusable::NoFile { .. } => "!",
        Unusable::PlanLogin => " ",
    }
}

impl Said {
    fn home(&self) -> Option<&str> {
        self.snapshot.home.as_deref()
    }
}
