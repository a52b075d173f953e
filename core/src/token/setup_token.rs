//! Finds the token in the output of `claude setup-token`, or in a copy of it: coloured, wrapped at the edge of a
//! terminal, with other text after it.
//!
//! Invariants: lines are joined only if that gives the known shape; a token shorter than the known shape is refused,
//! since people often copy half of a wrapped token; no error repeats any of it; every intermediate copy is wiped.

use std::fmt;

use jiff::SignedDuration;
use zeroize::Zeroizing;

use super::family::Family;
use super::problem::TokenProblem;
use super::read::{TokenReport, read};
use super::scan::is_token_char;
use super::terminal_text::strip_escapes;
use super::validate::{Grammar, is_canonical};
use crate::secret::Secret;

/// Lifetime of a setup-token from its creation (docs/facts.md#tokens).
pub const SETUP_TOKEN_LIFETIME: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The start of every setup-token, without its generation.
const START: &str = "sk-ant-oat";

/// Number of characters of a complete setup-token.
const SETUP_TOKEN_CHARS: usize = 108;

/// Maximum number of further lines that a token may be wrapped into.
const MAX_WRAPPED_LINES: usize = 6;

/// A setup-token that was found.
pub struct SetupToken {
    /// The token.
    pub secret: Secret,
    /// Its redacted form.
    pub hint: String,
    /// The repairs that were applied.
    pub repairs: Vec<SetupRepair>,
    /// Warnings about its shape.
    pub warnings: Vec<TokenProblem>,
}

/// A repair of a copied setup-token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SetupRepair {
    /// Joined the lines into which it was wrapped.
    JoinedLines,
    /// Removed a `#` and the text after it.
    TrailingFragment,
}

impl fmt::Display for SetupRepair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JoinedLines => "Joined the wrapped lines",
            Self::TrailingFragment => "Removed the # and the text after it",
        })
    }
}

/// A text from which no setup-token can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SetupTokenError {
    /// Nothing starts like a setup-token.
    #[error("no setup-token found: those start with sk-ant-oat01-")]
    NotFound,
    /// A token of another family.
    #[error("not a setup-token but another kind of token: {0}")]
    OtherFamily(Family),
    /// The code that the sign-in page shows, which is to be pasted into `claude`.
    #[error(
        "this is the code from the sign-in page: paste it into `claude setup-token`, then give keyreeve the token that it prints"
    )]
    SignInCode,
    /// The end of the token is missing.
    #[error(
        "only {chars} of the {SETUP_TOKEN_CHARS} characters of a setup-token: the end is missing, perhaps because only the first of two lines was copied"
    )]
    Truncated {
        /// Number of characters found.
        chars: usize,
    },
    /// It may or may not continue on the next line.
    #[error("cannot tell where the token ends: copy it in one piece, from a wider window")]
    Ambiguous,
    /// It contains, or is followed by, a character that tokens never contain.
    #[error(
        "a character that tokens never have is in the token or directly after it: copy it again"
    )]
    InvalidChar,
    /// It contains several different tokens.
    #[error("it contains more than one token: enter only one")]
    SeveralTokens,
}

/// A complete token that was found in the text.
struct TokenMatch {
    token: Zeroizing<String>,
    repairs: Vec<SetupRepair>,
}

