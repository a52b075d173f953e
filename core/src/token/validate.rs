//! Validates a repaired text: its token family and its first problem.
//!
//! The checks run in the order in which they help most: text that is something other than a token comes before a token
//! with a wrong shape.

use zeroize::Zeroizing;

use super::family::{Family, TokenParts, VENDOR};
use super::problem::{CharClass, MAX_TOKEN_CHARS, ProblemKind};
use super::scan::{MIN_BODY_CHARS, is_token_char, scan};

/// Number of body characters in every family whose shape is known.
const CANONICAL_BODY_CHARS: usize = 95;

/// The end of the body in every family whose shape is known.
const CANONICAL_END: &str = "AA";

/// Length below which a text with a placeholder word is a placeholder: no placeholder in documentation is longer, and
/// no token this short contains such a word by chance.
const MAX_PLACEHOLDER_CHARS: usize = 64;

/// Length of the longest prefix, `sk-ant-admin01-`.
const MAX_PREFIX_CHARS: usize = 15;

/// The grammar that a token is validated by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grammar {
    /// Anthropic's, for its API.
    Anthropic,
    /// Another gateway's: any token of printable ASCII, since only that gateway knows its format.
    Printable,
}

/// The result: the family, and at most one problem with the offset of the invalid byte.
pub(super) struct Validation {
    pub(super) family: Family,
    pub(super) problem: Option<(ProblemKind, Option<usize>)>,
}

/// Validates a text by the grammar of the upstream it is for.
pub(super) fn validate(text: &str, grammar: Grammar) -> Validation {
    if let Some(rejected) = not_a_token(text) {
        return rejected;
    }
    match grammar {
        Grammar::Anthropic => validate_anthropic(text),
        Grammar::Printable => validate_printable(text),
    }
}

/// Returns `true` if the text has exactly the shape that secret scanners expect of its family (docs/facts.md#tokens).
pub(super) fn is_canonical(text: &str) -> bool {
    let parts = TokenParts::parse(text);
    let current = parts.family.current_generation();
    current.is_some() && shape_problem(parts).is_none() && !parts.body.contains(VENDOR)
}

/// Rejects text that is something other than a token, under any grammar.
fn not_a_token(text: &str) -> Option<Validation> {
    if text.is_empty() {
        return Some(Validation::rejected(Family::Opaque, ProblemKind::Empty));
    }
    if text.chars().nth(MAX_TOKEN_CHARS).is_some() {
        return Some(Validation::rejected(
            guess_family(text),
            ProblemKind::TooLong,
        ));
    }
    if is_unexpanded(text) {
        return Some(Validation::rejected(
            Family::Opaque,
            ProblemKind::UnexpandedVariable,
        ));
    }
    if text.contains("://")
        && let Some(key) = scan(text).next()
    {
        return Some(Validation::rejected(
            Family::from_prefix(&text[key]),
            ProblemKind::KeyInUrl,
        ));
    }
    if is_reference(text) {
        return Some(Validation::rejected(Family::Opaque, ProblemKind::Reference));
    }
    is_placeholder(text).then(|| Validation::rejected(guess_family(text), ProblemKind::Placeholder))
}

/// Validates by Anthropic's grammar.
fn validate_anthropic(text: &str) -> Validation {
    if text.matches(VENDOR).nth(1).is_some() {
        return Validation::rejected(Family::UnknownAnthropic, ProblemKind::SeveralTokens);
    }
    if let Some(at) = text.find(char::is_whitespace) {
        return Validation::rejected_at(guess_family(text), ProblemKind::InnerWhitespace, at);
    }
    if has_wrong_case(text) {
        let family = if starts_ignoring_case(text, VENDOR) {
            Family::UnknownAnthropic
        } else {
            Family::Opaque
        };
        return Validation::rejected(family, ProblemKind::WrongCase);
    }
    let parts = TokenParts::parse(text);
    let problem = match parts.family {
        Family::VirtualKey | Family::AdminVirtualKey => Some((ProblemKind::KeyreeveKey, None)),
        Family::ClaudeSession | Family::WorkToken => Some((ProblemKind::NotAnApiCredential, None)),
        Family::OtherVendor => Some((ProblemKind::OtherVendor, None)),
        Family::Opaque => Some((ProblemKind::UnknownFormat, None)),
        Family::ApiKey
        | Family::AdminKey
        | Family::OauthAccess
        | Family::OauthRefresh
        | Family::UnknownAnthropic => shape_problem(parts),
    };
    Validation {
        family: parts.family,
        problem,
    }
}

/// Validates a token that another gateway may have issued: anything that fits in a header.
fn validate_printable(text: &str) -> Validation {
    if let Some((at, c)) = text.char_indices().find(|(_, c)| !c.is_ascii_graphic()) {
        let kind = if c.is_whitespace() {
            ProblemKind::InnerWhitespace
        } else {
            ProblemKind::BadChar(CharClass::from_char(c))
        };
        return Validation::rejected_at(guess_family(text), kind, at);
    }
    let family = Family::from_prefix(text);
    let problem = match family {
        Family::ClaudeSession | Family::WorkToken => Some((ProblemKind::NotAnApiCredential, None)),
        Family::AdminVirtualKey => Some((ProblemKind::KeyreeveKey, None)),
        Family::VirtualKey => Some((ProblemKind::OtherKeyreeveKey, None)),
        Family::ApiKey
        | Family::AdminKey
        | Family::OauthAccess
        | Family::OauthRefresh
        | Family::UnknownAnthropic
        | Family::OtherVendor
        | Family::Opaque => None,
    };
    Validation { family, problem }
}

