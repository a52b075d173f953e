//! Reads limits from headers: a plan's windows, the minute limits, and a bare `retry-after`.
//!
//! Invariants: headers speak only with a 429. A plan's overage alone is no limit. A window that nobody knows yet rests
//! no more than the model that was asked for (docs/facts.md#rate-limits).

use jiff::Timestamp;

use super::answer::ErrorAnswer;
use super::meanings::{MINUTE_LIMIT, PLAN_MODEL_WINDOW, PLAN_WINDOW, RETRY_LATER, SHORT_THROTTLE};
use super::{Evidence, Verdict, times};
use crate::limits::{State, UNIFIED, Window};

const MINUTE: [&str; 4] = ["requests", "tokens", "input-tokens", "output-tokens"];

/// The verdict of the headers, if they have one.
pub(super) fn by_headers(answer: &ErrorAnswer<'_>, now: Timestamp) -> Option<Verdict> {
    if answer.status != 429 {
        return None;
    }
    plan(answer, now)
        .or_else(|| minute(answer, now))
        .or_else(|| {
            let until = times::retry_after(answer, now)?;
            Some(Verdict::new(&RETRY_LATER, Evidence::Header).until_at(Some(until)))
        })
}

/// A 429 that names no limit at all is a short throttle.
pub(super) fn by_their_absence(answer: &ErrorAnswer<'_>) -> Option<Verdict> {
    (answer.status == 429).then(|| Verdict::new(&SHORT_THROTTLE, Evidence::Header))
}

/// When the last of the exhausted minute limits is full again.
pub(super) fn minute_reset(answer: &ErrorAnswer<'_>, now: Timestamp) -> Option<Timestamp> {
    let reset = |kind| {
        let header = |field| answer.header(&format!("anthropic-ratelimit-{kind}-{field}"));
        if header("remaining")?.parse::<u64>().ok()? > 0 {
            return None;
        }
        times::reset(header("reset")?, now)
    };
    MINUTE.into_iter().filter_map(reset).max()
}

fn minute(answer: &ErrorAnswer<'_>, now: Timestamp) -> Option<Verdict> {
    let reset = minute_reset(answer, now)?;
    let until = times::retry_after(answer, now).unwrap_or(reset);
    Some(Verdict::new(&MINUTE_LIMIT, Evidence::Header).until_at(Some(until)))
}

fn plan(answer: &ErrorAnswer<'_>, now: Timestamp) -> Option<Verdict> {
    let unified = |field: &str| answer.header(&format!("{UNIFIED}{field}"));
    unified("status").filter(|status| is_rejected(status))?;
    let is_whole = |name: &str| Window::of(name).is_ok_and(|window| window.is_of_every_model());
    let (whole, scoped): (Vec<String>, Vec<String>) = rejected(answer)
        .into_iter()
        .partition(|name| is_whole(name));
    let claims_a_model = unified("representative-claim").is_some_and(|claim| !is_whole(claim));
    let (meaning, windows) = if whole.is_empty() && (claims_a_model || !scoped.is_empty()) {
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
        .or_else(|| times::retry_after(answer, now));
    Some(Verdict::new(meaning, Evidence::Header).until_at(until))
}

/// The windows said to be used up, without the overage, by the names that headers give them.
fn rejected(answer: &ErrorAnswer<'_>) -> Vec<String> {
    let window = |name: &str| {
        let name = name.to_ascii_lowercase();
        let window = name.strip_prefix(UNIFIED)?.strip_suffix("-status")?;
        (Window::of(window) != Ok(Window::Overage)).then(|| window.to_owned())
    };
    answer
        .headers
        .iter()
        .filter(|(_, status)| is_rejected(status.trim()))
        .filter_map(|(name, _)| window(name))
        .collect()
}

fn is_rejected(status: &str) -> bool {
    State::of(status) == Ok(State::Rejected)
}
