//! Parses the rate limit headers of a response of any status.
//!
//! Invariants: any header may be missing or garbage: an invalid one is ignored and does not affect the others; of two
//! headers with one name the first counts; a response reports at most [`MAX_LIMITS`] limits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::limit::{Fraction, Limit, LimitKind, LimitState, LimitUsage, MinuteMetric, PlanWindow};

/// Maximum number of limits per response; a hostile response is truncated.
pub(super) const MAX_LIMITS: usize = 32;

/// Maximum accepted distance of a reset time: 32 days, since no limit of the API is longer than a month.
pub const MAX_RESET_DISTANCE: SignedDuration = SignedDuration::from_hours(32 * 24);

const API_PREFIX: &str = "anthropic-";
/// The prefix of the headers that only plan logins receive.
pub(crate) const UNIFIED_PREFIX: &str = "anthropic-ratelimit-unified-";

/// The limits reported in a response's headers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReportedLimits {
    /// The limits in a fixed order; empty if no header is valid.
    pub limits: Vec<Limit>,
    /// `true` if there was a header that only plan logins receive, valid or not.
    pub is_plan: bool,
}

/// Returns `true` if a header, named in lower case, reports a limit.
pub fn is_limit_header(name: &str) -> bool {
    name.starts_with("anthropic-ratelimit-") || name.starts_with("anthropic-priority-")
}

/// Returns `true` if only plan logins receive a header, named in lower case.
pub fn is_plan_header(name: &str) -> bool {
    name.starts_with(UNIFIED_PREFIX)
}

/// Parses the headers of a response received at `now`. Names are case-insensitive; pass an undecodable value as `""`,
/// since the name alone identifies a plan. Other headers are ignored.
pub fn read_headers<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    now: Timestamp,
) -> ReportedLimits {
    let mut drafts = LimitDrafts::default();
    for (name, value) in headers {
        if let Some(name) = api_header(name) {
            drafts.parse_header(&name, value.trim(), now);
        }
    }
    drafts.finish(now)
}

/// Parses a reset time: epoch seconds, whole or fractional, or RFC 3339. `None` if it is invalid or farther from `now`
/// than [`MAX_RESET_DISTANCE`].
pub fn parse_reset(value: &str, now: Timestamp) -> Option<Timestamp> {
    parse_timestamp(value).filter(|at| at.duration_since(now).abs() <= MAX_RESET_DISTANCE)
}

/// Parses a timestamp of any distance: epoch seconds, fractions dropped, or RFC 3339.
pub(crate) fn parse_timestamp(value: &str) -> Option<Timestamp> {
    let integer = value.split_once('.').map_or(value, |(integer, _)| integer);
    match integer.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => value.parse().ok(),
    }
}

