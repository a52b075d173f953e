//! One step of a client's chain, and its state after resolution.

use std::fmt;

use keyreeve_core::token::Family;

use super::location::Location;
use super::parsed_value::Flaw;
use super::payer::Payer;

/// One step of a chain, and its state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainStep {
    /// The kind of step.
    pub method: Method,
    /// The location where the client looks for it, or finds it.
    pub location: Location,
    /// Its state.
    pub state: StepState,
    /// The account that would pay if this were the only credential, or `None` if it provides none.
    pub would_pay: Option<Payer>,
}

/// A filled header slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The kind of step that fills it.
    pub method: Method,
    /// The location of the credential.
    pub location: Location,
    /// The family that the value's prefix names, or `None` if the value is not known in advance.
    pub family: Option<Family>,
    /// The value as [`redact`](keyreeve_core::token::redact) shows it, or `None` if it is not known in advance.
    pub hint: Option<String>,
}

/// The kind of a step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Method {
    /// A switch that selects a cloud account.
    Cloud,
    /// A cloud account's own key or token.
    CloudKey,
    /// An API key.
    ApiKey,
    /// A bearer token.
    AuthToken,
    /// A header written out by the user.
    CustomHeader,
    /// A program that prints a credential.
    Helper,
    /// An OAuth access token.
    OauthToken,
    /// A profile of the official SDKs.
    SdkProfile,
    /// A federation configured with variables.
    Federation,
    /// The API key that Claude Code stored after a sign-in to the Console.
    StoredKey,
    /// Claude Code's own login.
    Login,
    /// The user name and password of the base URL, sent as `Authorization: Basic`.
    AddressUser,
    /// A keyreeve profile.
    Profile,
}

impl Method {
    /// Returns its name in JSON.
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
            Self::StoredKey => "stored_key",
            Self::Login => "login",
            Self::AddressUser => "address_user",
            Self::Profile => "profile",
        }
    }

    /// Returns `true` if a client adds the OAuth beta value to a request with such a token (docs/facts.md#claude-code).
    pub(super) fn adds_oauth_beta(self) -> bool {
        match self {
            Self::OauthToken | Self::SdkProfile | Self::Federation | Self::Login => true,
            Self::Cloud
            | Self::CloudKey
            | Self::ApiKey
            | Self::AuthToken
            | Self::CustomHeader
            | Self::Helper
            | Self::StoredKey
            | Self::AddressUser
            | Self::Profile => false,
        }
    }
}

/// The state of a step after resolution.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepState {
    /// It fills a header, or both.
    Taken {
        /// The headers.
        headers: FilledHeaders,
    },
    /// It is a switch that is on, so the client uses a cloud account.
    On,
    /// It is a switch that is set to off.
    Off,
    /// It provides a credential, but a step of higher precedence overrides it.
    Shadowed {
        /// The overriding step, as [`Location`] shows it.
        by: String,
    },
    /// It provides a credential, but the client skips it.
    NotRead {
        /// The reason.
        reason: SkipReason,
    },
    /// It is not set.
    Absent,
    /// It is set to an empty value, which counts as not set and hides settings of the same name with lower precedence.
    Empty,
    /// Its value cannot be sent. The client fails and tries no further step.
    Broken(Flaw),
}

/// The reason a client skips a step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SkipReason {
    /// The client was started in bare mode.
    Bare,
    /// `CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST` is set.
    ManagedByHost,
    /// `--setting-sources` excludes the file.
    SettingSources,
    /// `ANTHROPIC_PROFILE` names another profile.
    OtherProfileNamed,
    /// It is a login, which project settings may not choose.
    ProjectLogin,
    /// This release does not read the file.
    OlderRelease,
    /// Its value in the file is not text.
    NotText,
    /// Requests go to a socket.
    Socket,
    /// In a session of the desktop application, the file may not set it.
    Desktop,
    /// `CLAUDE_CODE_RESTRICTED` is on.
    Restricted,
    /// `CLAUDE_CODE_USE_GATEWAY` is on.
    Gateway,
    /// A hosted session uses no profile.
    Hosted,
    /// The program that starts Claude Code lets a login take precedence.
    LoginPreferred,
    /// Claude Code in VS Code uses a key only after the user approved it.
    NotApproved,
    /// The user rejected it when Claude Code asked.
    Rejected,
    /// The file cannot be used.
    Unusable(Flaw),
}

