//! The cost of requests as text.

use crate::context::Context;

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

/// Explains the mark if it was printed.
pub(crate) fn explain_mark(has_simulated: bool, context: &Context) {
    if has_simulated {
        context
            .output
            .note(&format!("{SIMULATED_MARK} Simulated: nothing was billed"));
    }
}
