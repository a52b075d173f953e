//! One rung of a client's chain, and what became of it.

use std::fmt;

use crate::token::Family;

use super::payer::Payer;
use super::place::Place;
use super::reading::Flaw;

/// One rung of a chain, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rung {
    /// What kind of rung.
    pub method: Method,
    /// Where it was looked for, or found.
    pub place: Place,
    /// What became of it.
    pub state: State,
    /// Who would pay if this were the only credential; none where it holds none.
    pub would_pay: Option<Payer>,
}

/// A header that would be filled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    /// By what kind of rung.
    pub method: Method,
    /// From where.
    pub place: Place,
    /// The family the value's prefix names; none where the value is not known beforehand.
    pub family: Option<Family>,
    /// The value as [`redact`](crate::token::redact) shows it; none where it is not known beforehand.
    pub hint: Option<String>,
}

/// A kind of rung.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Method {
    /// A switch that hands everything to a cloud account.
    Cloud,
    /// A cloud account's own key or token.
    CloudKey,
    /// An API key.
    ApiKey,
    /// A bearer token.
    AuthToken,
    /// A header given word by word.
    CustomHeader,
    /// A command that prints a credential.
    Helper,
    /// An OAuth access token.
    OauthToken,
    /// A profile of the official SDKs.
    SdkProfile,
    /// A federation described by variables.
    Federation,
    /// Claude Code's own login.
    Login,
    /// One of keyreeve's own profiles.
    Profile,
}

impl Method {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::CloudKey => "cloud_key",
            Self::ApiKey => "api_key",
            Self::AuthToken => "auth_token",
            Self::CustomHeader => "custom_header",
            Self::Helper => "helper",
            Self::OauthToken => "oauth_token",
            Self::SdkProfile => "sdk_profile",
            Self::Federation => "federation",
            Self::Login => "login",
            Self::Profile => "profile",
        }
    }

    /// Whether a client marks a request with such a token by the OAuth beta value (docs/facts.md#claude-code).
    pub(super) fn adds_oauth_beta(self) -> bool {
        match self {
            Self::OauthToken | Self::SdkProfile | Self::Federation | Self::Login => true,
            Self::Cloud
            | Self::CloudKey
            | Self::ApiKey
            | Self::AuthToken
            | Self::CustomHeader
            | Self::Helper
            | Self::Profile => false,
        }
    }
}

/// What became of a rung.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// It fills a header, or both.
    Taken {
        /// Which.
        fills: Fills,
    },
    /// It is a switch that is on: the client uses a cloud account.
    On,
    /// It is a switch that is set, but off.
    Off,
    /// It holds something, but something stronger is in its place.
    Shadowed {
        /// What is stronger, as [`Place`] shows it.
        by: String,
    },
    /// It holds something, but the client does not look there.
    NotRead {
        /// Why.
        because: PassedOver,
    },
    /// There is nothing.
    Absent,
    /// It is set to nothing, which counts as not set and hides weaker settings of the same name.
    Empty,
    /// What it holds cannot be sent. The client fails rather than look further.
    Broken(Flaw),
}

/// Why a client does not look at a rung.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PassedOver {
    /// It was started bare.
    Bare,
    /// `CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST` is set.
    ManagedByHost,
    /// `--setting-sources` leaves the file out.
    SettingSources,
    /// `ANTHROPIC_PROFILE` names a profile, which is not there.
    AnotherNamed,
    /// It is a login, and a project's settings may not choose one.
    OfProject,
    /// The person said no when Claude Code asked about it.
    Refused,
    /// The file cannot be used.
    Unusable(Flaw),
}

impl PassedOver {
    /// What is wrong with the place, where that is why it is passed over.
    pub(crate) fn unusable(self) -> Option<Flaw> {
        match self {
            Self::Unusable(flaw) => Some(flaw),
            Self::Bare
            | Self::ManagedByHost
            | Self::SettingSources
            | Self::AnotherNamed
            | Self::OfProject
            | Self::Refused => None,
        }
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bare => f.write_str("not looked at when bare"),
            Self::ManagedByHost => {
                f.write_str("not looked at, since CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST is set")
            }
            Self::SettingSources => f.write_str("left out by --setting-sources"),
            Self::OfProject => f.write_str("a project's settings may not choose a login"),
            Self::AnotherNamed => {
                f.write_str("not looked at, since ANTHROPIC_PROFILE names a profile")
            }
            Self::Refused => f.write_str(
                "passed over: you told Claude Code not to use it (/config, \"Use custom API key\")",
            ),
            Self::Unusable(flaw) => write!(f, "passed over: {flaw}"),
        }
    }
}

/// A header that carries a credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Header {
    /// `x-api-key`
    XApiKey,
    /// `Authorization: Bearer`
    Authorization,
}

/// The headers that one rung fills.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fills {
    /// `x-api-key`
    XApiKey,
    /// `Authorization: Bearer`
    Authorization,
    /// Both, with the same value.
    Both,
}

impl Fills {
    /// Whether it is, or includes, this header.
    pub fn include(self, header: Header) -> bool {
        match (self, header) {
            (Self::Both, _)
            | (Self::XApiKey, Header::XApiKey)
            | (Self::Authorization, Header::Authorization) => true,
            (Self::XApiKey, Header::Authorization) | (Self::Authorization, Header::XApiKey) => {
                false
            }
        }
    }
}

impl From<Header> for Fills {
    fn from(header: Header) -> Self {
        match header {
            Header::XApiKey => Self::XApiKey,
            Header::Authorization => Self::Authorization,
        }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XApiKey => "x-api-key",
            Self::Authorization => "authorization",
        })
    }
}

impl fmt::Display for Fills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XApiKey => "x-api-key",
            Self::Authorization => "authorization",
            Self::Both => "x-api-key and authorization",
        })
    }
}
