//! The reasons for skipping an item of an import.

use std::fmt;

use keyreeve_core::inject::InjectError;
use keyreeve_core::token::TokenProblem;

/// The reason an item is not imported. [`ImportSkip::fix_command`] is the command that adds it in another way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ImportSkip {
    /// It is another vendor's credential.
    OtherProvider(String),
    /// It is a token of `claude setup-token`.
    SetupToken,
    /// It is a copy of a plan login, or a plan login of the program itself.
    PlanLogin,
    /// Its format is not that of a token.
    NotAToken(Vec<TokenProblem>),
    /// It is a token that keyreeve never sends.
    NeverSent(InjectError),
    /// It has a name but no secret.
    NoSecret,
    /// It is a reference that only the original program can resolve.
    Reference(&'static str),
    /// It is a reference of type `token`, which is treated as a plan's token because its target is not read.
    PlanTokenReference,
    /// It is a helper whose own text contains a key.
    KeyInHelper,
    /// Its base URL is not allowed.
    BaseUrl(keyreeve_core::origin::OriginError),
    /// It is not valid JSON.
    Unreadable {
        /// The line of the error, from 1.
        line: usize,
        /// The column of the error, from 1.
        column: usize,
    },
    /// It is JSON with an unexpected structure.
    OtherShape(&'static str),
    /// Its kind is unknown.
    UnknownKind,
    /// A newer file of the same program has an entry with the same name.
    Older,
    /// There are more entries than real files have.
    TooMany,
}

impl fmt::Display for ImportSkip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherProvider(provider) => {
                write!(f, "a credential for {provider}; keyreeve only stores credentials for the Anthropic API")
            }
            Self::SetupToken => f.write_str(
                "a plan login, which Anthropic's terms restrict to Anthropic's own programs, so storing one needs your explicit consent",
            ),
            Self::PlanLogin => f.write_str(
                "a plan login, which is never copied; sign in with `claude` itself, and keyreeve refers to that login",
            ),
            Self::NotAToken(problems) => {
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                write!(f, "not a token: {}", problems.join("; "))
            }
            Self::NeverSent(error) => error.fmt(f),
            Self::NoSecret => f.write_str("it has a name but no secret"),
            Self::Reference(problem) => f.write_str(problem),
            Self::PlanTokenReference => f.write_str(
                "it refers to a plan's token, which is never used behind a virtual key",
            ),
            Self::KeyInHelper => f.write_str(
                "the helper's own text contains a key, which would be stored unencrypted; rotate that key and save the new one",
            ),
            Self::BaseUrl(error) => write!(f, "its base URL is not allowed: {error}"),
            Self::Unreadable { line, column } => {
                write!(f, "not valid JSON at line {line}, column {column}")
            }
            Self::OtherShape(problem) => write!(f, "unexpected format: {problem}"),
            Self::UnknownKind => f.write_str("of an unknown kind"),
            Self::Older => f.write_str("a newer file has an entry with the same name"),
            Self::TooMany => f.write_str("there are too many entries"),
        }
    }
}

impl ImportSkip {
    /// Returns the command that adds it in another way, if there is one.
    pub fn fix_command(&self) -> Option<&'static str> {
        match self {
            Self::SetupToken => Some("keyreeve profile add NAME --setup-token"),
            Self::KeyInHelper | Self::NoSecret => Some("keyreeve profile add NAME"),
            Self::Reference(_) => Some("keyreeve profile add NAME --command -- PROGRAM"),
            Self::BaseUrl(keyreeve_core::origin::OriginError::PlainHttp) => {
                Some("keyreeve profile add NAME --origin URL --insecure-loopback")
            }
            Self::OtherProvider(_)
            | Self::PlanLogin
            | Self::NotAToken(_)
            | Self::NeverSent(_)
            | Self::PlanTokenReference
            | Self::BaseUrl(_)
            | Self::Unreadable { .. }
            | Self::OtherShape(_)
            | Self::UnknownKind
            | Self::Older
            | Self::TooMany => None,
        }
    }

    /// Returns its code in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherProvider(_) => "other_provider",
            Self::SetupToken => "setup_token",
            Self::PlanLogin => "plan_login",
            Self::NotAToken(_) => "no_token",
            Self::NeverSent(_) => "refused",
            Self::NoSecret => "no_secret",
            Self::Reference(_) => "reference",
            Self::PlanTokenReference => "unseen_token",
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
