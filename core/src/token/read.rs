//! Reads what a person pasted: repairs what cannot change it, then judges it.
//!
//! Invariants: whatever is refused is not in the [`Reading`]; a refusal names a class and a position, never a value;
//! every copy made on the way is wiped.

use super::family::{Family, Generation, Parts};
use super::judge::{Judged, is_canonical, judge};
use super::problem::{Problem, ProblemKind};
use super::repair::{Fix, cut_around, is_invisible, join_lines, without_invisible};
use super::shown::redact;
use crate::profile::Auth;
use crate::secret::Secret;

/// The longest token that is taken, in characters.
pub const LONGEST: usize = 16_384;

/// Pasted text of more bytes than this is not looked at: no repair brings it below [`LONGEST`].
const LONGEST_PASTED: usize = 4 * LONGEST;

/// Which grammar judges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grammar {
    /// The vendor's own, for its API.
    Anthropic,
    /// Another gateway's: any token of printable ASCII, since only that gateway knows.
    Printable,
}

/// Whether something pasted can be kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// It is kept as it is.
    Accept,
    /// The cleaned value is kept, and the person is told what was repaired or looks odd.
    Warn,
    /// It is not kept.
    Reject,
}

/// What a token can be used for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UsableFor {
    /// Asking a model.
    Inference,
    /// The Admin API alone.
    AdminOnly,
    /// Renewing a login alone.
    RefreshOnly,
    /// What its gateway allows.
    Gateway,
    /// Not known.
    Unknown,
    /// Nothing here: it was refused.
    Nothing,
}

/// What was understood of something pasted. It has no `Debug`: it may hold the token.
pub struct Reading {
    /// What its prefix says; for a URL with a key in it, that key's.
    pub family: Family,
    /// The two digits of the prefix.
    pub generation: Option<Generation>,
    /// How many characters follow the prefix, refused or not, where a prefix is known.
    pub body_chars: Option<usize>,
    /// How many characters are left after the repairs, where those are one token, sound in shape.
    pub clean_chars: Option<usize>,
    /// What was repaired, in the order in which it was done.
    pub fixes: Vec<Fix>,
    /// What is wrong or odd.
    pub problems: Vec<Problem>,
    /// Whether it can be kept.
    pub verdict: Verdict,
    /// What it can be used for.
    pub usable_for: UsableFor,
    /// The header it travels in to the vendor's API; none where it travels in none, or its gateway decides.
    pub header: Option<Auth>,
    /// The cleaned token, unless refused.
    pub token: Option<Secret>,
    /// What of the cleaned token may be shown, as [`redact`] does.
    pub hint: Option<String>,
}

/// Reads what was pasted, by the grammar of the place it is meant for.
pub fn read(pasted: &str, grammar: Grammar) -> Reading {
    if pasted.len() > LONGEST_PASTED {
        let problem = Problem {
            kind: ProblemKind::TooLong,
            position: None,
        };
        return Reading::of("", Vec::new(), Family::Opaque, Some(problem));
    }
    let visible = without_invisible(pasted);
    let whole = visible.as_ref().map_or(pasted, |visible| visible.as_str());
    let (core, mut fixes) = cut_around(whole);
    if visible.is_some() {
        fixes.insert(0, Fix::InvisibleChars);
    }
    if grammar == Grammar::Anthropic
        && let Some(joined) = join_lines(core.text).filter(|joined| is_canonical(joined))
    {
        fixes.push(Fix::JoinedLines);
        return Reading::of(&joined, fixes, Family::of(&joined), None);
    }
    let Judged { family, found } = judge(core.text, grammar);
    let problem = found.map(|(kind, at)| {
        let position = at.map(|at| position(pasted, &whole[..core.front + at]));
        Problem { kind, position }
    });
    let mut reading = Reading::of(core.text, fixes, family, problem);
    if grammar == Grammar::Printable && reading.verdict != Verdict::Reject {
        // Only that gateway knows what its tokens are good for, whatever they look like.
        reading.usable_for = UsableFor::Gateway;
        reading.header = None;
    }
    reading
}

impl Reading {
    /// Puts together what was found out. Without a problem that refuses it, the text is the token.
    fn of(text: &str, fixes: Vec<Fix>, family: Family, problem: Option<Problem>) -> Self {
        let verdict = match problem {
            Some(problem) if !problem.kind.is_only_odd() => Verdict::Reject,
            None if fixes.is_empty() => Verdict::Accept,
            Some(_) | None => Verdict::Warn,
        };
        let kept = verdict != Verdict::Reject;
        let known_and_unwanted =
            problem.is_some_and(|problem| problem.kind == ProblemKind::NotAnApiCredential);
        let parts = Some(Parts::of(text)).filter(|parts| parts.family == family);
        let (usable_for, header) = if kept {
            use_of(family)
        } else {
            (UsableFor::Nothing, None)
        };
        Self {
            family,
            generation: parts.and_then(|parts| parts.generation),
            body_chars: parts
                .filter(|parts| !parts.prefix.is_empty())
                .map(|parts| parts.body.chars().count()),
            clean_chars: (kept || known_and_unwanted).then(|| text.chars().count()),
            fixes,
            problems: problem.into_iter().collect(),
            verdict,
            usable_for,
            header,
            token: kept.then(|| Secret::new(text.to_owned())),
            hint: kept.then(|| redact(text)),
        }
    }
}

impl UsableFor {
    /// Names it in one word for machines, such as `refresh_only`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Inference => "inference",
            Self::AdminOnly => "admin_only",
            Self::RefreshOnly => "refresh_only",
            Self::Gateway => "gateway",
            Self::Unknown => "unknown",
            Self::Nothing => "none",
        }
    }
}

impl Verdict {
    /// Names it in one word for machines, such as `accept`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Warn => "warn",
            Self::Reject => "reject",
        }
    }
}

/// Says what a family is good for at the vendor's API, and in which header (docs/facts.md#tokens).
fn use_of(family: Family) -> (UsableFor, Option<Auth>) {
    match family {
        Family::ApiKey => (UsableFor::Inference, Some(Auth::ApiKey)),
        Family::OauthAccess => (UsableFor::Inference, Some(Auth::Bearer)),
        Family::AdminKey => (UsableFor::AdminOnly, Some(Auth::ApiKey)),
        Family::OauthRefresh => (UsableFor::RefreshOnly, None),
        Family::UnknownAnthropic
        | Family::ClaudeSession
        | Family::WorkToken
        | Family::VirtualKey
        | Family::AdminVirtualKey
        | Family::OtherVendor
        | Family::Opaque => (UsableFor::Unknown, None),
    }
}

/// Counts, from 1, to the character of what was pasted that follows these visible ones.
fn position(pasted: &str, before: &str) -> usize {
    let seen = before.chars().count();
    let mut visible = pasted
        .chars()
        .enumerate()
        .filter(|(_, c)| !is_invisible(*c));
    visible.nth(seen).map_or(seen, |(place, _)| place) + 1
}
