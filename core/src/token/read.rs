//! Reads a pasted token: applies repairs that cannot change it, then validates it.
//!
//! Invariants: a rejected value is not in the [`TokenReport`]; a problem names a class and a position, never a value;
//! every intermediate copy is wiped.

use super::family::{Family, TokenGeneration, TokenParts};
use super::problem::{MAX_TOKEN_CHARS, ProblemKind, TokenProblem};
use super::redact::redact;
use super::repair::{TokenRepair, is_invisible, join_lines, repair, strip_invisible};
use super::validate::{Grammar, Validation, is_canonical, validate};
use crate::secret::Secret;

/// Maximum size in bytes of a pasted text: no repair shortens a longer one to [`MAX_TOKEN_CHARS`].
const MAX_PASTED_BYTES: usize = 4 * MAX_TOKEN_CHARS;

/// The verdict on a pasted token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TokenVerdict {
    /// It is accepted unchanged.
    Accept,
    /// The repaired value is accepted, and the user is shown the repairs and warnings.
    Warn,
    /// It is rejected.
    Reject,
}

/// The header that carries a credential to its origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Auth {
    /// `x-api-key: …`
    ApiKey,
    /// `Authorization: Bearer …`
    Bearer,
}

/// The possible use of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UsableFor {
    /// Calling a model.
    Inference,
    /// The Admin API only.
    AdminOnly,
    /// Renewing a login only.
    RefreshOnly,
    /// Everything that its gateway allows.
    Gateway,
    /// Unknown.
    Unknown,
    /// No use: it was rejected.
    Nothing,
}

/// The result of reading a pasted token. It has no `Debug`, since it may contain the token.
pub struct TokenReport {
    /// The family by its prefix; for a URL that contains a key, that key's family.
    pub family: Family,
    /// The two digits of the prefix.
    pub generation: Option<TokenGeneration>,
    /// Number of characters after a known prefix, even of a rejected token.
    pub body_chars: Option<usize>,
    /// Number of characters after the repairs, if they form one well-shaped token.
    pub clean_chars: Option<usize>,
    /// The repairs, in the order in which they were applied.
    pub repairs: Vec<TokenRepair>,
    /// The problems and warnings.
    pub problems: Vec<TokenProblem>,
    /// The verdict.
    pub verdict: TokenVerdict,
    /// The possible use.
    pub usable_for: UsableFor,
    /// The header that carries it to Anthropic's API; `None` if no header does, or its gateway decides.
    pub header: Option<Auth>,
    /// The repaired token, unless rejected.
    pub token: Option<Secret>,
    /// The repaired token as [`redact`] shows it.
    pub hint: Option<String>,
}

/// Reads a pasted token by the grammar of the upstream it is for.
pub fn read(pasted: &str, grammar: Grammar) -> TokenReport {
    if pasted.len() > MAX_PASTED_BYTES {
        let problem = TokenProblem {
            kind: ProblemKind::TooLong,
            position: None,
        };
        return TokenReport::new("", Vec::new(), Family::Opaque, Some(problem));
    }
    let visible = strip_invisible(pasted);
    let whole = visible.as_ref().map_or(pasted, |visible| visible.as_str());
    let (core, mut repairs) = repair(whole);
    if visible.is_some() {
        repairs.insert(0, TokenRepair::InvisibleChars);
    }
    if grammar == Grammar::Anthropic
        && let Some(joined) = join_lines(core.text).filter(|joined| is_canonical(joined))
    {
        repairs.push(TokenRepair::JoinedLines);
        return TokenReport::new(&joined, repairs, Family::from_prefix(&joined), None);
    }
    let Validation { family, problem } = validate(core.text, grammar);
    let problem = problem.map(|(kind, at)| {
        let position = at.map(|at| position(pasted, &whole[..core.front + at]));
        TokenProblem { kind, position }
    });
    let mut report = TokenReport::new(core.text, repairs, family, problem);
    if grammar == Grammar::Printable && report.verdict != TokenVerdict::Reject {
        // Only that gateway knows the use of its tokens, whatever they look like.
        report.usable_for = UsableFor::Gateway;
        report.header = None;
    }
    report
}

impl TokenReport {
    /// Builds the report. Without a problem that rejects it, the text is the token.
    fn new(
        text: &str,
        repairs: Vec<TokenRepair>,
        family: Family,
        problem: Option<TokenProblem>,
    ) -> Self {
        let verdict = match problem {
            Some(problem) if !problem.kind.is_warning() => TokenVerdict::Reject,
            None if repairs.is_empty() => TokenVerdict::Accept,
            Some(_) | None => TokenVerdict::Warn,
        };
        let is_accepted = verdict != TokenVerdict::Reject;
        let is_known_non_credential =
            problem.is_some_and(|problem| problem.kind == ProblemKind::NotAnApiCredential);
        let parts = Some(TokenParts::parse(text)).filter(|parts| parts.family == family);
        let (usable_for, header) = if is_accepted {
            use_of_family(family)
        } else {
            (UsableFor::Nothing, None)
        };
        Self {
            family,
            generation: parts.and_then(|parts| parts.generation),
            body_chars: parts
                .filter(|parts| !parts.prefix.is_empty())
                .map(|parts| parts.body.chars().count()),
            clean_chars: (is_accepted || is_known_non_credential).then(|| text.chars().count()),
            repairs,
            problems: problem.into_iter().collect(),
            verdict,
            usable_for,
            header,
            token: is_accepted.then(|| Secret::new(text.to_owned())),
            hint: is_accepted.then(|| redact(text)),
        }
    }
}

impl UsableFor {
    /// Returns the machine-readable code, such as `refresh_only`.
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

impl TokenVerdict {
    /// Returns the machine-readable code, such as `accept`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Warn => "warn",
            Self::Reject => "reject",
        }
    }
}

/// Returns the use of a family at Anthropic's API, and the header that carries it (docs/facts.md#tokens).
fn use_of_family(family: Family) -> (UsableFor, Option<Auth>) {
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

/// Returns the position, counted from 1, of the pasted character that follows these visible ones.
fn position(pasted: &str, before: &str) -> usize {
    let count = before.chars().count();
    let mut visible = pasted
        .chars()
        .enumerate()
        .filter(|(_, c)| !is_invisible(*c));
    visible.nth(count).map_or(count, |(index, _)| index) + 1
}