/// Returns the lower-case name of an API header, or `None` for other headers.
fn api_header(name: &str) -> Option<Cow<'_, str>> {
    let (start, _) = name.split_at_checked(API_PREFIX.len())?;
    if !start.eq_ignore_ascii_case(API_PREFIX) {
        return None;
    }
    Some(if name.bytes().any(|c| c.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

/// The limits parsed so far.
#[derive(Default)]
struct LimitDrafts {
    by_kind: BTreeMap<LimitKind, LimitDraft>,
    is_plan: bool,
    /// The deciding window (`representative-claim`).
    claim: Option<PlanWindow>,
    /// The plan's own state and reset time, which belong to the deciding window.
    plan: LimitDraft,
}

/// A partially parsed limit.
#[derive(Default)]
struct LimitDraft {
    remaining: Option<u64>,
    limit: Option<u64>,
    used: Option<Fraction>,
    state: Option<LimitState>,
    resets_at: Option<Timestamp>,
}

impl LimitDrafts {
    fn parse_header(&mut self, name: &str, value: &str, now: Timestamp) {
        if let Some(field) = name.strip_prefix(UNIFIED_PREFIX) {
            self.is_plan = true;
            self.parse_plan_header(field, value, now);
            return;
        }
        let Some((metric, field)) = name.rsplit_once('-') else {
            return;
        };
        if let Some(metric) = minute_metric(metric)
            && let Some(draft) = self.draft(LimitKind::Minute(metric))
        {
            draft.parse_field(field, value, now);
        }
    }

    fn parse_plan_header(&mut self, field: &str, value: &str, now: Timestamp) {
        match field.rsplit_once('-') {
            None => self.plan.parse_field(field, value, now),
            Some(("representative", "claim")) => {
                self.claim = self.claim.take().or_else(|| PlanWindow::parse(value).ok());
            }
            Some((window, field @ ("status" | "reset" | "utilization"))) => {
                if let Ok(window) = PlanWindow::parse(window)
                    && let Some(draft) = self.draft(LimitKind::Plan(window))
                {
                    draft.parse_field(field, value, now);
                }
            }
            // Ignored: the remaining fallback fraction, the reason for missing overage, the threshold that was passed.
            Some(_) => {}
        }
    }

    fn draft(&mut self, kind: LimitKind) -> Option<&mut LimitDraft> {
        let is_full = self.by_kind.len() >= MAX_LIMITS;
        if is_full && !self.by_kind.contains_key(&kind) {
            return None;
        }
        Some(self.by_kind.entry(kind).or_default())
    }

    fn finish(mut self, now: Timestamp) -> ReportedLimits {
        let plan = std::mem::take(&mut self.plan);
        if let Some(window) = self.window_of_plan_state()
            && let Some(draft) = self.draft(LimitKind::Plan(window))
        {
            draft.state = draft.state.take().or(plan.state);
            draft.resets_at = draft.resets_at.or(plan.resets_at);
        }
        let drafts = self.by_kind.into_iter();
        ReportedLimits {
            limits: drafts
                .filter_map(|(kind, draft)| draft.finish(kind, now))
                .collect(),
            is_plan: self.is_plan,
        }
    }

    /// Returns the window that the plan's own state and reset belong to; `None` if windows were reported but none is
    /// claimed.
    fn window_of_plan_state(&mut self) -> Option<PlanWindow> {
        let is_window = |kind: &LimitKind| match kind {
            LimitKind::Plan(window) => *window != PlanWindow::Overage,
            LimitKind::Minute(_) => false,
        };
        match self.claim.take() {
            Some(window) => Some(window),
            None if self.by_kind.keys().any(is_window) => None,
            None => Some(PlanWindow::Unspecified),
        }
    }
}

impl LimitDraft {
    fn parse_field(&mut self, field: &str, value: &str, now: Timestamp) {
        match field {
            "remaining" => self.remaining = self.remaining.or_else(|| value.parse().ok()),
            "limit" => self.limit = self.limit.or_else(|| value.parse().ok()),
            "reset" => self.resets_at = self.resets_at.or_else(|| parse_reset(value, now)),
            "status" => self.state = self.state.take().or_else(|| LimitState::parse(value).ok()),
            "utilization" => {
                let fraction = || Fraction::from_ratio(value.parse().ok()?);
                self.used = self.used.or_else(fraction);
            }
            _ => {}
        }
    }

    /// Returns the limit, unless nothing about it is valid.
    fn finish(self, kind: LimitKind, now: Timestamp) -> Option<Limit> {
        let limit = self.limit;
        let remaining = self
            .remaining
            .map(|remaining| LimitUsage::Remaining { remaining, limit });
        let usage = remaining.or_else(|| self.used.map(LimitUsage::Used));
        let has_data = usage.is_some() || self.state.is_some() || self.resets_at.is_some();
        has_data.then_some(Limit {
            kind,
            usage,
            state: self.state,
            resets_at: self.resets_at,
            observed_at: now,
        })
    }
}

fn minute_metric(name: &str) -> Option<MinuteMetric> {
    Some(match name {
        "anthropic-ratelimit-requests" => MinuteMetric::Requests,
        "anthropic-ratelimit-tokens" => MinuteMetric::Tokens,
        "anthropic-ratelimit-input-tokens" => MinuteMetric::InputTokens,
        "anthropic-ratelimit-output-tokens" => MinuteMetric::OutputTokens,
        "anthropic-priority-input-tokens" => MinuteMetric::PriorityInputTokens,
        "anthropic-priority-output-tokens" => MinuteMetric::PriorityOutputTokens,
        _ => return None,
    })
}
