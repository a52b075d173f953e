//! Parses the input that Claude Code pipes to its status line command (docs/facts.md#claude-code-statusline).
//!
//! Invariants: a value that is missing, null, of the wrong type or implausible is ignored, without affecting others; a
//! limit whose window has ended is dropped; the only text that is retained is absolute paths.

use std::time::Duration;

use jiff::Timestamp;
use keyreeve_core::limits::{Fraction, Limit, LimitKind, LimitUsage, PlanWindow, parse_reset};
use keyreeve_core::money::NanoDollars;
use serde_json::{Map, Value};

use crate::rules::resolve::Release;

/// Maximum number of plan limits; more from a hostile input are dropped.
const MAX_WINDOWS: usize = 8;
/// Maximum plausible cost of a session: a million dollars.
const MAX_COST: NanoDollars = NanoDollars::new(1_000_000_000_000_000);

/// The state of a session, as Claude Code reports it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SessionInput {
    /// The rules of the running release.
    pub release: Option<Release>,
    /// The directory in which it was started, which determines its settings, then its current one: absolute, unchecked
    /// paths.
    pub directories: Vec<String>,
    /// The plan limits, five hours and seven days first. Only a session that used a plan has any.
    pub windows: Vec<Limit>,
    /// The cost of the session, as Claude Code calculates it by list prices.
    pub cost: Option<NanoDollars>,
}

impl SessionInput {
    /// Parses the input received at `now`. Returns `None` if it is not a JSON object.
    pub fn read(bytes: &[u8], now: Timestamp) -> Option<Self> {
        let Ok(Value::Object(session)) = serde_json::from_slice(bytes) else {
            return None;
        };
        let version = session.get("version").and_then(Value::as_str);
        Some(Self {
            release: version.and_then(Release::from_version),
            directories: directories(&session),
            windows: windows(&session, now),
            cost: cost(&session),
        })
    }

    /// Returns the limit of one window, if it was reported.
    pub fn window(&self, window: &PlanWindow) -> Option<&Limit> {
        let is_window = |limit: &&Limit| limit.kind == LimitKind::Plan(window.clone());
        self.windows.iter().find(is_window)
    }
}

fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    object.get(name)?.as_object()
}

/// Returns the directories, first the one in which Claude Code was started: its settings apply
/// (docs/facts.md#claude-code-host).
fn directories(session: &Map<String, Value>) -> Vec<String> {
    let workspace = |name| member(session, "workspace").and_then(|it| it.get(name));
    let values = [
        workspace("project_dir"),
        workspace("current_dir"),
        session.get("cwd"),
    ];
    let texts = values.into_iter().flatten().filter_map(Value::as_str);
    let absolute = texts.filter(|path| path.starts_with('/') && !path.contains('\0'));
    absolute.map(ToOwned::to_owned).collect()
}

fn windows(session: &Map<String, Value>, now: Timestamp) -> Vec<Limit> {
    let Some(limits) = member(session, "rate_limits") else {
        return Vec::new();
    };
    let reported = limits
        .iter()
        .filter_map(|(name, value)| window(name, value.as_object()?, now));
    let mut windows: Vec<_> = reported.collect();
    windows.sort_by(|one, other| one.kind.cmp(&other.kind));
    windows.truncate(MAX_WINDOWS);
    windows
}

fn window(name: &str, object: &Map<String, Value>, now: Timestamp) -> Option<Limit> {
    let percent = object.get("used_percentage").and_then(number);
    let used = percent
        .and_then(Fraction::from_percent)
        .map(LimitUsage::Used);
    let resets_at = object
        .get("resets_at")
        .and_then(|value| parse_reset(scalar_text(value)?.trim(), now));
    let has_value = used.is_some() || resets_at.is_some();
    let is_over = resets_at.is_some_and(|at| at <= now);
    (has_value && !is_over).then_some(Limit {
        kind: LimitKind::Plan(PlanWindow::parse(name).ok()?),
        usage: used,
        state: None,
        resets_at,
        observed_at: now,
    })
}

/// Converts a float to billionths with one exact rounding and without a cast, through [`Duration`]'s nanoseconds.
fn cost(session: &Map<String, Value>) -> Option<NanoDollars> {
    let dollars = number(member(session, "cost")?.get("total_cost_usd")?)?;
    let nanos = Duration::try_from_secs_f64(dollars).ok()?.as_nanos();
    let cost = NanoDollars::new(u64::try_from(nanos).ok()?);
    (cost <= MAX_COST).then_some(cost)
}

/// Parses a number, or a text that contains one.
fn number(value: &Value) -> Option<f64> {
    scalar_text(value)?.trim().parse().ok()
}

/// Returns a number or a text in its textual form.
fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
