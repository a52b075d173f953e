//! Classifies a 429 by its rate limit headers: plan windows, per-minute limits, or a bare `retry-after`.
//!
//! Invariants: the headers count only with a 429. A plan's overage alone is not a limit. An unknown window cools down
//! only the requested model (docs/facts.md#rate-limits).

use jiff::Timestamp;

use super::meanings::{MINUTE_LIMIT, PLAN_MODEL_WINDOW, PLAN_WINDOW, RETRY_LATER, SHORT_THROTTLE};
use super::response::ErrorResponse;
use super::{DecidedBy, Verdict, times};
use crate::limits::{LimitState, PlanWindow, UNIFIED_PREFIX};

const PER_MINUTE: [&str; 4] = ["requests", "tokens", "input-tokens", "output-tokens"];

/// Returns the verdict given by the headers, if any.
pub(super) fn by_headers(response: &ErrorResponse<'_>, now: Timestamp) -> Option<Verdict> {
    if response.status != 429 {
        return None;
    }
    plan(response, now)
        .or_else(|| minute(response, now))
        .or_else(|| {
            let until = times::retry_after(response, now)?;
            Some(Verdict::new(&RETRY_LATER, DecidedBy::Header).until_at(Some(until)))
        })
}

/// Returns the verdict on a 429 that names no limit: a short throttle.
pub(super) fn without_limit_headers(response: &ErrorResponse<'_>) -> Option<Verdict> {
    (response.status == 429).then(|| Verdict::new(&SHORT_THROTTLE, DecidedBy::Header))
}

/// Returns the reset time of the last exhausted per-minute limit.
pub(super) fn minute_reset(response: &ErrorResponse<'_>, now: Timestamp) -> Option<Timestamp> {
    let reset = |kind| {
        let header = |field| response.header(&format!("anthropic-ratelimit-{kind}-{field}"));
        if header("remaining")?.parse::<u64>().ok()? > 0 {
            return None;
        }
        times::reset(header("reset")?, now)
    };
    PER_MINUTE.into_iter().filter_map(reset).max()
}

fn minute(response: &ErrorResponse<'_>, now: Timestamp) -> Option<Verdict> {
    let reset = minute_reset(response, now)?;
    let until = times::retry_after(response, now).unwrap_or(reset);
    Some(Verdict::new(&MINUTE_LIMIT, DecidedBy::Header).until_at(Some(until)))
}

fn plan(response: &ErrorResponse<'_>, now: Timestamp) -> Option<Verdict> {
    let unified = |field: &str| response.header(&format!("{UNIFIED_PREFIX}{field}"));
    unified("status").filter(|status| is_rejected(status))?;
    let covers_plan =
        |name: &str| PlanWindow::parse(name).is_ok_and(|window| window.covers_every_model());
    let (whole, scoped): (Vec<String>, Vec<String>) = rejected_windows(response)
        .into_iter()
        .partition(|name| covers_plan(name));
    let claims_model = unified("representative-claim").is_some_and(|claim| !covers_plan(claim));
    let (meaning, windows) = if whole.is_empty() && (claims_model || !scoped.is_empty()) {
        (&PLAN_MODEL_WINDOW, scoped)
    } else {
        (&PLAN_WINDOW, whole)
    };
    let reset = |name: &String| times::reset(unified(&format!("{name}-reset"))?, now);
    let until = windows
        .iter()
        .filter_map(reset)
        .max()
        .or_else(|| times::reset(unified("reset")?, now))
        .or_else(|| times::retry_after(response, now));
    Some(Verdict::new(meaning, DecidedBy::Header).until_at(until))
}

/// Returns the header names of the rejected windows, without the overage.
fn rejected_windows(response: &ErrorResponse<'_>) -> Vec<String> {
    let window = |name: &str| {
        let name = name.to_ascii_lowercase();
        let window = name.strip_prefix(UNIFIED_PREFIX)?.strip_suffix("-status")?;
        (PlanWindow::parse(window) != Ok(PlanWindow::Overage)).then(|| window.to_owned())
    };
    response
        .headers
        .iter()
        .filter(|(_, status)| is_rejected(status.trim()))
        .filter_map(|(name, _)| window(name))
        .collect()
}

fn is_rejected(status: &str) -> bool {
    LimitState::parse(status) == Ok(LimitState::Rejected)
}
