//! Judges a repaired text: is it one token, of which family, and what is wrong or odd about it.
//!
//! The order of the questions is the order in which their answers help: what was pasted instead of a token comes
//! before what is wrong with one.

use zeroize::Zeroizing;

use super::family::{Family, Parts, VENDOR};
use super::problem::{CharClass, ProblemKind};
use super::read::{Grammar, LONGEST};
use super::scan::{SHORTEST_BODY, is_of_the_alphabet, scan};

/// The body of every family whose shape is known has 95 characters.
const CANONICAL_BODY: usize = 95;

/// How the body of every family whose shape is known ends.
const CANONICAL_END: &str = "AA";

/// No placeholder in documentation is as long as this, and no shorter token happens to read like one.
const LONGEST_PLACEHOLDER: usize = 64;

/// The longest prefix of a family, `sk-ant-admin01-`.
const LONGEST_PREFIX: usize = 15;

/// What was found: the family, and at most one problem with the byte at fault.
pub(super) struct Judged {
    pub(super) family: Family,
    pub(super) found: Option<(ProblemKind, Option<usize>)>,
}

/// Judges by the grammar of the place the token is meant for.
pub(super) fn judge(text: &str, grammar: Grammar) -> Judged {
    if let Some(refused) = something_else(text) {
        return refused;
    }
    match grammar {
        Grammar::Anthropic => anthropic(text),
        Grammar::Printable => printable(text),
    }
}

/// Whether a text has exactly the shape that scanners know for its family (docs/facts.md#tokens).
pub(super) fn is_canonical(text: &str) -> bool {
    let parts = Parts::of(text);
    let current = parts.family.current_generation();
    current.is_some() && shape(parts).is_none() && !parts.body.contains(VENDOR)
}

/// Refuses what was pasted instead of a token, whatever the grammar.
fn something_else(text: &str) -> Option<Judged> {
    if text.is_empty() {
        return Some(Judged::refused(Family::Opaque, ProblemKind::Empty));
    }
    if text.chars().nth(LONGEST).is_some() {
        return Some(Judged::refused(unsure(text), ProblemKind::TooLong));
    }
    if is_unexpanded(text) {
        return Some(Judged::refused(
            Family::Opaque,
            ProblemKind::UnexpandedVariable,
        ));
    }
    if text.contains("://")
        && let Some(key) = scan(text).next()
    {
        return Some(Judged::refused(
            Family::of(&text[key]),
            ProblemKind::KeyInUrl,
        ));
    }
    is_placeholder(text).then(|| Judged::refused(unsure(text), ProblemKind::Placeholder))
}

/// Judges by the vendor's grammar.
fn anthropic(text: &str) -> Judged {
    if text.matches(VENDOR).nth(1).is_some() {
        return Judged::refused(Family::UnknownAnthropic, ProblemKind::SeveralTokens);
    }
    if let Some(at) = text.find(char::is_whitespace) {
        return Judged::refused_at(unsure(text), ProblemKind::InnerWhitespace, at);
    }
    if has_wrong_case(text) {
        let vendors = starts_ignoring_case(text, VENDOR);
        let family = if vendors {
            Family::UnknownAnthropic
        } else {
            Family::Opaque
        };
        return Judged::refused(family, ProblemKind::WrongCase);
    }
    let parts = Parts::of(text);
    let found = match parts.family {
        Family::VirtualKey | Family::AdminVirtualKey => Some((ProblemKind::KeyreevesOwn, None)),
        Family::ClaudeSession | Family::WorkToken => Some((ProblemKind::NotAnApiCredential, None)),
        Family::OtherVendor => Some((ProblemKind::OtherVendor, None)),
        Family::Opaque => Some((ProblemKind::UnknownFormat, None)),
        Family::ApiKey
        | Family::AdminKey
        | Family::OauthAccess
        | Family::OauthRefresh
        | Family::UnknownAnthropic => shape(parts),
    };
    Judged {
        family: parts.family,
        found,
    }
}