/// Finds the one setup-token in a text.
///
/// # Errors
/// [`SetupTokenError`] if there is none, or its end is ambiguous.
pub fn read_setup_token(text: &str) -> Result<SetupToken, SetupTokenError> {
    let plain = strip_escapes(text);
    let mut found: Option<TokenMatch> = None;
    let mut first_error = None;
    for (at, _) in plain.match_indices(START) {
        match token_at_start(&plain[at..]) {
            Ok(next) => match &found {
                Some(earlier) if *earlier.token != *next.token => {
                    return Err(SetupTokenError::SeveralTokens);
                }
                // The same token again: the terminal was redrawn.
                Some(_) => {}
                None => found = Some(next),
            },
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    let Some(TokenMatch { token, repairs }) = found else {
        return Err(first_error.unwrap_or_else(|| not_found(&plain)));
    };
    let TokenReport {
        token: Some(secret),
        hint: Some(hint),
        problems: warnings,
        ..
    } = read(&token, Grammar::Anthropic)
    else {
        return Err(SetupTokenError::InvalidChar);
    };
    Ok(SetupToken {
        secret,
        hint,
        repairs,
        warnings,
    })
}

/// The text that follows the token characters on a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Following {
    /// The end of the line.
    EndOfLine,
    /// A `#` and a fragment of other text.
    Fragment,
    /// Quotes or punctuation around a token, or other words.
    Words,
}

/// Reads the token at the start of the text, across line ends if it was wrapped.
fn token_at_start(rest: &str) -> Result<TokenMatch, SetupTokenError> {
    let mut lines = rest.split('\n');
    let (run, following) = split_run(lines.next().unwrap_or_default());
    let mut token = Zeroizing::new(String::with_capacity(rest.len()));
    token.push_str(run);
    match Following::parse(following)? {
        Following::EndOfLine if is_canonical(&token) => return complete(token, Vec::new()),
        Following::EndOfLine => {}
        Following::Fragment => return complete(token, vec![SetupRepair::TrailingFragment]),
        Following::Words => return complete(token, Vec::new()),
    }
    let first_line_chars = token.len();
    for line in lines.take(MAX_WRAPPED_LINES) {
        let (run, following) = split_run(line.trim_matches(is_edge));
        let following = Following::parse(following);
        let before = token.len();
        token.push_str(run);
        if is_canonical(&token) {
            let fragment =
                (following? == Following::Fragment).then_some(SetupRepair::TrailingFragment);
            let repairs = [SetupRepair::JoinedLines].into_iter().chain(fragment);
            return complete(token, repairs.collect());
        }
        if run.is_empty() || following != Ok(Following::EndOfLine) {
            // Words that are not part of the token.
            token.truncate(before);
            break;
        }
    }
    if token.len() == first_line_chars || token.len() < SETUP_TOKEN_CHARS {
        return complete(token, Vec::new());
    }
    Err(SetupTokenError::Ambiguous)
}

impl Following {
    fn parse(rest: &str) -> Result<Self, SetupTokenError> {
        match rest.chars().next() {
            None => Ok(Self::EndOfLine),
            Some(_) if rest.trim_matches(is_edge).is_empty() => Ok(Self::EndOfLine),
            Some('#') => Ok(Self::Fragment),
            Some(c) if is_edge(c) || is_around(c) => Ok(Self::Words),
            Some(_) => Err(SetupTokenError::InvalidChar),
        }
    }
}

fn complete(
    token: Zeroizing<String>,
    repairs: Vec<SetupRepair>,
) -> Result<TokenMatch, SetupTokenError> {
    if token.len() < SETUP_TOKEN_CHARS {
        return Err(SetupTokenError::Truncated { chars: token.len() });
    }
    Ok(TokenMatch { token, repairs })
}

/// Splits a line after the token characters at its start.
fn split_run(line: &str) -> (&str, &str) {
    let end = line
        .bytes()
        .position(|byte| !is_token_char(byte))
        .unwrap_or(line.len());
    line.split_at(end)
}

/// Returns `true` for characters between a line and the edge of a terminal: whitespace, and the frame of a box.
fn is_edge(c: char) -> bool {
    c.is_whitespace() || matches!(c, '│' | '┃' | '║' | '|')
}

/// Returns `true` for quotes and punctuation that are written around a token.
fn is_around(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '`' | '”' | '’' | '»' | ',' | ';' | '.' | ')' | ']' | '}' | '>'
    )
}

/// Returns the error that describes what was given instead of a setup-token.
fn not_found(plain: &str) -> SetupTokenError {
    let family = read(plain, Grammar::Anthropic).family;
    match family {
        Family::ApiKey
        | Family::AdminKey
        | Family::OauthAccess
        | Family::OauthRefresh
        | Family::ClaudeSession
        | Family::WorkToken
        | Family::VirtualKey
        | Family::AdminVirtualKey
        | Family::OtherVendor => SetupTokenError::OtherFamily(family),
        Family::UnknownAnthropic | Family::Opaque if is_sign_in_code(plain.trim()) => {
            SetupTokenError::SignInCode
        }
        Family::UnknownAnthropic | Family::Opaque => SetupTokenError::NotFound,
    }
}

