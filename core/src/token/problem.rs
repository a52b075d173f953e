//! What is wrong or odd about something pasted, in words that never repeat it.

use std::fmt;

use super::read::LONGEST;

/// One thing wrong or odd, and where.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Problem {
    /// What it is.
    pub kind: ProblemKind,
    /// Which character of what was pasted, counted from 1, where it is one character's fault.
    pub position: Option<usize>,
}

/// What is wrong or odd.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ProblemKind {
    /// Nothing is left after the repairs.
    Empty,
    /// More than [`LONGEST`] characters.
    TooLong,
    /// A reference such as `$ANTHROPIC_API_KEY` that nothing replaced.
    UnexpandedVariable,
    /// A URL with a token in its query or before its host.
    KeyInUrl,
    /// `sk-ant-...`, `your-api-key-here`, or a masked copy.
    Placeholder,
    /// More than one token.
    SeveralTokens,
    /// A blank or line break inside that is not a wrapped token's.
    InnerWhitespace,
    /// A known prefix in other letters than it has.
    WrongCase,
    /// No known prefix.
    UnknownFormat,
    /// Another vendor's prefix.
    OtherVendor,
    /// A session cookie or work-item token.
    NotAnApiCredential,
    /// A key that keyreeve minted, where a credential for the vendor was wanted.
    KeyreevesOwn,
    /// A prefix with nothing after it.
    NoBody,
    /// Fewer characters after the prefix than any token has.
    TooShort,
    /// A character that no token has.
    BadChar(CharClass),
    /// A virtual key for another gateway: right only where that is a keyreeve too.
    KeyOfAKeyreeve,
    /// A family newer than this release, or made up.
    UnknownFamily,
    /// Another generation than the one made today.
    UnusualVersion,
    /// Another length than this family commonly has.
    UnusualLength,
    /// Another ending than this family commonly has.
    UnusualEnding,
}

/// What sort of character stands where none may.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CharClass {
    /// NUL, escape and their like.
    Control,
    /// Anything outside ASCII.
    NonAscii,
    /// A mark such as `/` or `%`.
    Punctuation,
}

impl ProblemKind {
    /// Names it in one word for machines, such as `bad_char`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::UnexpandedVariable => "unexpanded_variable",
            Self::KeyInUrl => "key_in_url",
            Self::Placeholder => "placeholder",
            Self::SeveralTokens => "several_tokens",
            Self::InnerWhitespace => "inner_whitespace",
            Self::WrongCase => "wrong_case",
            Self::UnknownFormat => "unknown_format",
            Self::OtherVendor => "other_vendor",
            Self::NotAnApiCredential => "not_an_api_credential",
            Self::KeyreevesOwn => "keyreeves_own",
            Self::NoBody => "no_body",
            Self::TooShort => "too_short",
            Self::BadChar(_) => "bad_char",
            Self::KeyOfAKeyreeve => "key_of_a_keyreeve",
            Self::UnknownFamily => "unknown_family",
            Self::UnusualVersion => "unusual_version",
            Self::UnusualLength => "unusual_length",
            Self::UnusualEnding => "unusual_ending",
        }
    }

    /// Whether it is only odd: the value may be right all the same, and the API decides.
    pub fn is_only_odd(self) -> bool {
        match self {
            Self::KeyOfAKeyreeve
            | Self::UnknownFamily
            | Self::UnusualVersion
            | Self::UnusualLength
            | Self::UnusualEnding => true,
            Self::Empty
            | Self::TooLong
            | Self::UnexpandedVariable
            | Self::KeyInUrl
            | Self::Placeholder
            | Self::SeveralTokens
            | Self::InnerWhitespace
            | Self::WrongCase
            | Self::UnknownFormat
            | Self::OtherVendor
            | Self::NotAnApiCredential
            | Self::KeyreevesOwn
            | Self::NoBody
            | Self::TooShort
            | Self::BadChar(_) => false,
        }
    }
}

impl fmt::Display for Problem {
    /// Says in a sentence what is wrong, where, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        self.position
            .map_or(Ok(()), |position| write!(f, " (at character {position})"))
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
            Self::Empty => "nothing was given",
            Self::TooLong => {
                return write!(
                    f,
                    "it has more than {LONGEST} characters, which no token has"
                );
            }
            Self::UnexpandedVariable => {
                "this names a variable instead of holding its value: the shell did not replace it"
            }
            Self::KeyInUrl => {
                "this is a URL with a key in it, and URLs end up in logs and histories: rotate that key, then give the new one alone"
            }
            Self::Placeholder => "this is a placeholder or a masked copy: give the token itself",
            Self::SeveralTokens => "there is more than one token in it: give one alone",
            Self::InnerWhitespace => {
                "a blank or line break stands inside it: copy it again in one piece"
            }
            Self::WrongCase => {
                "its prefix has letters of the wrong case: copy it again from where it was shown"
            }
            Self::UnknownFormat => "it is no Anthropic token: those start with sk-ant-",
            Self::OtherVendor => "this is another vendor's token: Anthropic's start with sk-ant-",
            Self::NotAnApiCredential => {
                "this is no API credential but a session cookie or a work-item token, which must not be kept or sent: make an API key in the Console"
            }
            Self::KeyreevesOwn => {
                "this is one of keyreeve's own keys: it belongs in a client, not in a profile"
            }
            Self::NoBody => "this is only the beginning of a token: the rest is missing",
            Self::TooShort => "it is too short to be a token: part of it is missing",
            Self::BadChar(CharClass::Control) => "a control character stands in it",
            Self::BadChar(CharClass::NonAscii) => "a character outside ASCII stands in it",
            Self::BadChar(CharClass::Punctuation) => "a mark that no token has stands in it",
            Self::KeyOfAKeyreeve => {
                "this is a keyreeve key: it belongs in a profile only where the other gateway is a keyreeve too"
            }
            Self::UnknownFamily => {
                "this family of tokens is not known: it may be newer than this release, or mistyped"
            }
            Self::UnusualVersion => {
                "its generation is not the one made today: the API decides whether it is valid"
            }
            Self::UnusualLength => {
                "its length is unusual: compare its end with the original, it may be cut"
            }
            Self::UnusualEnding => {
                "its ending is unusual: compare it with the original, it may be mistyped"
            }
        };
        f.write_str(sentence)
    }
}

impl CharClass {
    /// Sorts a character that may not stand where it stands.
    pub(super) fn of(c: char) -> Self {
        if c.is_control() {
            Self::Control
        } else if c.is_ascii() {
            Self::Punctuation
        } else {
            Self::NonAscii
        }
    }
}