impl SkipReason {
    /// Returns the flaw, if that is the reason.
    pub(crate) fn flaw(self) -> Option<Flaw> {
        match self {
            Self::Unusable(flaw) => Some(flaw),
            Self::Bare
            | Self::ManagedByHost
            | Self::SettingSources
            | Self::OtherProfileNamed
            | Self::ProjectLogin
            | Self::OlderRelease
            | Self::NotText
            | Self::Socket
            | Self::Desktop
            | Self::Restricted
            | Self::Gateway
            | Self::Hosted
            | Self::LoginPreferred
            | Self::NotApproved
            | Self::Rejected => None,
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bare => f.write_str("ignored in bare mode"),
            Self::ManagedByHost => {
                f.write_str("ignored because CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST is set")
            }
            Self::SettingSources => f.write_str("excluded by --setting-sources"),
            Self::ProjectLogin => {
                f.write_str("ignored because project settings may not choose a login")
            }
            Self::OtherProfileNamed => {
                f.write_str("ignored because ANTHROPIC_PROFILE names a profile")
            }
            Self::OlderRelease => f.write_str("not read by this release"),
            Self::Socket => f.write_str("ignored because ANTHROPIC_UNIX_SOCKET is set"),
            Self::Desktop => f.write_str(
                "ignored because CLAUDE_CODE_ENTRYPOINT marks a session of the desktop application",
            ),
            Self::Restricted => f.write_str("ignored because CLAUDE_CODE_RESTRICTED is on"),
            Self::Gateway => f.write_str(
                "ignored because CLAUDE_CODE_USE_GATEWAY is on and ANTHROPIC_AUTH_TOKEN is set",
            ),
            Self::Hosted => f.write_str(
                "ignored in a session that CLAUDE_CODE_REMOTE or CLAUDE_CODE_ENTRYPOINT marks as hosted",
            ),
            Self::LoginPreferred => f.write_str(
                "ignored because a login takes precedence in a session that CLAUDE_CODE_REMOTE or \
                 CLAUDE_CODE_ENTRYPOINT marks as hosted",
            ),
            Self::NotApproved => f.write_str(
                "ignored because CLAUDE_CODE_ENTRYPOINT is claude-vscode and you have not approved the key",
            ),
            Self::NotText => f.write_str("ignored because its value is not text"),
            Self::Rejected => f.write_str(
                "ignored because you rejected it in Claude Code (/config, \"Use custom API key\")",
            ),
            Self::Unusable(flaw) => write!(f, "ignored: {flaw}"),
        }
    }
}

/// A header that carries a credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CredentialHeader {
    /// `x-api-key`
    XApiKey,
    /// `Authorization: Bearer`
    Authorization,
}

/// The headers that one step fills.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FilledHeaders {
    /// `x-api-key`
    XApiKey,
    /// `Authorization: Bearer`
    Authorization,
    /// Both, with the same value.
    Both,
}

impl FilledHeaders {
    /// Returns `true` if it is, or includes, this header.
    pub(crate) fn includes(self, header: CredentialHeader) -> bool {
        match (self, header) {
            (Self::Both, _)
            | (Self::XApiKey, CredentialHeader::XApiKey)
            | (Self::Authorization, CredentialHeader::Authorization) => true,
            (Self::XApiKey, CredentialHeader::Authorization)
            | (Self::Authorization, CredentialHeader::XApiKey) => false,
        }
    }
}

impl From<CredentialHeader> for FilledHeaders {
    fn from(header: CredentialHeader) -> Self {
        match header {
            CredentialHeader::XApiKey => Self::XApiKey,
            CredentialHeader::Authorization => Self::Authorization,
        }
    }
}

impl fmt::Display for CredentialHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XApiKey => "x-api-key",
            Self::Authorization => "authorization",
        })
    }
}

impl fmt::Display for FilledHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XApiKey => "x-api-key",
            Self::Authorization => "authorization",
            Self::Both => "x-api-key and authorization",
        })
    }
}
