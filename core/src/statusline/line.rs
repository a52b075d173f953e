//! The line: who pays, the windows of the plan with their reset, and what the session has cost.
//!
//! Invariants: a window that was not told is said to be not seen, and only where a plan pays; no meaning is in a tone
//! alone.

use crate::clock::Clock;
use crate::limits::{Limit, Share, Which, Window};
use crate::money::NanoDollars;
use crate::resolve::{PayerClass, Resolution};

use super::Input;
use super::payer::{Warning, who};

/// From here on a window is drawn with care, and with alarm.
const FULL: u32 = 75;
const ALMOST_OUT: u32 = 90;
/// Between two parts.
const BETWEEN: &str = " · ";
/// Nano-dollars in a cent.
const CENT: u64 = 10_000_000;

/// One line, in parts that may be painted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line(Vec<Part>);

/// A part of the line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// What it says.
    pub text: String,
    /// How it may be painted.
    pub tone: Tone,
}

/// How a part may be painted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// As it is.
    Plain,
    /// In the background.
    Faint,
    /// To be looked at soon.
    Careful,
    /// To be looked at now.
    Alarm,
}

impl Line {
    /// The parts in their order; put together they are the line.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The line without paint.
    pub fn text(&self) -> String {
        self.0.iter().map(|part| part.text.as_str()).collect()
    }
}

/// Puts the line together.
pub fn line(resolution: &Resolution, warnings: &[Warning], input: &Input, clock: &Clock) -> Line {
    let mut parts = vec![payer(resolution, warnings)];
    let class = resolution.payer.class;
    parts.extend(windows(input, class, clock));
    // Whom a session is billed to that a plan has answered cannot be told by what is set now.
    let billed = if warnings.contains(&Warning::PlanAnswered) {
        PayerClass::Unknown
    } else {
        class
    };
    let cost = input.cost.map(|cost| priced(cost, billed));
    parts.extend(cost.map(|cost| part(cost, Tone::Plain)));
    let mut line = Vec::with_capacity(parts.len() * 2);
    for part in parts {
        if !line.is_empty() {
            line.push(self::part(BETWEEN.to_owned(), Tone::Faint));
        }
        line.push(part);
    }
    Line(line)
}

fn part(text: String, tone: Tone) -> Part {
    Part { text, tone }
}

fn payer(resolution: &Resolution, warnings: &[Warning]) -> Part {
    let who = who(resolution);
    if warnings.is_empty() {
        return part(who, Tone::Plain);
    }
    let why: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    part(format!("! {who}: {}", why.join(", ")), Tone::Alarm)
}

fn windows(input: &Input, class: PayerClass, clock: &Clock) -> Vec<Part> {
    let mut parts = Vec::new();
    for (window, label) in [(Window::FiveHour, "5h"), (Window::SevenDay, "week")] {
        match input.window(&window) {
            Some(limit) => parts.push(seen(label, limit, clock)),
            None if class == PayerClass::Plan => {
                parts.push(part(format!("{label} not seen"), Tone::Faint));
            }
            None => {}
        }
    }
    for limit in &input.windows {
        match &limit.which {
            Which::Plan(Window::FiveHour | Window::SevenDay) | Which::Minute(_) => {}
            Which::Plan(Window::SevenDayOpus) => parts.push(seen("opus week", limit, clock)),
            Which::Plan(Window::SevenDaySonnet) => parts.push(seen("sonnet week", limit, clock)),
            Which::Plan(
                window @ (Window::SevenDayOverageIncluded
                | Window::Overage
                | Window::Whole
                | Window::Other(_)),
            ) => parts.push(seen(window.name(), limit, clock)),
        }
    }
    parts
}

fn seen(label: &str, limit: &Limit, clock: &Clock) -> Part {
    let used = limit.used().map(Share::percent);
    let share = used.map_or_else(String::new, |used| format!(" {used}%"));
    let reset = limit.resets_at.map(|at| clock.shown(at));
    let reset = reset.map_or_else(String::new, |at| format!(" resets {at}"));
    let tone = match used {
        Some(used) if used >= ALMOST_OUT => Tone::Alarm,
        Some(used) if used >= FULL => Tone::Careful,
        Some(_) | None => Tone::Plain,
    };
    part(format!("{label}{share}{reset}"), tone)
}

/// What the session has cost. Where no key's credit pays, it is what it would have cost by list prices.
fn priced(cost: NanoDollars, class: PayerClass) -> String {
    let about = match class {
        PayerClass::OrganizationCredit => "",
        PayerClass::Plan
        | PayerClass::Cloud
        | PayerClass::Gateway
        | PayerClass::Conflict
        | PayerClass::Nobody
        | PayerClass::Unknown => "≈ ",
    };
    let cents = cost.get().saturating_add(CENT / 2) / CENT;
    if cents == 0 && cost > NanoDollars::ZERO {
        return format!("{about}< $0.01");
    }
    format!("{about}${}.{:02}", cents / 100, cents % 100)
}
