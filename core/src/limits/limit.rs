//! One limit as reported: its kind, usage, state and reset time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use super::slug::{Slug, SlugError};

/// One limit, observed at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limit {
    /// The kind of limit.
    pub kind: LimitKind,
    /// The usage, if reported.
    pub usage: Option<LimitUsage>,
    /// The state, if reported.
    pub state: Option<LimitState>,
    /// The reset time: when a per-minute limit is replenished, or a new window starts.
    pub resets_at: Option<Timestamp>,
    /// The time of the observation.
    pub observed_at: Timestamp,
}

/// The kind of a limit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LimitKind {
    /// A per-minute rate limit of an organization and a class of models.
    Minute(MinuteMetric),
    /// A usage window of a plan.
    Plan(PlanWindow),
}

/// The metric of a per-minute rate limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MinuteMetric {
    /// Requests.
    Requests,
    /// Tokens, by the most restrictive limit in force.
    Tokens,
    /// Input tokens; cache reads mostly do not count.
    InputTokens,
    /// Output tokens.
    OutputTokens,
    /// Input tokens of the priority tier.
    PriorityInputTokens,
    /// Output tokens of the priority tier.
    PriorityOutputTokens,
}

/// A usage window of a plan. The list grows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PlanWindow {
    /// Five hours, every model.
    FiveHour,
    /// Seven days, every model.
    SevenDay,
    /// Seven days, Opus.
    SevenDayOpus,
    /// Seven days, Sonnet.
    SevenDaySonnet,
    /// Seven days, models included in the overage.
    SevenDayOverageIncluded,
    /// The overage: usage bought beyond the plan.
    Overage,
    /// The whole plan, if the response names no window.
    Unspecified,
    /// A window unknown to this version.
    Other(Slug),
}

/// The usage of a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LimitUsage {
    /// The remaining count.
    Remaining {
        /// The remaining count.
        remaining: u64,
        /// The maximum, if reported.
        limit: Option<u64>,
    },
    /// The used fraction, if no count is reported.
    Used(Fraction),
}

/// A fraction in millionths: 1,000,000 is the whole limit; a larger value exceeds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fraction(u32);

/// The state of a limit, as reported by the upstream. The list grows.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum LimitState {
    /// Requests are served.
    Allowed,
    /// Requests are served, with a warning.
    AllowedWarning,
    /// Requests are rejected.
    Rejected,
    /// A state unknown to this version.
    Other(Slug),
}

impl Limit {
    /// Returns the used fraction, if it can be computed.
    pub fn used(&self) -> Option<Fraction> {
        match self.usage? {
            LimitUsage::Used(fraction) => Some(fraction),
            LimitUsage::Remaining { remaining, limit } => {
                Fraction::from_remaining(remaining, limit?)
            }
        }
    }

    /// Returns `true` if its window has reset since the observation: its figures are then stale.
    pub fn has_reset(&self, now: Timestamp) -> bool {
        self.resets_at
            .is_some_and(|at| at <= now && self.observed_at < now)
    }
}

impl LimitKind {
    /// Returns the name used in JSON and text: `requests`, `five_hour`.
    pub fn name(&self) -> &str {
        match self {
            Self::Minute(metric) => metric.name(),
            Self::Plan(window) => window.name(),
        }
    }

    /// Returns `true` if each class of models has its own limit.
    pub fn is_per_class(&self) -> bool {
        match self {
            Self::Minute(_) => true,
            Self::Plan(_) => false,
        }
    }
}

const PLAN: &str = "plan ";

impl fmt::Display for LimitKind {
    /// Writes the form that [`FromStr`] parses: the name, with the prefix `plan ` for a plan's window.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minute(metric) => f.write_str(metric.name()),
            Self::Plan(window) => write!(f, "{PLAN}{}", window.name()),
        }
    }
}

impl FromStr for LimitKind {
    type Err = SlugError;

    fn from_str(text: &str) -> Result<Self, SlugError> {
        match text.strip_prefix(PLAN) {
            Some(window) => PlanWindow::parse(window).map(Self::Plan),
            None => MinuteMetric::parse(text).map(Self::Minute).ok_or(SlugError),
        }
    }
}

impl MinuteMetric {
    const ALL: [Self; 6] = [
        Self::Requests,
        Self::Tokens,
        Self::InputTokens,
        Self::OutputTokens,
        Self::PriorityInputTokens,
        Self::PriorityOutputTokens,
    ];

