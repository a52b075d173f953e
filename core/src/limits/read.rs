//! Reads the limits that an answer's headers tell, whatever its status.
//!
//! Invariants: any header may be missing or garbage: what cannot be read is as good as absent, and spoils nothing beside
//! it; of two headers with one name the first counts; an answer tells no more than [`MOST`] limits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::limit::{Amount, Limit, Minute, Share, State, Which, Window};

/// More limits than these no answer has; a hostile one is cut here.
pub(super) const MOST: usize = 32;

/// The farthest moment that is believed: 32 days away, since no limit of the API is longer than a month.
pub const FARTHEST: SignedDuration = SignedDuration::from_hours(32 * 24);

const OURS: &str = "anthropic-";
/// Before what only plan logins are told.
pub(crate) const UNIFIED: &str = "anthropic-ratelimit-unified-";

/// What an answer's headers tell about limits.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// Each limit, in a fixed order; none where no header could be read.
    pub limits: Vec<Limit>,
    /// Whether a header came that only plan logins get, readable or not.
    pub is_plan: bool,
}

/// Reads the headers of an answer that came at `now`: names in any case, values as text, an unreadable one as nothing
/// (`""`), since its name alone tells a plan. Others than the limits' are passed over.
pub fn read<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>, now: Timestamp) -> Told {
    let mut drafts = Drafts::default();
    for (name, value) in headers {
        if let Some(name) = ours(name) {
            drafts.take(&name, value.trim(), now);
        }
    }
    drafts.finish(now)
}

/// Reads when a limit is full again: epoch seconds, whole or not, or RFC 3339. None where it cannot be read, or lies
/// farther from `now` than any limit of the API is long.
pub fn reset_at(value: &str, now: Timestamp) -> Option<Timestamp> {
    moment(value).filter(|at| at.duration_since(now).abs() <= FARTHEST)
}

/// Reads a moment as answers write it, however far away it is: epoch seconds, fractions dropped, or RFC 3339.
pub(crate) fn moment(value: &str) -> Option<Timestamp> {
    let whole = value.split_once('.').map_or(value, |(whole, _)| whole);
    match whole.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => value.parse().ok(),
    }
}

/// The name of a header of the API's own, in small letters.
fn ours(name: &str) -> Option<Cow<'_, str>> {
    let (start, _) = name.split_at_checked(OURS.len())?;
    if !start.eq_ignore_ascii_case(OURS) {
        return None;
    }
    Some(if name.bytes().any(|c| c.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

/// What is told so far.
#[derive(Default)]
struct Drafts {
    by_which: BTreeMap<Which, Draft>,
    is_plan: bool,
    /// The window that decides, and the plan's own state and end, which are that window's.
    claim: Option<Window>,
    whole: Draft,
}

/// A limit in the making.
#[derive(Default)]
struct Draft {
    remaining: Option<u64>,
    limit: Option<u64>,
    used: Option<Share>,
    state: Option<State>,
    resets_at: Option<Timestamp>,
}

impl Drafts {
    fn take(&mut self, name: &str, value: &str, now: Timestamp) {
        if let Some(field) = name.strip_prefix(UNIFIED) {
            self.is_plan = true;
            self.take_plan(field, value, now);
            return;
        }
        let Some((counted, part)) = name.rsplit_once('-') else {
            return;
        };
        if let Some(minute) = minute(counted)
            && let Some(draft) = self.draft(Which::Minute(minute))
        {
            draft.take(part, value, now);
        }
    }

    fn take_plan(&mut self, field: &str, value: &str, now: Timestamp) {
        match field.rsplit_once('-') {
            None => self.whole.take(field, value, now),
            Some(("representative", "claim")) => {
                self.claim = self.claim.take().or_else(|| Window::of(value).ok());
            }
            Some((window, part @ ("status" | "reset" | "utilization"))) => {
                if let Ok(window) = Window::of(window)
                    && let Some(draft) = self.draft(Which::Plan(window))
                {
                    draft.take(part, value, now);
                }
            }
            // How much a fallback still serves, why there is no overage, which threshold was passed.
            Some(_) => {}
        }
    }

    fn draft(&mut self, which: Which) -> Option<&mut Draft> {
        let is_full = self.by_which.len() >= MOST;
        if is_full && !self.by_which.contains_key(&which) {
            return None;
        }
        Some(self.by_which.entry(which).or_default())
    }

    fn finish(mut self, now: Timestamp) -> Told {
        let whole = std::mem::take(&mut self.whole);
        if let Some(window) = self.window_of_the_whole()
            && let Some(draft) = self.draft(Which::Plan(window))
        {
            draft.state = draft.state.take().or(whole.state);
            draft.resets_at = draft.resets_at.or(whole.resets_at);
        }
        let drafts = self.by_which.into_iter();
        Told {
            limits: drafts
                .filter_map(|(which, draft)| draft.finish(which, now))
                .collect(),
            is_plan: self.is_plan,
        }
    }

    /// The window that the plan's own state and end belong to; none where windows spoke and none was singled out.
    fn window_of_the_whole(&mut self) -> Option<Window> {
        let spoke = |which: &Which| match which {
            Which::Plan(window) => *window != Window::Overage,
            Which::Minute(_) => false,
        };
        match self.claim.take() {
            Some(window) => Some(window),
            None if self.by_which.keys().any(spoke) => None,
            None => Some(Window::Whole),
        }
    }
}

impl Draft {
    fn take(&mut self, part: &str, value: &str, now: Timestamp) {
        match part {
            "remaining" => self.remaining = self.remaining.or_else(|| value.parse().ok()),
            "limit" => self.limit = self.limit.or_else(|| value.parse().ok()),
            "reset" => self.resets_at = self.resets_at.or_else(|| reset_at(value, now)),
            "status" => self.state = self.state.take().or_else(|| State::of(value).ok()),
            "utilization" => {
                let share = || Share::of_fraction(value.parse().ok()?);
                self.used = self.used.or_else(share);
            }
            _ => {}
        }
    }

    /// The limit, unless nothing about it could be read.
    fn finish(self, which: Which, now: Timestamp) -> Option<Limit> {
        let limit = self.limit;
        let left = self
            .remaining
            .map(|remaining| Amount::Left { remaining, limit });
        let amount = left.or_else(|| self.used.map(Amount::Used));
        let says_something = amount.is_some() || self.state.is_some() || self.resets_at.is_some();
        says_something.then_some(Limit {
            which,
            amount,
            state: self.state,
            resets_at: self.resets_at,
            seen_at: now,
        })
    }
}

fn minute(counted: &str) -> Option<Minute> {
    Some(match counted {
        "anthropic-ratelimit-requests" => Minute::Requests,
        "anthropic-ratelimit-tokens" => Minute::Tokens,
        "anthropic-ratelimit-input-tokens" => Minute::InputTokens,
        "anthropic-ratelimit-output-tokens" => Minute::OutputTokens,
        "anthropic-priority-input-tokens" => Minute::PriorityInputTokens,
        "anthropic-priority-output-tokens" => Minute::PriorityOutputTokens,
        _ => return None,
    })
}
