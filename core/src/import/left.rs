//! Why something found stays where it is.

use std::fmt;

use crate::inject::Refusal;
use crate::token::Problem;

/// Why something stays where it is. Its text is a sentence; [`Left::hint`] the command that takes it all the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Left {
    /// Another vendor's.
    OtherProvider(String),
    /// A token that a person made with `claude setup-token`.
    SetupToken,
    /// A copy of a plan login, or one the program made for itself.
    PlanLogin,
    /// No token, by its shape.
    NoToken(Vec<Problem>),
    /// A token that is sent nowhere.
    Refused(Refusal),
    /// There is a name and no secret.
    NoSecret,
    /// A reference that only its program can follow.
    Reference(&'static str),
    /// A reference whose target cannot be looked at for what it is.
    UnseenToken,
    /// A helper whose own text holds a key.
    KeyInHelper,
    /// A base URL that keyreeve sends nothing to.
    BaseUrl(crate::origin::Refused),
    /// Not the JSON that it should be.
    Unreadable {
        /// The line at fault, from 1.
        line: usize,
        /// The column at fault, from 1.
        column: usize,
    },
    /// JSON, but of another shape.
    OtherShape(&'static str),
    /// Of a kind that is not known here.
    UnknownKind,
    /// A newer file of the same program has one of the same name.
    Older,
    /// There are more of them than anybody has.
    TooMany,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherProvider(provider) => {
                write!(f, "for {provider}: keyreeve keeps credentials for Anthropic's API")
            }
            Self::SetupToken => f.write_str(
                "a plan login, which Anthropic's terms keep to Anthropic's own programs: keeping one is a question of its own",
            ),
            Self::PlanLogin => f.write_str(
                "a plan login, which is never copied: sign in with `claude` itself, and keyreeve refers to that",
            ),
            Self::NoToken(problems) => {
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                write!(f, "not a token: {}", problems.join("; "))
            }
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NoSecret => f.write_str("there is a name and no secret to it"),
            Self::Reference(why) => f.write_str(why),
            Self::UnseenToken => f.write_str(
                "it refers to a token of a plan, which is never put behind a virtual key",
            ),
            Self::KeyInHelper => f.write_str(
                "the helper's own text holds a key, which would be kept in the clear: rotate that key and seal the new one",
            ),
            Self::BaseUrl(refused) => write!(f, "it goes to a base URL that is refused: {refused}"),
            Self::Unreadable { line, column } => {
                write!(f, "not readable as JSON, at line {line} column {column}")
            }
            Self::OtherShape(expected) => write!(f, "not of the known shape: {expected}"),
            Self::UnknownKind => f.write_str("of a kind that is not known here"),
            Self::Older => f.write_str("a newer file has one of the same name"),
            Self::TooMany => f.write_str("there are too many of them to be real"),
        }
    }
}

impl Left {
    /// The command with which a person takes it all the same, where there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::SetupToken => Some("keyreeve profile add NAME --setup-token"),
            Self::KeyInHelper | Self::NoSecret => Some("keyreeve profile add NAME"),
            Self::Reference(_) => Some("keyreeve profile add NAME --command -- PROGRAM"),
            Self::BaseUrl(crate::origin::Refused::PlainHttp) => {
                Some("keyreeve profile add NAME --origin URL --insecure-loopback")
            }
            Self::OtherProvider(_)
            | Self::PlanLogin
            | Self::NoToken(_)
            | Self::Refused(_)
            | Self::UnseenToken
            | Self::BaseUrl(_)
            | Self::Unreadable { .. }
            | Self::OtherShape(_)
            | Self::UnknownKind
            | Self::Older
            | Self::TooMany => None,
        }
    }

    /// Names it in one word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherProvider(_) => "other_provider",
            Self::SetupToken => "setup_token",
            Self::PlanLogin => "plan_login",
            Self::NoToken(_) => "no_token",
            Self::Refused(_) => "refused",
            Self::NoSecret => "no_secret",
            Self::Reference(_) => "reference",
            Self::UnseenToken => "unseen_token",
            Self::KeyInHelper => "key_in_helper",
            Self::BaseUrl(_) => "base_url",
            Self::Unreadable { .. } => "unreadable",
            Self::OtherShape(_) => "other_shape",
            Self::UnknownKind => "unknown_kind",
            Self::Older => "older",
            Self::TooMany => "too_many",
        }
    }
}
