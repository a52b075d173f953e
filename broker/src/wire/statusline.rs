//! The status line as JSON.

use keyreeve_core::limits::{Fraction, Limit};
use keyreeve_resolver::statusline::SessionInput;
use serde::Serialize;

use super::ResolutionView;

/// The status line and its parts.
#[derive(Debug, Serialize)]
pub struct StatuslineView {
    /// The line as Claude Code shows it, without color.
    pub line: String,
    /// Warnings; if there are any, the line starts with a mark.
    pub warnings: Vec<String>,
    /// Data reported by the session.
    pub session: SessionView,
    /// The payer and the credential.
    #[serde(flatten)]
    pub resolution: ResolutionView,
}

/// Data reported by a session.
#[derive(Debug, Serialize)]
pub struct SessionView {
    /// The plan's windows, as far as the session reports them.
    pub windows: Vec<SessionWindowView>,
    /// The session's cost in US dollars at list prices, as computed by Claude Code; null if not reported.
    pub cost_usd: Option<String>,
}

/// A window of a plan.
#[derive(Debug, Serialize)]
pub struct SessionWindowView {
    /// `five_hour`, `seven_day` or a name unknown to this version.
    pub window: String,
    /// Use in whole percent, rounded down; null if not reported.
    pub used_percent: Option<u32>,
    /// Time of the window's reset.
    pub resets_at: Option<String>,
}

impl From<&SessionInput> for SessionView {
    fn from(input: &SessionInput) -> Self {
        Self {
            windows: input.windows.iter().map(Into::into).collect(),
            cost_usd: input.cost.map(|cost| cost.to_string()),
        }
    }
}

impl From<&Limit> for SessionWindowView {
    fn from(limit: &Limit) -> Self {
        Self {
            window: limit.kind.name().to_owned(),
            used_percent: limit.used().map(Fraction::percent),
            resets_at: limit.resets_at.map(|at| at.to_string()),
        }
    }
}
