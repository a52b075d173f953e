//! Parses a plan's windows from the body of `/api/oauth/usage` (docs/facts.md#rate-limits).
//!
//! Invariants: nothing here fails: a window that is null or invalid counts as not reported; an unknown name is
//! preserved, since the list grows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::headers::{MAX_LIMITS, parse_reset};
use super::limit::{Fraction, Limit, LimitKind, LimitUsage, PlanWindow};

/// Maximum length of a body; a longer one is ignored.
pub const MAX_USAGE_BODY_BYTES: usize = 64 * 1024;

/// Parses the windows in a body received at `now`.
pub fn from_usage_body(body: &[u8], now: Timestamp) -> Vec<Limit> {
    if body.len() > MAX_USAGE_BODY_BYTES {
        return Vec::new();
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return Vec::new();
    };
    let mut limits = BTreeMap::new();
    let by_name = body
        .iter()
        .filter_map(|(name, entry)| limit(window_by_name(name)?, entry, "utilization", now));
    let list = body.get("limits").and_then(Value::as_array);
    let listed = list
        .into_iter()
        .flatten()
        .filter_map(|entry| limit(listed_window(entry)?, entry, "percent", now));
    // The same window can occur in both places.
    for limit in by_name.chain(listed) {
        limits.entry(limit.kind.clone()).or_insert(limit);
    }
    limits.into_values().take(MAX_LIMITS).collect()
}

fn window_by_name(name: &str) -> Option<PlanWindow> {
    match name {
        "extra_usage" => Some(PlanWindow::Overage),
        _ => PlanWindow::parse(name).ok(),
    }
}

/// Parses a window of the newer list, which names a model's window by the model's display name.
fn listed_window(listed: &Value) -> Option<PlanWindow> {
    match listed.get("kind")?.as_str()? {
        "session" => Some(PlanWindow::FiveHour),
        "weekly_all" => Some(PlanWindow::SevenDay),
        "weekly_scoped" => {
            let model = listed.get("scope")?.get("model")?.get("display_name")?;
            let model = model.as_str()?.to_ascii_lowercase().replace(' ', "_");
            PlanWindow::parse(&format!("seven_day_{model}")).ok()
        }
        other => PlanWindow::parse(other).ok(),
    }
}

/// Returns the limit, unless its usage is missing.
fn limit(window: PlanWindow, entry: &Value, usage_field: &str, now: Timestamp) -> Option<Limit> {
    let used = Fraction::from_percent(entry.get(usage_field)?.as_f64()?)?;
    let resets_at = entry.get("resets_at").and_then(Value::as_str);
    Some(Limit {
        kind: LimitKind::Plan(window),
        usage: Some(LimitUsage::Used(used)),
        state: None,
        resets_at: resets_at.and_then(|at| parse_reset(at, now)),
        observed_at: now,
    })
}
