//! Prints the status: one line about who pays, then one line for each relevant step of the chain.

use std::io;

use keyreeve_broker::wire::{OwnerLimitsView, StatusProfileView, StatusView};
use keyreeve_core::clock::Clock;
use keyreeve_resolver::resolve::{ChainStep, StepState};
use keyreeve_resolver::unusable::UnusableReason;
use unicode_width::UnicodeWidthStr as _;

use super::{StatusDetail, StatusReport};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Align, Output, Table, abbreviate_home, local_time, pluralize};
use crate::render::binding::describe_binding;
use crate::render::health;
use crate::render::limit::{describe, owner_name};
use crate::render::profile::{billing_label, secret_label};

/// Maximum width of the column of locations; longer ones are not aligned.
const MAX_LOCATION_WIDTH: usize = 40;
/// Indent of continuation lines.
const INDENT: &str = "      ";

/// Prints the line that a shell hook compares: it stays the same as long as the same credential pays.
pub(super) fn brief(status: &StatusReport, context: &Context) -> Result<(), CommandError> {
    let mismatch = status
        .expected
        .as_ref()
        .and_then(|(_, evaluated)| evaluated.as_ref().err());
    let text = match mismatch {
        Some(mismatch) => format!("warning: {mismatch}"),
        None => status.resolution.headline().to_owned(),
    };
    Ok(context
        .output
        .data(&abbreviate_home(&text, status.home()))?)
}

pub(super) fn short(
    status: &StatusReport,
    view: &StatusView,
    context: &Context,
) -> Result<(), CommandError> {
    headline(status, view, &context.output)?;
    context.output.data(&format!(
        "{}, {}",
        pluralize(view.profiles.len(), "profile"),
        pluralize(view.keys.len(), "key")
    ))?;
    context
        .output
        .hint("`keyreeve status` shows details, `keyreeve --help` lists the commands");
    Ok(())
}

pub(super) fn full(
    status: &StatusReport,
    view: &StatusView,
    detail: StatusDetail,
    context: &Context,
) -> Result<(), CommandError> {
    let output = &context.output;
    headline(status, view, output)?;
    let counts = |step: &&ChainStep| detail == StatusDetail::All || step.state != StepState::Absent;
    let steps: Vec<&ChainStep> = status.resolution.steps.iter().filter(counts).collect();
    if !steps.is_empty() {
        output.data("\n")?;
    }
    for (location, state) in step_lines(&steps, status.home()) {
        output.entry(&location, &state, INDENT)?;
    }
    if !view.profiles.is_empty() {
        output.data("\n")?;
        output.table(&profiles_table(
            &view.profiles,
            status.home(),
            &context.clock(),
        ))?;
        health::print_details(view.profiles.iter().map(|listed| &listed.profile), context)?;
    }
    for (profile, reason) in &status.unusable_profiles {
        let text = format!(
            "{} {}: {}",
            problem_mark(reason),
            profile.name,
            reason.description()
        );
        output.wrapped(&abbreviate_home(&text, status.home()), INDENT)?;
    }
    print_limits(view, status, context)?;
    if !view.keys.is_empty() {
        output.data(&format!(
            "\n{} (list: keyreeve key list)",
            pluralize(view.keys.len(), "key")
        ))?;
    }
    Ok(())
}

/// Prints who pays, the binding, and a warning if that is not the expected payer.
fn headline(status: &StatusReport, view: &StatusView, output: &Output) -> io::Result<()> {
    let home = status.home();
    output.headline(&abbreviate_home(status.resolution.headline(), home))?;
    if let Some(binding) = &view.binding {
        let bound = format!("Bound {}: {}", binding.directory, describe_binding(binding));
        output.wrapped(&abbreviate_home(&bound, home), "  ")?;
    }
    match &status.expected {
        Some((expected, Err(_))) => {
            output.data(&format!("! The expected payer ({expected}) would not pay"))
        }
        Some((_, Ok(_))) | None => Ok(()),
    }
}

