//! What the status line says, for machines.

use keyreeve_core::limits::{Limit, Share};
use keyreeve_core::statusline::Input;
use serde::Serialize;

use super::ResolutionView;

/// The line, and what it is made of.
#[derive(Debug, Serialize)]
pub struct StatuslineView {
    /// The line, as Claude Code shows it without colour.
    pub line: String,
    /// Why it begins with a mark; empty where it does not.
    pub warnings: Vec<String>,
    /// What the session told.
    pub session: SessionView,
    /// Who pays.
    #[serde(flatten)]
    pub resolution: ResolutionView,
}

/// What a session told.
#[derive(Debug, Serialize)]
pub struct SessionView {
    /// The windows of the plan; one that is not here was not told.
    pub windows: Vec<SessionWindowView>,
    /// What it has cost in US dollars by list prices, as Claude Code reckons; none where that was not told.
    pub cost_usd: Option<String>,
}

/// A window of a plan, as the session told it.
#[derive(Debug, Serialize)]
pub struct SessionWindowView {
    /// `five_hour`, `seven_day`, or one that is not known here.
    pub window: String,
    /// How much of it is used, in whole percent rounded down; none where that was not told.
    pub used_percent: Option<u32>,
    /// When it is full again.
    pub resets_at: Option<String>,
}

impl From<&Input> for SessionView {
    fn from(input: &Input) -> Self {
        Self {
            windows: input.windows.iter().map(Into::into).collect(),
            cost_usd: input.cost.map(|cost| cost.to_string()),
        }
    }
}

impl From<&Limit> for SessionWindowView {
    fn from(limit: &Limit) -> Self {
        Self {
            window: limit.which.name().to_owned(),
            used_percent: limit.used().map(Share::percent),
            resets_at: limit.resets_at.map(|at| at.to_string()),
        }
    }
}
