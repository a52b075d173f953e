//! Renders the status line: the payer, the plan limits with their reset times, and the cost of the session.
//!
//! Invariants: a limit that was not reported is shown as not seen, and only if a plan pays; no information is in the
//! colour alone.

use keyreeve_core::clock::Clock;
use keyreeve_core::limits::{Fraction, Limit, LimitKind, PlanWindow};
use keyreeve_core::money::NanoDollars;

use super::SessionInput;
use super::payer::{PayerWarning, credential_name, payer_label};
use crate::rules::resolve::{PayerClass, Resolution};

/// Percentage from which a limit is shown as a warning.
const WARNING_PERCENT: u32 = 75;
/// Percentage from which a limit is shown as critical.
const CRITICAL_PERCENT: u32 = 90;
/// Separator between two parts.
const SEPARATOR: &str = " · ";
/// Nano-dollars in a cent.
const CENT: u64 = 10_000_000;

/// The status line, in parts that may be coloured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusLine(Vec<LinePart>);

/// A part of the line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinePart {
    /// Its text.
    pub text: String,
    /// Its colour.
    pub tone: Tone,
}

/// The colour of a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// No colour.
    Plain,
    /// Less prominent.
    Dim,
    /// A warning.
    Warning,
    /// An urgent warning.
    Critical,
}

impl StatusLine {
    /// Returns the parts in order; concatenated, they are the line.
    pub fn parts(&self) -> &[LinePart] {
        &self.0
    }

    /// Returns the line without colours.
    pub fn text(&self) -> String {
        self.0.iter().map(|part| part.text.as_str()).collect()
    }
}

/// Renders the line.
pub fn render_line(
    resolution: &Resolution,
    warnings: &[PayerWarning],
    input: &SessionInput,
    clock: &Clock,
) -> StatusLine {
    let mut parts = vec![payer(resolution, warnings)];
    let class = resolution.payer.class;
    parts.extend(limits(input, class, clock));
    // If a plan was used, the current settings do not determine the payer of the session.
    let billed_to = if warnings.contains(&PayerWarning::PlanUsed) {
        PayerClass::Unknown
    } else {
        class
    };
    let cost = input.cost.map(|cost| format_cost(cost, billed_to));
    parts.extend(cost.map(|cost| part(cost, Tone::Plain)));
    let mut line = Vec::with_capacity(parts.len() * 2);
    for part in parts {
        if !line.is_empty() {
            line.push(self::part(SEPARATOR.to_owned(), Tone::Dim));
        }
        line.push(part);
    }
    StatusLine(line)
}

fn part(text: String, tone: Tone) -> LinePart {
    LinePart { text, tone }
}

fn payer(resolution: &Resolution, warnings: &[PayerWarning]) -> LinePart {
    let label = payer_label(resolution);
    if warnings.is_empty() {
        return part(label, Tone::Plain);
    }
    let reasons: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    let reasons = reasons.join(", ");
    let text = match credential_name(resolution) {
        Some(name) if warnings.contains(&PayerWarning::PlanUsed) => {
            format!("! {name} is set, but {reasons}")
        }
        Some(_) | None => format!("! {label}: {reasons}"),
    };
    part(text, Tone::Critical)
}

fn limits(input: &SessionInput, class: PayerClass, clock: &Clock) -> Vec<LinePart> {
    let mut parts = Vec::new();
    for (window, label) in [(PlanWindow::FiveHour, "5h"), (PlanWindow::SevenDay, "week")] {
        match input.window(&window) {
            Some(limit) => parts.push(limit_part(label, limit, clock)),
            None if class == PayerClass::Plan => {
                parts.push(part(format!("{label} not seen"), Tone::Dim));
            }
            None => {}
        }
    }
    for limit in &input.windows {
        match &limit.kind {
            LimitKind::Plan(PlanWindow::FiveHour | PlanWindow::SevenDay) | LimitKind::Minute(_) => {
            }
            LimitKind::Plan(PlanWindow::SevenDayOpus) => {
                parts.push(limit_part("opus week", limit, clock));
            }
            LimitKind::Plan(PlanWindow::SevenDaySonnet) => {
                parts.push(limit_part("sonnet week", limit, clock));
            }
            LimitKind::Plan(
                window @ (PlanWindow::SevenDayOverageIncluded
                | PlanWindow::Overage
                | PlanWindow::Unspecified
                | PlanWindow::Other(_)),
            ) => parts.push(limit_part(window.name(), limit, clock)),
        }
    }
    parts
}

fn limit_part(label: &str, limit: &Limit, clock: &Clock) -> LinePart {
    let used = limit.used().map(Fraction::percent);
    let share = used.map_or_else(String::new, |used| format!(" {used}%"));
    let reset = limit.resets_at.map(|at| clock.format(at));
    let reset = reset.map_or_else(String::new, |at| format!(" resets {at}"));
    let tone = match used {
        Some(used) if used >= CRITICAL_PERCENT => Tone::Critical,
        Some(used) if used >= WARNING_PERCENT => Tone::Warning,
        Some(_) | None => Tone::Plain,
    };
    part(format!("{label}{share}{reset}"), tone)
}

/// Formats the cost of the session. Unless API credit pays, it is only the equivalent by list prices.
fn format_cost(cost: NanoDollars, class: PayerClass) -> String {
    let prefix = match class {
        PayerClass::OrganizationCredit => "",
        PayerClass::Plan
        | PayerClass::Cloud
        | PayerClass::Gateway
        | PayerClass::Conflict
        | PayerClass::NoPayer
        | PayerClass::Unknown => "≈ ",
    };
    let cents = cost.get().saturating_add(CENT / 2) / CENT;
    if cents == 0 && cost > NanoDollars::ZERO {
        return format!("{prefix}< $0.01");
    }
    format!("{prefix}${}.{:02}", cents / 100, cents % 100)
}
