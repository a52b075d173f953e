//! Finds the token in what `claude setup-token` printed, or in what a person copied of that: coloured, wrapped at the edge
//! of a terminal, with a rest of something else behind it.
//!
//! Invariants: lines are joined only where that gives the known shape; one that is shorter than the known shape is refused,
//! since half of a wrapped token is what people copy; no error repeats any of it; every copy made on the way is wiped.

use jiff::SignedDuration;
use zeroize::Zeroizing;

use super::family::Family;
use super::judge::is_canonical;
use super::problem::Problem;
use super::read::{Grammar, Reading, read};
use super::scan::is_of_the_alphabet;
use super::screen::without_escapes;
use crate::secret::Secret;

/// How long a setup-token lasts from the day it was made (docs/facts.md#tokens).
pub const SETUP_TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How every setup-token starts, but for its generation.
const START: &str = "sk-ant-oat";

/// How many characters a whole one has.
const WHOLE: usize = 108;

/// No terminal is so narrow that a token takes more lines.
const MOST_LINES: usize = 6;

/// A setup-token that was found.
pub struct SetupToken {
    /// It.
    pub secret: Secret,
    /// What of it may be shown.
    pub hint: String,
    /// What was done to get at it.
    pub repairs: Vec<SetupRepair>,
    /// What is odd about it.
    pub odd: Vec<Problem>,
}

/// What was done to get at the token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, thiserror::Error)]
pub enum SetupRepair {
    /// The lines it was wrapped into were joined.
    #[error("joined the lines it was wrapped into")]
    Joined,
    /// A `#` and what followed it were left out.
    #[error("left out the # behind it and what follows")]
    Leftover,
}

/// Why there is no setup-token in a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoSetupToken {
    /// Nothing that begins as one does.
    #[error("no setup-token is in it: those start with sk-ant-oat01-")]
    Nothing,
    /// A token of another family.
    #[error("this is another kind of token: {0}")]
    Other(Family),
    /// What the sign-in page shows, to be pasted into `claude`.
    #[error(
        "this is the code of the sign-in page: paste it where `claude setup-token` asks for it, and give keyreeve what that prints in the end"
    )]
    SignInCode,
    /// The end is missing.
    #[error(
        "it has {chars} of the {WHOLE} characters of a setup-token: the end is missing, as when only the first of two lines was copied"
    )]
    Cut {
        /// How many characters there are.
        chars: usize,
    },
    /// It may go on in the next line, or not.
    #[error("it is not clear where it ends: copy it in one piece, from a wider window")]
    Unclear,
    /// A character that no token has stands right behind it.
    #[error("a mark that no token has stands in it or right behind it: copy it again")]
    BadMark,
    /// Several, and they differ.
    #[error("there is more than one token in it: give one alone")]
    Several,
}

/// One place at which a token begins.
struct Found {
    token: Zeroizing<String>,
    repairs: Vec<SetupRepair>,
}

/// Finds the one setup-token in a text.
///
/// # Errors
/// [`NoSetupToken`] where there is none, or it is not clear which characters are its.
pub fn read_setup_token(text: &str) -> Result<SetupToken, NoSetupToken> {
    let plain = without_escapes(text);
    let mut found: Option<Found> = None;
    let mut refused = None;
    for (at, _) in plain.match_indices(START) {
        match begun(&plain[at..]) {
            Ok(this) => match &found {
                Some(earlier) if *earlier.token != *this.token => {
                    return Err(NoSetupToken::Several);
                }
                // The same again: a terminal that was drawn anew.
                Some(_) => {}
                None => found = Some(this),
            },
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let Some(Found { token, repairs }) = found else {
        return Err(refused.unwrap_or_else(|| something_else(&plain)));
    };
    let Reading {
        token: Some(secret),
        hint: Some(hint),
        problems: odd,
        ..
    } = read(&token, Grammar::Anthropic)
    else {
        return Err(NoSetupToken::BadMark);
    };
    Ok(SetupToken {
        secret,
        hint,
        repairs,
        odd,
    })
}

/// What follows a run of a token's characters in its line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// The line ends with it.
    EndOfLine,
    /// A `#` and more.
    Leftover,
    /// What people and programs write around a token, or other words.
    Words,
}

/// Takes the token that begins here, over the end of the line where it was wrapped there.
fn begun(rest: &str) -> Result<Found, NoSetupToken> {
    let mut lines = rest.split('\n');
    let (run, behind) = run_of(lines.next().unwrap_or_default());
    let mut token = Zeroizing::new(String::with_capacity(rest.len()));
    token.push_str(run);
    match Behind::of(behind)? {
        Behind::EndOfLine if is_canonical(&token) => return whole(token, Vec::new()),
        Behind::EndOfLine => {}
        Behind::Leftover => return whole(token, vec![SetupRepair::Leftover]),
        Behind::Words => return whole(token, Vec::new()),
    }
    let alone = token.len();
    for line in lines.take(MOST_LINES) {
        let (run, behind) = run_of(line.trim_matches(is_edge));
        let behind = Behind::of(behind);
        let before = token.len();
        token.push_str(run);
        if is_canonical(&token) {
            let leftover = (behind? == Behind::Leftover).then_some(SetupRepair::Leftover);
            let repairs = [SetupRepair::Joined].into_iter().chain(leftover);
            return whole(token, repairs.collect());
        }
        if run.is_empty() || behind != Ok(Behind::EndOfLine) {
            // Words, which the token does not go on into.
            token.truncate(before);
            break;
        }
    }
    if token.len() == alone || token.len() < WHOLE {
        return whole(token, Vec::new());
    }
    Err(NoSetupToken::Unclear)
}

impl Behind {
    fn of(behind: &str) -> Result<Self, NoSetupToken> {
        match behind.chars().next() {
            None => Ok(Self::EndOfLine),
            Some(_) if behind.trim_matches(is_edge).is_empty() => Ok(Self::EndOfLine),
            Some('#') => Ok(Self::Leftover),
            Some(c) if is_edge(c) || is_around(c) => Ok(Self::Words),
            Some(_) => Err(NoSetupToken::BadMark),
        }
    }
}

fn whole(token: Zeroizing<String>, repairs: Vec<SetupRepair>) -> Result<Found, NoSetupToken> {
    if token.len() < WHOLE {
        return Err(NoSetupToken::Cut { chars: token.len() });
    }
    Ok(Found { token, repairs })
}

/// The characters of a token at the beginning of a line, and the rest of the line.
fn run_of(line: &str) -> (&str, &str) {
    let end = line
        .bytes()
        .position(|byte| !is_of_the_alphabet(byte))
        .unwrap_or(line.len());
    line.split_at(end)
}

/// What stands between a line and the edge of a terminal: blanks, and the frame of a box.
fn is_edge(c: char) -> bool {
    c.is_whitespace() || matches!(c, '│' | '┃' | '║' | '|')
}

/// What people and programs write around a token.
fn is_around(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '`' | '”' | '’' | '»' | ',' | ';' | '.' | ')' | ']' | '}' | '>'
    )
}