/// Judges what another gateway may have issued: anything that can travel in a header.
fn printable(text: &str) -> Judged {
    if let Some((at, c)) = text.char_indices().find(|(_, c)| !c.is_ascii_graphic()) {
        let blank = c.is_whitespace();
        let kind = if blank {
            ProblemKind::InnerWhitespace
        } else {
            ProblemKind::BadChar(CharClass::of(c))
        };
        return Judged::refused_at(unsure(text), kind, at);
    }
    let family = Family::of(text);
    let found = match family {
        Family::ClaudeSession | Family::WorkToken => Some((ProblemKind::NotAnApiCredential, None)),
        Family::AdminVirtualKey => Some((ProblemKind::KeyreevesOwn, None)),
        Family::VirtualKey => Some((ProblemKind::KeyOfAKeyreeve, None)),
        Family::ApiKey
        | Family::AdminKey
        | Family::OauthAccess
        | Family::OauthRefresh
        | Family::UnknownAnthropic
        | Family::OtherVendor
        | Family::Opaque => None,
    };
    Judged { family, found }
}

/// Compares a token of the vendor's with the shape of its family.
fn shape(parts: Parts<'_>) -> Option<(ProblemKind, Option<usize>)> {
    let Parts {
        family,
        generation,
        prefix,
        body,
    } = parts;
    let alien = |c: &char| !u8::try_from(*c).is_ok_and(is_of_the_alphabet);
    if body.is_empty() {
        return Some((ProblemKind::NoBody, None));
    }
    if let Some((at, c)) = body.char_indices().find(|(_, c)| alien(c)) {
        return Some((
            ProblemKind::BadChar(CharClass::of(c)),
            Some(prefix.len() + at),
        ));
    }
    let kind = if body.len() < SHORTEST_BODY {
        ProblemKind::TooShort
    } else if family == Family::UnknownAnthropic {
        ProblemKind::UnknownFamily
    } else if generation != family.current_generation() {
        ProblemKind::UnusualVersion
    } else if body.len() != CANONICAL_BODY {
        ProblemKind::UnusualLength
    } else if body.ends_with(CANONICAL_END) {
        return None;
    } else {
        ProblemKind::UnusualEnding
    };
    Some((kind, None))
}

/// Names the family of something that is not one whole token: the vendor's, but no more than that.
fn unsure(text: &str) -> Family {
    if text.starts_with(VENDOR) {
        Family::UnknownAnthropic
    } else {
        Family::Opaque
    }
}

/// Whether this is the name of a value: `$NAME`, `${NAME}`, `$(command)`, `$env:NAME`, `%NAME%`, `{{ name }}`.
fn is_unexpanded(text: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
    };
    ["${", "$(", "{{"]
        .iter()
        .any(|opening| text.starts_with(opening))
        || starts_ignoring_case(text, "$env:")
        || text.strip_prefix('$').is_some_and(is_name)
        || text
            .strip_prefix('%')
            .and_then(|rest| rest.strip_suffix('%'))
            .is_some_and(is_name)
}

/// Whether this stands for a token: an ellipsis, a mask, a row of x, `<…>`, or words such as `your-api-key`.
fn is_placeholder(text: &str) -> bool {
    const MASKS: [&str; 5] = ["...", "…", "***", "•••", "●●●"];
    const WORDS: [&str; 8] = [
        "your-",
        "your_",
        "key-here",
        "key_here",
        "token-here",
        "changeme",
        "placeholder",
        "replace",
    ];
    let body = Parts::of(text).body;
    let crossed = body.len() >= 3 && body.bytes().all(|c| matches!(c, b'x' | b'X'));
    let worded = text.len() < LONGEST_PLACEHOLDER && {
        let lower = Zeroizing::new(text.to_ascii_lowercase());
        WORDS.iter().any(|word| lower.contains(word))
    };
    crossed
        || worded
        || (text.starts_with('<') && text.ends_with('>'))
        || MASKS.iter().any(|mask| text.contains(mask))
}

/// Whether a prefix would be known in lower case and is not as it stands.
fn has_wrong_case(text: &str) -> bool {
    let start = text.get(..LONGEST_PREFIX).unwrap_or(text);
    let lower = Zeroizing::new(start.to_ascii_lowercase());
    let named = Family::of(&lower);
    !matches!(named, Family::OtherVendor | Family::Opaque) && named != Family::of(start)
}

fn starts_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len())
        .is_some_and(|found| found.eq_ignore_ascii_case(start))
}

impl Judged {
    fn refused(family: Family, kind: ProblemKind) -> Self {
        Self {
            family,
            found: Some((kind, None)),
        }
    }

    fn refused_at(family: Family, kind: ProblemKind, at: usize) -> Self {
        Self {
            family,
            found: Some((kind, Some(at))),
        }
    }
}
