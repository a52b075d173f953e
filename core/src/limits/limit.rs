//! One limit as it was told: which, how much of it, how it stands, until when.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use super::word::{OpenWord, Strange};

/// One limit, as told at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limit {
    /// Which.
    pub which: Which,
    /// How much of it; none where that was not told.
    pub amount: Option<Amount>,
    /// How the upstream says it stands; none where it does not say so.
    pub state: Option<State>,
    /// When it is full again: for a minute limit, by itself; for a window, all at once.
    pub resets_at: Option<Timestamp>,
    /// When this was told.
    pub seen_at: Timestamp,
}

/// Which limit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Which {
    /// So many a minute, of an organization and a class of models.
    Minute(Minute),
    /// A window of a plan.
    Plan(Window),
}

/// What is counted by the minute.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Minute {
    /// Requests.
    Requests,
    /// Tokens, by the most restrictive limit in force.
    Tokens,
    /// Input tokens; what was read from a cache mostly does not count.
    InputTokens,
    /// Output tokens.
    OutputTokens,
    /// Input tokens of the priority tier.
    PriorityInputTokens,
    /// Output tokens of the priority tier.
    PriorityOutputTokens,
}

/// A window of a plan. The list grows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Window {
    /// Five hours, every model.
    FiveHour,
    /// Seven days, every model.
    SevenDay,
    /// Seven days, Opus.
    SevenDayOpus,
    /// Seven days, Sonnet.
    SevenDaySonnet,
    /// Seven days, the models that count beyond the plan.
    SevenDayOverageIncluded,
    /// What is bought beyond the plan.
    Overage,
    /// The plan as a whole, where the answer names no window.
    Whole,
    /// One that is not known here.
    Other(OpenWord),
}

/// How much of a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Amount {
    /// A count of what is left.
    Left {
        /// What is left.
        remaining: u64,
        /// Of how many; none where that was not told.
        limit: Option<u64>,
    },
    /// What is used, where no count is told.
    Used(Share),
}

/// A share in millionths: 1,000,000 is all of it, and more is more than all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Share(u32);

/// How a limit stands, as the upstream says. The list grows.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// Requests are served.
    Allowed,
    /// They are, and it warns.
    AllowedWarning,
    /// They are not.
    Rejected,
    /// A word that is not known here.
    Other(OpenWord),
}

impl Limit {
    /// What is used of it, where that can be told.
    pub fn used(&self) -> Option<Share> {
        match self.amount? {
            Amount::Used(share) => Some(share),
            Amount::Left { remaining, limit } => Share::taken(remaining, limit?),
        }
    }

    /// Whether its window has ended since it was told: then its figures say nothing about now.
    pub fn has_reset(&self, now: Timestamp) -> bool {
        self.resets_at
            .is_some_and(|at| at <= now && self.seen_at < now)
    }
}

impl Which {
    /// Its own name, the same in JSON and in text: `requests`, `five_hour`.
    pub fn name(&self) -> &str {
        match self {
            Self::Minute(minute) => minute.name(),
            Self::Plan(window) => window.name(),
        }
    }

    /// Whether each class of models has one of its own.
    pub fn is_per_class(&self) -> bool {
        match self {
            Self::Minute(_) => true,
            Self::Plan(_) => false,
        }
    }
}

const PLAN: &str = "plan ";

impl fmt::Display for Which {
    /// What [`FromStr`] reads back: the name, after `plan ` where it is a plan's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minute(minute) => f.write_str(minute.name()),
            Self::Plan(window) => write!(f, "{PLAN}{}", window.name()),
        }
    }
}

impl FromStr for Which {
    type Err = Strange;

    fn from_str(text: &str) -> Result<Self, Strange> {
        match text.strip_prefix(PLAN) {
            Some(window) => Window::of(window).map(Self::Plan),
            None => Minute::of(text).map(Self::Minute).ok_or(Strange),
        }
    }
}

impl Minute {
    const ALL: [Self; 6] = [
        Self::Requests,
        Self::Tokens,
        Self::InputTokens,
        Self::OutputTokens,
        Self::PriorityInputTokens,
        Self::PriorityOutputTokens,
    ];

    /// Its name: `input_tokens`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::PriorityInputTokens => "priority_input_tokens",
            Self::PriorityOutputTokens => "priority_output_tokens",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|minute| minute.name() == name)
    }
}

