//! The cost of requests as text.

use crate::output::Line;

/// Marks the cost of a request to a sandbox.
pub(crate) const SIMULATED_MARK: &str = "*";

/// Formats an amount with six decimals, and `<=` before an upper bound.
pub(crate) fn dollars(usd: f64, is_at_most: bool) -> String {
    let sign = if is_at_most { "<= " } else { "" };
    format!("{sign}{usd:.6}")
}

/// Formats what a plan paid for at API prices, which is never part of the cost.
pub(crate) fn plan_equivalent(equivalent_usd: f64) -> String {
    format!("plan, ≈ {equivalent_usd:.6} at API prices")
}

/// Explains the mark if a cost has it.
pub(crate) fn mark_explanation(has_simulated: bool) -> Option<Line> {
    let explanation = || Line::Note(format!("{SIMULATED_MARK} Simulated: nothing was billed"));
    has_simulated.then(explanation)
}
