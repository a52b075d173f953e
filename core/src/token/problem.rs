//! Problems and warnings about a pasted token, in texts that never repeat it.

use std::fmt;

/// Maximum length of a token, in characters.
pub const MAX_TOKEN_CHARS: usize = 16_384;

/// A problem with a pasted token, and its position.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TokenProblem {
    /// The kind of problem.
    pub kind: ProblemKind,
    /// The invalid character's position in the pasted text, counted from 1, if one character is at fault.
    pub position: Option<usize>,
}

/// The kind of a problem.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ProblemKind {
    /// The text is empty after the repairs.
    Empty,
    /// More than [`MAX_TOKEN_CHARS`] characters.
    TooLong,
    /// A variable such as `$ANTHROPIC_API_KEY` that was not expanded.
    UnexpandedVariable,
    /// A reference that another program replaces with the secret, such as `op://vault/item/field`.
    Reference,
    /// A URL with a token in its query or before its host.
    KeyInUrl,
    /// A placeholder such as `sk-ant-...` or `your-api-key-here`, or a masked copy.
    Placeholder,
    /// More than one token.
    SeveralTokens,
    /// Whitespace inside the token that is not the line break of a wrapped one.
    InnerWhitespace,
    /// A known prefix in the wrong case.
    WrongCase,
    /// No known prefix.
    UnknownFormat,
    /// Another vendor's prefix.
    OtherVendor,
    /// A session cookie or a work-item token.
    NotAnApiCredential,
    /// A key that keyreeve generated, instead of a credential for Anthropic.
    KeyreeveKey,
    /// A prefix without a body.
    NoBody,
    /// A body shorter than that of any token.
    TooShort,
    /// A character that tokens never contain.
    BadChar(CharClass),
    /// A keyreeve virtual key for another gateway: correct only if that gateway is a keyreeve, too.
    OtherKeyreeveKey,
    /// A family that is newer than this release, or does not exist.
    UnknownFamily,
    /// A generation other than the current one.
    UnusualVersion,
    /// A length that is unusual for the family.
    UnusualLength,
    /// An ending that is unusual for the family.
    UnusualEnding,
}

/// The class of an invalid character.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CharClass {
    /// A control character, such as NUL or escape.
    Control,
    /// A character outside ASCII.
    NonAscii,
    /// A punctuation character, such as `/` or `%`.
    Punctuation,
}

impl ProblemKind {
    /// Returns the machine-readable code, such as `bad_char`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::UnexpandedVariable => "unexpanded_variable",
            Self::Reference => "reference",
            Self::KeyInUrl => "key_in_url",
            Self::Placeholder => "placeholder",
            Self::SeveralTokens => "several_tokens",
            Self::InnerWhitespace => "inner_whitespace",
            Self::WrongCase => "wrong_case",
            Self::UnknownFormat => "unknown_format",
            Self::OtherVendor => "other_vendor",
            Self::NotAnApiCredential => "not_an_api_credential",
            Self::KeyreeveKey => "keyreeve_key",
            Self::NoBody => "no_body",
            Self::TooShort => "too_short",
            Self::BadChar(_) => "bad_char",
            Self::OtherKeyreeveKey => "other_keyreeve_key",
            Self::UnknownFamily => "unknown_family",
            Self::UnusualVersion => "unusual_version",
            Self::UnusualLength => "unusual_length",
            Self::UnusualEnding => "unusual_ending",
        }
    }

    /// Returns `true` if it is only a warning: the value may still be valid, and the API decides.
    pub(super) fn is_warning(self) -> bool {
        match self {
            Self::OtherKeyreeveKey
            | Self::UnknownFamily
            | Self::UnusualVersion
            | Self::UnusualLength
            | Self::UnusualEnding => true,
            Self::Empty
            | Self::TooLong
            | Self::UnexpandedVariable
            | Self::Reference
            | Self::KeyInUrl
            | Self::Placeholder
            | Self::SeveralTokens
            | Self::InnerWhitespace
            | Self::WrongCase
            | Self::UnknownFormat
            | Self::OtherVendor
            | Self::NotAnApiCredential
            | Self::KeyreeveKey
            | Self::NoBody
            | Self::TooShort
            | Self::BadChar(_) => false,
        }
    }
}

impl fmt::Display for TokenProblem {
    /// Describes the problem, its position, and the remedy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        self.position
            .map_or(Ok(()), |position| write!(f, " (at character {position})"))
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
            Self::Empty => "no token given",
            Self::TooLong => {
                return write!(
                    f,
                    "longer than the {},{:03} characters that a token can have",
                    MAX_TOKEN_CHARS / 1000,
                    MAX_TOKEN_CHARS % 1000
                );
            }
            Self::UnexpandedVariable => {
                "this is the name of a variable, not its value: the shell did not expand it"
            }
            Self::Reference => {
                "this is a reference to a secret, not the secret: start the program with the tool that replaces it, such as `op run --`"
            }
            Self::KeyInUrl => {
                "this is a URL that contains a key, and URLs end up in logs and histories: rotate that key, then enter only the new one"
            }
            Self::Placeholder => "this is a placeholder or a masked copy: enter the token itself",
            Self::SeveralTokens => "it contains more than one token: enter only one",
            Self::InnerWhitespace => {
                "it contains a space or line break: copy it again in one piece"
            }
            Self::WrongCase => "its prefix is in the wrong case: copy it again from the original",
            Self::UnknownFormat => "not an Anthropic token: those start with sk-ant-",
            Self::OtherVendor => {
                "this is another vendor's token: Anthropic tokens start with sk-ant-"
            }
            Self::NotAnApiCredential => {
                "this is a session cookie or a work-item token, not an API credential, and must not be saved or sent: create an API key in the Console"
            }
            Self::KeyreeveKey => "this is a keyreeve key: use it in a client, not in a profile",
            Self::NoBody => "this is only the prefix of a token: the rest is missing",
            Self::TooShort => "too short for a token: part of it is missing",
            Self::BadChar(CharClass::Control) => "it contains a control character",
            Self::BadChar(CharClass::NonAscii) => "it contains a non-ASCII character",
            Self::BadChar(CharClass::Punctuation) => {
                "it contains a character that tokens never have"
            }
            Self::OtherKeyreeveKey => {
                "this is a keyreeve key: use it in a profile only if the other gateway is a keyreeve, too"
            }
            Self::UnknownFamily => {
                "unknown token family: it may be newer than this release, or mistyped"
            }
            Self::UnusualVersion => {
                "not the current generation of this token: the API decides whether it is valid"
            }
            Self::UnusualLength => {
                "unusual length: compare its end with the original, it may be truncated"
            }
            Self::UnusualEnding => {
                "unusual ending: compare it with the original, it may be mistyped"
            }
        };
        f.write_str(sentence)
    }
}

impl CharClass {
    /// Classifies an invalid character.
    pub(super) fn from_char(c: char) -> Self {
        if c.is_control() {
            Self::Control
        } else if c.is_ascii() {
            Self::Punctuation
        } else {
            Self::NonAscii
        }
    }
}
