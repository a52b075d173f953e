//! The status as text: one line about who pays, then one line for each relevant step of the chain.

use std::collections::BTreeSet;

use keyreeve_broker::wire::{OwnerLimitsView, StatusProfileView, StatusView};
use keyreeve_core::clock::Clock;
use keyreeve_resolver::resolve::{ChainStep, CheckedPayer, StepState};
use keyreeve_resolver::unusable::UnusableReason;
use unicode_width::UnicodeWidthStr as _;

use super::{StatusDetail, StatusReport};
use crate::output::{Align, Line, Table, abbreviate_home, local_time, pluralize, sentence_case};
use crate::render::binding::describe_binding;
use crate::render::health;
use crate::render::limit::{describe, owner_name};
use crate::render::profile::{NOT_VERIFIED, billing_label, describe_unverified, secret_label};

/// Maximum width of the column of locations; longer ones are not aligned.
const MAX_LOCATION_WIDTH: usize = 40;
/// Indent of continuation lines.
const INDENT: &str = "      ";

/// Returns the line that a shell hook compares: it stays the same as long as the same credential pays.
pub(super) fn brief(status: &StatusReport) -> Line {
    let checked = status.expected.as_ref();
    let mismatch = checked.and_then(|checked| checked.result.as_ref().err());
    let text = match (mismatch, status.problems.first()) {
        (Some(mismatch), _) => format!("warning: {mismatch}"),
        (None, Some(problem)) => format!("warning: {problem}"),
        (None, None) => status.resolution.headline().to_owned(),
    };
    Line::Data(abbreviate_home(&text, status.home()))
}

pub(super) fn lines(
    status: &StatusReport,
    view: &StatusView,
    detail: StatusDetail,
    clock: &Clock,
) -> Vec<Line> {
    match detail {
        StatusDetail::Line => vec![brief(status)],
        StatusDetail::Short => short(status, view),
        StatusDetail::Full => full(status, view, ShownSteps::Set, clock),
        StatusDetail::All => full(status, view, ShownSteps::All, clock),
    }
}

fn short(status: &StatusReport, view: &StatusView) -> Vec<Line> {
    let mut lines = headline(status, view);
    let profiles = pluralize(view.profiles.len(), "profile");
    let keys = pluralize(view.keys.len(), "key");
    lines.push(Line::Data(format!("{profiles}, {keys}")));
    let hint = "`keyreeve status` shows details, `keyreeve --help` lists the commands";
    lines.push(Line::Hint(hint.to_owned()));
    lines
}

/// The steps of the chain that are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ShownSteps {
    /// Those in which something is set.
    Set,
    /// All.
    All,
}

fn full(status: &StatusReport, view: &StatusView, shown: ShownSteps, clock: &Clock) -> Vec<Line> {
    let home = status.home();
    let mut lines = headline(status, view);
    let counts = |step: &&ChainStep| shown == ShownSteps::All || step.state != StepState::Absent;
    let steps: Vec<&ChainStep> = status.resolution.steps.iter().filter(counts).collect();
    if !steps.is_empty() {
        lines.push(Line::Blank);
    }
    let steps = step_lines(&steps, home).into_iter();
    lines.extend(steps.map(|(label, description)| Line::Entry {
        label,
        description,
        indent: INDENT,
    }));
    if !view.profiles.is_empty() {
        lines.push(Line::Blank);
        lines.push(Line::Table(profiles_table(&view.profiles, home, clock)));
        let profiles = view.profiles.iter().map(|listed| &listed.profile);
        lines.extend(health::details(profiles, clock));
    }
    for (profile, reason) in &status.unusable_profiles {
        let (mark, description) = (problem_mark(reason), reason.description());
        let text = format!("{mark} {}: {description}", profile.name);
        lines.push(wrapped(&text, INDENT, home));
    }
    lines.extend(limit_lines(view, home, clock));
    if !view.keys.is_empty() {
        let keys = pluralize(view.keys.len(), "key");
        lines.push(Line::Blank);
        lines.push(Line::Data(format!("{keys} (list: keyreeve key list)")));
    }
    if !view.protection.is_empty() {
        let names: BTreeSet<&str> = view.protection.iter().map(|part| part.name).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let text = format!(
            "Protected by: {} (keyreeve protect status)",
            names.join(", ")
        );
        lines.push(Line::Blank);
        lines.push(wrapped(&text, INDENT, home));
    }
    lines
}

fn wrapped(text: &str, indent: &'static str, home: Option<&str>) -> Line {
    Line::Wrapped {
        text: abbreviate_home(text, home),
        indent,
    }
}

/// Returns who pays, the binding, and warnings if that is not the expected payer or a value cannot work.
fn headline(status: &StatusReport, view: &StatusView) -> Vec<Line> {
    let home = status.home();
    let headline = abbreviate_home(status.resolution.headline(), home);
    let mut lines = vec![Line::Headline(headline)];
    if let Some(binding) = &view.binding {
        let bound = format!("Bound {}: {}", binding.directory, describe_binding(binding));
        lines.push(wrapped(&bound, "  ", home));
    }
    match &status.expected {
        Some(CheckedPayer {
            expected,
            result: Err(_),
        }) => {
            let text = format!("! The expected payer ({expected}) would not pay");
            lines.push(Line::Data(text));
        }
        Some(CheckedPayer { result: Ok(_), .. }) | None => {}
    }
    let problems = status.problems.iter();
    lines.extend(problems.map(|problem| wrapped(&format!("! {problem}"), "  ", home)));
    let unverified = status.snapshot.keyreeve.unverified.iter();
    lines.extend(unverified.map(|row| {
        let text = sentence_case(&describe_unverified(row));
        wrapped(&format!("! {text}"), "  ", home)
    }));
    lines
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
            if profile.verified {
                health::short_state(&profile.health)
            } else {
                NOT_VERIFIED.to_owned()
            },
            time(&profile.expires_at),
            time(last_used_at),
        ]);
    }
    table
}

/// Returns the tightest limit of each owner whose limits are known, after an empty line.
fn limit_lines(view: &StatusView, home: Option<&str>, clock: &Clock) -> Vec<Line> {
    let known = view.limits.iter().filter_map(
        |OwnerLimitsView {
             owner, tightest, ..
         }| Some((owner, tightest.as_ref()?)),
    );
    let mut lines: Vec<Line> = known
        .map(|(owner, limit)| {
            let text = format!("{}: {}", owner_name(owner), describe(limit, clock));
            wrapped(&text, INDENT, home)
        })
        .collect();
    if !lines.is_empty() {
        lines.insert(0, Line::Blank);
    }
    lines
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
