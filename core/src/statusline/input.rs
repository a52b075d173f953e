//! What Claude Code pipes to the command of its status line (docs/facts.md#claude-code-statusline).
//!
//! Invariants: what is missing, null, of another type or beyond belief counts as not seen, and spoils nothing beside it;
//! a window that has ended says nothing about now; of text nothing is kept but absolute paths.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::limits::{Amount, Limit, Share, Which, Window, reset_at};
use crate::money::NanoDollars;
use crate::resolve::Release;

/// More windows than these nobody has; a hostile input is cut here.
const MOST_WINDOWS: usize = 8;
/// A session that costs more is beyond belief: a million dollars.
const MOST: NanoDollars = NanoDollars::new(1_000_000_000_000_000);

/// What a session tells about itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Input {
    /// The rules that the running release follows.
    pub release: Option<Release>,
    /// Where it was started, then where it is now: what settles its settings comes first. Absolute paths, not looked at.
    pub directories: Vec<String>,
    /// The windows of the plan, five hours and seven days first. Only a session that a plan answered has any.
    pub windows: Vec<Limit>,
    /// What the session has cost, as Claude Code reckons it by list prices.
    pub cost: Option<NanoDollars>,
}

impl Input {
    /// Reads what was piped at `now`. None where it is no JSON object: then nothing was told.
    pub fn read(bytes: &[u8], now: Timestamp) -> Option<Self> {
        let Ok(Value::Object(told)) = serde_json::from_slice(bytes) else {
            return None;
        };
        let version = told.get("version").and_then(Value::as_str);
        Some(Self {
            release: version.and_then(Release::of_version),
            directories: directories(&told),
            windows: windows(&told, now),
            cost: cost(&told),
        })
    }

    /// One of the windows, where it was told.
    pub fn window(&self, window: &Window) -> Option<&Limit> {
        let is_it = |limit: &&Limit| limit.which == Which::Plan(window.clone());
        self.windows.iter().find(is_it)
    }
}

fn member<'a>(told: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    told.get(name)?.as_object()
}

/// Settings are those of the directory in which Claude Code was started (docs/facts.md#claude-code-host).
fn directories(told: &Map<String, Value>) -> Vec<String> {
    let workspace = |name| member(told, "workspace").and_then(|it| it.get(name));
    let named = [
        workspace("project_dir"),
        workspace("current_dir"),
        told.get("cwd"),
    ];
    let texts = named.into_iter().flatten().filter_map(Value::as_str);
    let absolute = texts.filter(|path| path.starts_with('/') && !path.contains('\0'));
    absolute.map(ToOwned::to_owned).collect()
}

fn windows(told: &Map<String, Value>, now: Timestamp) -> Vec<Limit> {
    let Some(limits) = member(told, "rate_limits") else {
        return Vec::new();
    };
    let told = limits
        .iter()
        .filter_map(|(name, value)| window(name, value.as_object()?, now));
    let mut windows: Vec<_> = told.collect();
    windows.sort_by(|one, other| one.which.cmp(&other.which));
    windows.truncate(MOST_WINDOWS);
    windows
}

fn window(name: &str, told: &Map<String, Value>, now: Timestamp) -> Option<Limit> {
    let percent = told.get("used_percentage").and_then(number);
    let used = percent.and_then(Share::of_percent).map(Amount::Used);
    let resets_at = told
        .get("resets_at")
        .and_then(|value| reset_at(written(value)?.trim(), now));
    let says_something = used.is_some() || resets_at.is_some();
    let is_over = resets_at.is_some_and(|at| at <= now);
    (says_something && !is_over).then_some(Limit {
        which: Which::Plan(Window::of(name).ok()?),
        amount: used,
        state: None,
        resets_at,
        seen_at: now,
    })
}

/// Reckons a float in billionths exactly once and without a cast: a second has as many nanoseconds.
fn cost(told: &Map<String, Value>) -> Option<NanoDollars> {
    let dollars = number(member(told, "cost")?.get("total_cost_usd")?)?;
    let nanos = Duration::try_from_secs_f64(dollars).ok()?.as_nanos();
    let cost = NanoDollars::new(u64::try_from(nanos).ok()?);
    (cost <= MOST).then_some(cost)
}

/// A number, or a text that is one.
fn number(value: &Value) -> Option<f64> {
    written(value)?.trim().parse().ok()
}

/// A number or a text, as it is written.
fn written(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