/// Returns a line for each step: its mark and location, and its state.
fn step_lines(steps: &[&ChainStep], home: Option<&str>) -> Vec<(String, String)> {
    let locations: Vec<String> = steps
        .iter()
        .map(|step| abbreviate_home(&step.location.to_string(), home))
        .collect();
    let lengths = locations.iter().map(|location| location.width());
    let width = lengths.filter(|length| *length <= MAX_LOCATION_WIDTH).max();
    let width = width.unwrap_or_default();
    let used: Vec<String> = steps
        .iter()
        .filter(|step| is_used(step))
        .map(|step| step.location.to_string())
        .collect();
    steps
        .iter()
        .zip(locations)
        .map(|(step, location)| {
            let (mark, state) = mark_and_text(step, &used);
            let padding = " ".repeat(width.saturating_sub(location.width()));
            (
                format!("{mark} {location}{padding}"),
                abbreviate_home(&state, home),
            )
        })
        .collect()
}

fn is_used(step: &ChainStep) -> bool {
    match step.state {
        StepState::Taken { .. } | StepState::On => true,
        StepState::Off
        | StepState::Shadowed { .. }
        | StepState::NotRead { .. }
        | StepState::Absent
        | StepState::Empty
        | StepState::Broken(_) => false,
    }
}

/// Returns the mark and the state of a step.
fn mark_and_text(step: &ChainStep, used: &[String]) -> (&'static str, String) {
    match &step.state {
        StepState::Taken { headers } => (">", format!("sent as {headers}")),
        StepState::On => (">", "on: a cloud account is used".to_owned()),
        StepState::Off => (" ", "off".to_owned()),
        StepState::Shadowed { by } => {
            // With a single step in use, naming it adds nothing.
            let by = if used == [by.clone()] {
                String::new()
            } else {
                format!(" by {by}")
            };
            let pays = step.would_pay.map_or_else(String::new, |payer| {
                format!("; would pay: {}", payer.class.description())
            });
            (" ", format!("shadowed{by}{pays}"))
        }
        StepState::NotRead { reason } => (" ", reason.to_string()),
        StepState::Absent => (" ", "not set".to_owned()),
        StepState::Empty => (" ", "empty (counts as not set)".to_owned()),
        StepState::Broken(error) => ("!", error.to_string()),
    }
}

fn profiles_table(profiles: &[StatusProfileView], home: Option<&str>, clock: &Clock) -> Table {
    let columns = [
        "profile",
        "secret",
        "billing",
        "health",
        "expires",
        "last used",
    ];
    let mut table = Table::new(&columns.map(|title| (title, Align::Left)));
    let time = |at: &Option<String>| {
        let at = at.as_deref();
        at.map_or_else(|| "-".to_owned(), |at| local_time(at, clock))
    };
    for StatusProfileView {
        profile,
        last_used_at,
    } in profiles
    {
        let mark = if profile.default { " (default)" } else { "" };
        table.row([
            format!("{}{mark}", profile.name),
            abbreviate_home(&secret_label(profile), home),
            billing_label(profile.billing, profile.simulated).to_owned(),
            health::short_state(&profile.health),
            time(&profile.expires_at),
            time(last_used_at),
        ]);
    }
    table
}

/// Prints the tightest limit of each owner whose limits are known.
fn print_limits(view: &StatusView, status: &StatusReport, context: &Context) -> io::Result<()> {
    let clock = context.clock();
    let mut separator = "\n";
    for OwnerLimitsView {
        owner, tightest, ..
    } in &view.limits
    {
        if let Some(limit) = tightest {
            context.output.data(separator)?;
            separator = "";
            let text = format!("{}: {}", owner_name(owner), describe(limit, &clock));
            context
                .output
                .wrapped(&abbreviate_home(&text, status.home()), INDENT)?;
        }
    }
    Ok(())
}

fn problem_mark(reason: &UnusableReason) -> &'static str {
    match reason {
        UnusableReason::Expired { .. }
        | UnusableReason::VariableNotSet { .. }
        | UnusableReason::FileMissing { .. } => "!",
        UnusableReason::PlanLogin => " ",
    }
}

impl StatusReport {
    fn home(&self) -> Option<&str> {
        self.snapshot.home.as_deref()
    }
}