/// Compares an Anthropic token with the shape of its family.
fn shape_problem(parts: TokenParts<'_>) -> Option<(ProblemKind, Option<usize>)> {
    let TokenParts {
        family,
        generation,
        prefix,
        body,
    } = parts;
    let is_invalid = |c: &char| !u8::try_from(*c).is_ok_and(is_token_char);
    if body.is_empty() {
        return Some((ProblemKind::NoBody, None));
    }
    if let Some((at, c)) = body.char_indices().find(|(_, c)| is_invalid(c)) {
        return Some((
            ProblemKind::BadChar(CharClass::from_char(c)),
            Some(prefix.len() + at),
        ));
    }
    let kind = if body.len() < MIN_BODY_CHARS {
        ProblemKind::TooShort
    } else if family == Family::UnknownAnthropic {
        ProblemKind::UnknownFamily
    } else if generation != family.current_generation() {
        ProblemKind::UnusualVersion
    } else if body.len() != CANONICAL_BODY_CHARS {
        ProblemKind::UnusualLength
    } else if body.ends_with(CANONICAL_END) {
        return None;
    } else {
        ProblemKind::UnusualEnding
    };
    Some((kind, None))
}

/// Guesses the family of text that is not one complete token, by Anthropic's prefix only.
fn guess_family(text: &str) -> Family {
    if text.starts_with(VENDOR) {
        Family::UnknownAnthropic
    } else {
        Family::Opaque
    }
}

/// Returns `true` for an unexpanded variable: `$NAME`, `${NAME}`, `$(command)`, `$env:NAME`, `%NAME%`, `{{ name }}`,
/// `#{name}`, `%{name}`, `%(name)s`.
fn is_unexpanded(text: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
    };
    ["${", "$(", "{{", "#{", "%{", "%("]
        .iter()
        .any(|opening| text.starts_with(opening))
        || starts_ignoring_case(text, "$env:")
        || text.strip_prefix('$').is_some_and(is_name)
        || text
            .strip_prefix('%')
            .and_then(|rest| rest.strip_suffix('%'))
            .is_some_and(is_name)
}

/// Returns `true` for a reference to a secret that another program replaces: `op://…` and every other scheme but those
/// of web addresses, the names that cloud vaults give, and the forms of configuration files.
fn is_reference(text: &str) -> bool {
    const STARTS: [&str; 12] = [
        "arn:aws",
        "@microsoft.keyvault(",
        "@keyvault(",
        "{env:",
        "{file:",
        "env:",
        "file:",
        "keyring:",
        "ref+",
        "secret:",
        "secretref:",
        "vault:",
    ];
    let has_scheme = text.split_once("://").is_some_and(|(scheme, _)| {
        let is_name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
        let is_web = ["http", "https"]
            .iter()
            .any(|web| scheme.eq_ignore_ascii_case(web));
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(is_name)
            && !is_web
    });
    let is_in_project = text.starts_with("projects/") && text.contains("/secrets/");
    has_scheme || is_in_project || STARTS.iter().any(|start| starts_ignoring_case(text, start))
}

/// Returns `true` for a placeholder: an ellipsis, a mask, a row of x, `<…>`, or words such as `your-api-key`.
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
    let body = TokenParts::parse(text).body;
    let is_row_of_x = body.len() >= 3 && body.bytes().all(|c| matches!(c, b'x' | b'X'));
    let has_placeholder_word = text.len() < MAX_PLACEHOLDER_CHARS && {
        let lower = Zeroizing::new(text.to_ascii_lowercase());
        WORDS.iter().any(|word| lower.contains(word))
    };
    is_row_of_x
        || has_placeholder_word
        || (text.starts_with('<') && text.ends_with('>'))
        || MASKS.iter().any(|mask| text.contains(mask))
}

/// Returns `true` if the prefix is a known one in the wrong case.
fn has_wrong_case(text: &str) -> bool {
    let start = text.get(..MAX_PREFIX_CHARS).unwrap_or(text);
    let lower = Zeroizing::new(start.to_ascii_lowercase());
    let family = Family::from_prefix(&lower);
    !matches!(family, Family::OtherVendor | Family::Opaque) && family != Family::from_prefix(start)
}

fn starts_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len())
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(start))
}

impl Validation {
    fn rejected(family: Family, kind: ProblemKind) -> Self {
        Self {
            family,
            problem: Some((kind, None)),
        }
    }

    fn rejected_at(family: Family, kind: ProblemKind, at: usize) -> Self {
        Self {
            family,
            problem: Some((kind, Some(at))),
        }
    }
}