/// Returns `true` for `code#state`, as the sign-in page shows it.
fn is_sign_in_code(text: &str) -> bool {
    let is_part = |part: &str| part.len() >= 10 && part.bytes().all(is_token_char);
    text.split_once('#')
        .is_some_and(|(code, state)| is_part(code) && is_part(state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Sink;

    fn token() -> String {
        ["sk-", "ant-", "oat01-", &"Made-Up_0".repeat(11)[..93], "AA"].concat()
    }

    fn wrapped(width: usize, edge: &str) -> String {
        let token = token();
        let (first, second) = token.split_at(width);
        [first, edge, second].concat()
    }

    /// Asserts that the token is found, with these repairs.
    #[track_caller]
    fn check(text: &str, repairs: &[SetupRepair]) {
        match read_setup_token(text) {
            Ok(found) => {
                assert!(found.secret.expose_for(Sink::Display) == token());
                assert_eq!(found.repairs, repairs);
                assert_eq!(found.warnings, []);
            }
            Err(error) => assert_eq!(format!("{error:?}"), "found"),
        }
    }

    #[track_caller]
    fn check_error(text: &str, expected: SetupTokenError) {
        assert_eq!(read_setup_token(text).err(), Some(expected));
    }

    #[test]
    fn token_is_found_in_surrounding_text() {
        let token = token();
        for text in [
            token.clone(),
            format!("  {token}\r\n"),
            format!("export CLAUDE_CODE_OAUTH_TOKEN=\"{token}\""),
            format!("Bearer {token}"),
            format!("\u{feff}{token}."),
            format!(
                "\u{1b}[1mYour token:\u{1b}[22m\r\n\r\n\u{1b}[33m{token}\u{1b}[39m\r\n\r\nStore this token securely.\r\n"
            ),
            format!("{token}\nStore this token securely.\n"),
            format!("{token}\n\u{1b}[2K\u{1b}[1A\u{1b}[2K\u{1b}[G{token}\nDone"),
            format!("\u{1b}]8;;https://example.test\u{7}{token}\u{1b}]8;;\u{1b}\\ and more"),
        ] {
            check(&text, &[]);
        }
    }

    #[test]
    fn wrapped_lines_are_joined() {
        for edge in [
            "\n",
            "\r\n",
            "\r",
            "\r\r\n",
            "\u{1b}[39m\r\n\u{1b}[33m",
            "   \n   ",
            " │\r\n│ ",
            "\u{1b}[6;1H",
        ] {
            check(&wrapped(80, edge), &[SetupRepair::JoinedLines]);
        }
        let prose = format!("{}\n\nStore this token securely.", wrapped(80, "\n"));
        check(&prose, &[SetupRepair::JoinedLines]);
        check(&wrapped(20, "\n"), &[SetupRepair::JoinedLines]);
        let quoted = format!("\"{}\"", wrapped(79, "\n"));
        check(&quoted, &[SetupRepair::JoinedLines]);
    }

    #[test]
    fn trailing_fragment_is_removed() {
        let fragment = format!("{}#Hk3-state", token());
        check(&fragment, &[SetupRepair::TrailingFragment]);
        let both = format!("{}#Hk3-state", wrapped(80, "\n"));
        check(
            &both,
            &[SetupRepair::JoinedLines, SetupRepair::TrailingFragment],
        );
    }

    #[test]
    fn truncated_token_is_refused() {
        let token = token();
        check_error(&token[..80], SetupTokenError::Truncated { chars: 80 });
        check_error(&token[..107], SetupTokenError::Truncated { chars: 107 });
        check_error(
            &format!("{}\nStore this token securely.", &token[..80]),
            SetupTokenError::Truncated { chars: 80 },
        );
        check_error(
            &format!("{}#state", &token[..90]),
            SetupTokenError::Truncated { chars: 90 },
        );
        check_error("sk-ant-oat01-", SetupTokenError::Truncated { chars: 13 });
    }

    #[test]
    fn ambiguous_or_invalid_text_is_refused() {
        let longer = [&token()[..80], "\n", &"x".repeat(40), "\n"].concat();
        check_error(&longer, SetupTokenError::Ambiguous);
        check_error(&format!("{}/x", token()), SetupTokenError::InvalidChar);
        let other = token().replace("Made", "Else");
        check_error(
            &format!("{}\n\n{other}", token()),
            SetupTokenError::SeveralTokens,
        );
    }

    #[test]
    fn unusual_length_or_ending_is_a_warning() {
        for text in [format!("{}xyzAA", token()), token().replace("AA", "AB")] {
            let Ok(found) = read_setup_token(&text) else {
                panic!("the token is accepted");
            };
            assert_eq!(found.warnings.len(), 1);
        }
    }

    #[test]
    fn other_tokens_are_named() {
        let made_up_token =
            |family: &str| ["sk-", "ant-", family, "-", &"x".repeat(93), "AA"].concat();
        for (family, expected) in [
            ("api03", Family::ApiKey),
            ("admin01", Family::AdminKey),
            ("ort01", Family::OauthRefresh),
            ("sid01", Family::ClaudeSession),
        ] {
            check_error(
                &made_up_token(family),
                SetupTokenError::OtherFamily(expected),
            );
        }
        check_error("ABCDEFGHIJK12#state-of-it-45", SetupTokenError::SignInCode);
        for nothing in ["", "hello", "sk-ant-", "$CLAUDE_CODE_OAUTH_TOKEN", "a#b"] {
            check_error(nothing, SetupTokenError::NotFound);
        }
    }
}