    /// Returns the name: `input_tokens`.
    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::PriorityInputTokens => "priority_input_tokens",
            Self::PriorityOutputTokens => "priority_output_tokens",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

impl PlanWindow {
    /// Parses a window's name, abbreviated as in headers (`5h`) or as in claims and the status line (`five_hour`).
    ///
    /// # Errors
    /// [`SlugError`] if it is not a valid name.
    pub fn parse(name: &str) -> Result<Self, SlugError> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "5h" | "five_hour" => Self::FiveHour,
            "7d" | "seven_day" => Self::SevenDay,
            "7d_opus" | "seven_day_opus" => Self::SevenDayOpus,
            "7d_sonnet" | "seven_day_sonnet" => Self::SevenDaySonnet,
            "7d_oi" | "seven_day_overage_included" => Self::SevenDayOverageIncluded,
            "overage" => Self::Overage,
            "plan" => Self::Unspecified,
            _ => Self::Other(name.parse()?),
        })
    }

    /// Returns `true` if every model counts toward it: once it is used up, no model is available.
    pub(crate) fn covers_every_model(&self) -> bool {
        match self {
            Self::FiveHour | Self::SevenDay | Self::Unspecified => true,
            Self::SevenDayOpus
            | Self::SevenDaySonnet
            | Self::SevenDayOverageIncluded
            | Self::Overage
            | Self::Other(_) => false,
        }
    }

    /// Returns the name: `five_hour`.
    pub fn name(&self) -> &str {
        match self {
            Self::FiveHour => "five_hour",
            Self::SevenDay => "seven_day",
            Self::SevenDayOpus => "seven_day_opus",
            Self::SevenDaySonnet => "seven_day_sonnet",
            Self::SevenDayOverageIncluded => "seven_day_overage_included",
            Self::Overage => "overage",
            Self::Unspecified => "plan",
            Self::Other(slug) => slug.as_str(),
        }
    }
}

impl Fraction {
    /// The whole limit.
    const ALL: Self = Self(1_000_000);
    /// Maximum value: a hundred times the whole limit. More is implausible.
    const MAX: u32 = 100_000_000;

    /// Creates a fraction from a ratio: 1.0 is the whole limit. `None` if it is negative, infinite or implausible.
    pub fn from_ratio(ratio: f64) -> Option<Self> {
        // Converts the float to millionths exactly once and without a cast: a second has a million microseconds.
        let millionths = Duration::try_from_secs_f64(ratio).ok()?.as_micros();
        u32::try_from(millionths)
            .ok()
            .and_then(Self::from_millionths)
    }

    /// Creates a fraction from a percentage: 100.0 is the whole limit.
    pub fn from_percent(percent: f64) -> Option<Self> {
        Self::from_ratio(percent / 100.0)
    }

    /// Creates a fraction from millionths, as returned by [`Fraction::millionths`].
    pub fn from_millionths(millionths: u32) -> Option<Self> {
        (millionths <= Self::MAX).then_some(Self(millionths))
    }

    /// Returns the value in millionths.
    pub fn millionths(self) -> u32 {
        self.0
    }

    /// Returns the ratio: 1.0 is the whole limit.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ALL.0)
    }

    /// Returns whole percent, rounded down, so that 100 means used up.
    pub fn percent(self) -> u32 {
        self.0 / 10_000
    }

    /// Returns the used fraction of `limit` if `remaining` are left; `None` if the limit is zero.
    fn from_remaining(remaining: u64, limit: u64) -> Option<Self> {
        let used = u128::from(limit.saturating_sub(remaining)) * u128::from(Self::ALL.0);
        let millionths = used.checked_div(u128::from(limit))?;
        u32::try_from(millionths).ok().map(Self)
    }
}

impl LimitState {
    /// Parses a status. `rate_limited`, which other sources use, means rejected.
    ///
    /// # Errors
    /// [`SlugError`] if it is not a valid state.
    pub fn parse(text: &str) -> Result<Self, SlugError> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "allowed" => Self::Allowed,
            "allowed_warning" => Self::AllowedWarning,
            "rejected" | "rate_limited" => Self::Rejected,
            _ => Self::Other(text.parse()?),
        })
    }

    /// Returns the name: `allowed_warning`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Allowed => "allowed",
            Self::AllowedWarning => "allowed_warning",
            Self::Rejected => "rejected",
            Self::Other(slug) => slug.as_str(),
        }
    }
}