impl Window {
    /// Reads a window's name, as headers abbreviate it (`5h`) or as claims and the status line have it (`five_hour`).
    ///
    /// # Errors
    /// [`Strange`] for what is no name at all.
    pub fn of(name: &str) -> Result<Self, Strange> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "5h" | "five_hour" => Self::FiveHour,
            "7d" | "seven_day" => Self::SevenDay,
            "7d_opus" | "seven_day_opus" => Self::SevenDayOpus,
            "7d_sonnet" | "seven_day_sonnet" => Self::SevenDaySonnet,
            "7d_oi" | "seven_day_overage_included" => Self::SevenDayOverageIncluded,
            "overage" => Self::Overage,
            "plan" => Self::Whole,
            _ => Self::Other(name.parse()?),
        })
    }

    /// Whether every model counts in it: once it is used up, none is left.
    pub(crate) fn is_of_every_model(&self) -> bool {
        match self {
            Self::FiveHour | Self::SevenDay | Self::Whole => true,
            Self::SevenDayOpus
            | Self::SevenDaySonnet
            | Self::SevenDayOverageIncluded
            | Self::Overage
            | Self::Other(_) => false,
        }
    }

    /// Its name: `five_hour`.
    pub fn name(&self) -> &str {
        match self {
            Self::FiveHour => "five_hour",
            Self::SevenDay => "seven_day",
            Self::SevenDayOpus => "seven_day_opus",
            Self::SevenDaySonnet => "seven_day_sonnet",
            Self::SevenDayOverageIncluded => "seven_day_overage_included",
            Self::Overage => "overage",
            Self::Whole => "plan",
            Self::Other(word) => word.as_str(),
        }
    }
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self(1_000_000);
    /// More than a hundred times all of it is no share of anything.
    const MOST: u32 = 100_000_000;

    /// Takes a fraction: 1.0 is all of it. None for what is no share: below nothing, endless, or beyond belief.
    pub fn of_fraction(fraction: f64) -> Option<Self> {
        // Reckons a float in millionths exactly once and without a cast: a second has as many microseconds.
        let millionths = Duration::try_from_secs_f64(fraction).ok()?.as_micros();
        u32::try_from(millionths).ok().and_then(Self::of_millionths)
    }

    /// Takes a percentage: 100.0 is all of it.
    pub fn of_percent(percent: f64) -> Option<Self> {
        Self::of_fraction(percent / 100.0)
    }

    /// Takes millionths, as [`Share::millionths`] gives them.
    pub fn of_millionths(millionths: u32) -> Option<Self> {
        (millionths <= Self::MOST).then_some(Self(millionths))
    }

    /// In millionths.
    pub fn millionths(self) -> u32 {
        self.0
    }

    /// As a fraction: 1.0 is all of it.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(Self::WHOLE.0)
    }

    /// In whole percent, rounded down, so that 100 is said of nothing that is not used up.
    pub fn percent(self) -> u32 {
        self.0 / 10_000
    }

    /// What is taken of `limit` where `remaining` are left; none of a limit of nothing.
    fn taken(remaining: u64, limit: u64) -> Option<Self> {
        let taken = u128::from(limit.saturating_sub(remaining)) * u128::from(Self::WHOLE.0);
        let millionths = taken.checked_div(u128::from(limit))?;
        u32::try_from(millionths).ok().map(Self)
    }
}

impl State {
    /// Reads a status; `rate_limited` is known from elsewhere and means rejected.
    ///
    /// # Errors
    /// [`Strange`] for what is no word at all.
    pub fn of(word: &str) -> Result<Self, Strange> {
        Ok(match word.to_ascii_lowercase().as_str() {
            "allowed" => Self::Allowed,
            "allowed_warning" => Self::AllowedWarning,
            "rejected" | "rate_limited" => Self::Rejected,
            _ => Self::Other(word.parse()?),
        })
    }

    /// Its word: `allowed_warning`.
    pub fn word(&self) -> &str {
        match self {
            Self::Allowed => "allowed",
            Self::AllowedWarning => "allowed_warning",
            Self::Rejected => "rejected",
            Self::Other(word) => word.as_str(),
        }
    }
}
