//! Reads a plan's windows from the body of `/api/oauth/usage` (docs/facts.md#rate-limits).
//!
//! Invariants: nothing here fails: a window that is null, or that cannot be read, was not told; a name that is not known
//! is kept as it is, since the list grows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::limit::{Amount, Limit, Share, Which, Window};
use super::read::{MOST, reset_at};

/// The longest body that is read.
pub const LONGEST_USAGE: usize = 64 * 1024;

/// Reads the windows that a body tells, as it came at `now`.
pub fn of_usage(body: &[u8], now: Timestamp) -> Vec<Limit> {
    if body.len() > LONGEST_USAGE {
        return Vec::new();
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return Vec::new();
    };
    let mut told = BTreeMap::new();
    let by_name = body
        .iter()
        .filter_map(|(name, told)| limit(named(name)?, told, "utilization", now));
    let list = body.get("limits").and_then(Value::as_array);
    let listed = list
        .into_iter()
        .flatten()
        .filter_map(|told| limit(listed_window(told)?, told, "percent", now));
    // The same window may stand in both places.
    for limit in by_name.chain(listed) {
        told.entry(limit.which.clone()).or_insert(limit);
    }
    told.into_values().take(MOST).collect()
}

fn named(name: &str) -> Option<Window> {
    match name {
        "extra_usage" => Some(Window::Overage),
        _ => Window::of(name).ok(),
    }
}

/// A window of the newer list, which names one model's by what people call the model.
fn listed_window(listed: &Value) -> Option<Window> {
    match listed.get("kind")?.as_str()? {
        "session" => Some(Window::FiveHour),
        "weekly_all" => Some(Window::SevenDay),
        "weekly_scoped" => {
            let model = listed.get("scope")?.get("model")?.get("display_name")?;
            let model = model.as_str()?.to_ascii_lowercase().replace(' ', "_");
            Window::of(&format!("seven_day_{model}")).ok()
        }
        other => Window::of(other).ok(),
    }
}

/// The limit, unless it is not told how much of it is used.
fn limit(window: Window, told: &Value, share: &str, now: Timestamp) -> Option<Limit> {
    let used = Share::of_percent(told.get(share)?.as_f64()?)?;
    let resets_at = told.get("resets_at").and_then(Value::as_str);
    Some(Limit {
        which: Which::Plan(window),
        amount: Some(Amount::Used(used)),
        state: None,
        resets_at: resets_at.and_then(|at| reset_at(at, now)),
        seen_at: now,
    })
}