/// Says what was given instead.
fn something_else(plain: &str) -> NoSetupToken {
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
        | Family::OtherVendor => NoSetupToken::Other(family),
        Family::UnknownAnthropic | Family::Opaque if is_sign_in_code(plain.trim()) => {
            NoSetupToken::SignInCode
        }
        Family::UnknownAnthropic | Family::Opaque => NoSetupToken::Nothing,
    }
}

/// Whether this is `code#state`, as the sign-in page shows it.
fn is_sign_in_code(text: &str) -> bool {
    let is_part = |part: &str| part.len() >= 10 && part.bytes().all(is_of_the_alphabet);
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

    /// Fails the test unless the token is found, with these repairs.
    #[track_caller]
    fn check(text: &str, repairs: &[SetupRepair]) {
        match read_setup_token(text) {
            Ok(found) => {
                assert!(found.secret.expose_for(Sink::Shown) == token());
                assert_eq!(found.repairs, repairs);
                assert_eq!(found.odd, []);
            }
            Err(error) => assert_eq!(format!("{error:?}"), "found"),
        }
    }

    #[track_caller]
    fn refused(text: &str, expected: NoSetupToken) {
        assert_eq!(read_setup_token(text).err(), Some(expected));
    }

    #[test]
    fn the_token_is_found_in_what_stands_around_it() {
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
            check(&wrapped(80, edge), &[SetupRepair::Joined]);
        }
        let prose = format!("{}\n\nStore this token securely.", wrapped(80, "\n"));
        check(&prose, &[SetupRepair::Joined]);
        check(&wrapped(20, "\n"), &[SetupRepair::Joined]);
        let quoted = format!("\"{}\"", wrapped(79, "\n"));
        check(&quoted, &[SetupRepair::Joined]);
    }

    #[test]
    fn a_leftover_is_left_out() {
        let leftover = format!("{}#Hk3-state", token());
        check(&leftover, &[SetupRepair::Leftover]);
        let both = format!("{}#Hk3-state", wrapped(80, "\n"));
        check(&both, &[SetupRepair::Joined, SetupRepair::Leftover]);
    }

    #[test]
    fn half_a_token_is_refused() {
        let token = token();
        refused(&token[..80], NoSetupToken::Cut { chars: 80 });
        refused(&token[..107], NoSetupToken::Cut { chars: 107 });
        refused(
            &format!("{}\nStore this token securely.", &token[..80]),
            NoSetupToken::Cut { chars: 80 },
        );
        refused(
            &format!("{}#state", &token[..90]),
            NoSetupToken::Cut { chars: 90 },
        );
        refused("sk-ant-oat01-", NoSetupToken::Cut { chars: 13 });
    }

    #[test]
    fn what_is_unclear_is_refused() {
        let longer = [&token()[..80], "\n", &"x".repeat(40), "\n"].concat();
        refused(&longer, NoSetupToken::Unclear);
        refused(&format!("{}/x", token()), NoSetupToken::BadMark);
        let other = token().replace("Made", "Else");
        refused(&format!("{}\n\n{other}", token()), NoSetupToken::Several);
    }

    #[test]
    fn another_length_or_ending_is_taken_and_is_odd() {
        for text in [format!("{}xyzAA", token()), token().replace("AA", "AB")] {
            let Ok(found) = read_setup_token(&text) else {
                panic!("refused");
            };
            assert_eq!(found.odd.len(), 1);
        }
    }

    #[test]
    fn other_things_are_named() {
        let of = |family: &str| ["sk-", "ant-", family, "-", &"x".repeat(93), "AA"].concat();
        for (family, expected) in [
            ("api03", Family::ApiKey),
            ("admin01", Family::AdminKey),
            ("ort01", Family::OauthRefresh),
            ("sid01", Family::ClaudeSession),
        ] {
            refused(&of(family), NoSetupToken::Other(expected));
        }
        refused("ABCDEFGHIJK12#state-of-it-45", NoSetupToken::SignInCode);
        for nothing in ["", "hello", "sk-ant-", "$CLAUDE_CODE_OAUTH_TOKEN", "a#b"] {
            refused(nothing, NoSetupToken::Nothing);
        }
    }
}
