//! What a combination is made of: a credential somewhere, a switch, an argument, each as data.

use std::fmt;

use super::token::{Family, made_up};

/// One thing that is set up before a client starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ingredient {
    /// A credential in a variable of the process.
    Variable(Slot, Shape),
    /// Any other variable; `{upstream}`, `{other}` and `{home}` stand for what is known later.
    Environment(&'static str, &'static str),
    /// A credential under `env` in a settings file.
    Setting(Layer, Slot, Shape),
    /// Any other variable under `env` in a settings file.
    Entry(Layer, &'static str, &'static str),
    /// An `apiKeyHelper` in a settings file.
    Helper(Layer, Helper),
    /// Claude Code's login file.
    Login(Login),
    /// A profile of the SDKs.
    Profile(Profile),
    /// The variables of a federation.
    Federation(Federation),
    /// No base URL is set, and the vendor's own hosts answer.
    VendorAnswers,
    /// Arguments of the client, before the prompt.
    Arguments(&'static [&'static str]),
}

/// A variable that holds a credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Slot {
    ApiKey,
    AuthToken,
    OauthToken,
    FoundryKey,
    BedrockBearer,
    /// An `Authorization` line in `ANTHROPIC_CUSTOM_HEADERS`.
    CustomHeader,
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    Set,
    Empty,
    Blank,
    /// With blanks and a line's end around it.
    Padded,
    /// With a line's end inside.
    Broken,
    Quoted,
    /// With `Bearer ` before it.
    Prefixed,
    /// A token of a family that belongs into another variable.
    OtherFamily,
}

/// Where settings stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layer {
    User,
    Project,
    Local,
    Flag,
    /// The settings file in `CLAUDE_CONFIG_DIR`.
    ConfigDir,
}

/// What the helper does, or what stands in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Helper {
    Prints,
    PrintsPadded,
    PrintsTwoLines,
    PrintsNothing,
    Fails,
    Missing,
    /// `"apiKeyHelper": ""`
    EmptyText,
    /// `"apiKeyHelper": null`
    Null,
}

/// The login file's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Login {
    Present,
    /// With a refresh token.
    Expired,
    /// Without one.
    ExpiredForGood,
    /// No JSON.
    Damaged,
    /// `{}`
    Hollow,
    /// Without the scope for inference.
    NoInference,
    /// In `CLAUDE_CONFIG_DIR`.
    InConfigDir,
}

/// A profile of the SDKs, and how it is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Profile {
    /// `ANTHROPIC_PROFILE=work`, a user's sign-in.
    Named,
    /// `active_config` names `default`, a user's sign-in.
    Active,
    /// `default` is there and nothing names it.
    Unnamed,
    /// `ANTHROPIC_PROFILE` names one that is not there.
    NamedAbsent,
    /// `ANTHROPIC_PROFILE=`
    NamedEmpty,
    NamedFederation,
    ActiveFederation,
    /// With a refresh token and a client id.
    NamedExpired,
    /// Its credentials file may be read by others.
    NamedReadable,
    /// It holds a base URL of its own.
    NamedElsewhere,
}

/// The federation's variables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Federation {
    Whole,
    /// With the identity token in a file.
    FromFile,
    WithoutOrganization,
    WithoutServiceAccount,
}

impl Slot {
    /// The variable's name.
    pub(super) fn variable(self) -> &'static str {
        match self {
            Self::ApiKey => "ANTHROPIC_API_KEY",
            Self::AuthToken => "ANTHROPIC_AUTH_TOKEN",
            Self::OauthToken => "CLAUDE_CODE_OAUTH_TOKEN",
            Self::FoundryKey => "ANTHROPIC_FOUNDRY_API_KEY",
            Self::BedrockBearer => "AWS_BEARER_TOKEN_BEDROCK",
            Self::CustomHeader => "ANTHROPIC_CUSTOM_HEADERS",
        }
    }

    /// The method's name in `keyreeve status --json`.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::AuthToken => "auth_token",
            Self::OauthToken => "oauth_token",
            Self::FoundryKey | Self::BedrockBearer => "cloud_key",
            Self::CustomHeader => "custom_header",
        }
    }

    fn family(self, shape: Shape) -> Family {
        let own = match self {
            Self::ApiKey => Family::ApiKey,
            Self::OauthToken => Family::Oauth,
            Self::AuthToken | Self::FoundryKey | Self::BedrockBearer | Self::CustomHeader => {
                Family::Opaque
            }
        };
        match (shape, own) {
            (Shape::OtherFamily, Family::Oauth) => Family::ApiKey,
            (Shape::OtherFamily, _) => Family::Oauth,
            _ => own,
        }
    }

    /// The token that stands in this variable at a place, as the client ought to send it.
    pub(super) fn token(self, shape: Shape, scope: &str) -> String {
        let token = made_up(self.family(shape), &format!("{}-{scope}", self.method()));
        match shape {
            Shape::Set | Shape::Padded | Shape::OtherFamily => token,
            Shape::Empty | Shape::Blank => String::new(),
            Shape::Broken => {
                let (before, after) = token.split_at(token.len() / 2);
                format!("{before}\n{after}")
            }
            Shape::Quoted => format!("\"{token}\""),
            Shape::Prefixed => format!("Bearer {token}"),
        }
    }

    /// The variable's whole value.
    pub(super) fn value(self, shape: Shape, scope: &str) -> String {
        let token = self.token(shape, scope);
        let token = match shape {
            Shape::Blank => "  ".to_owned(),
            Shape::Padded => format!(" {token}\n"),
            Shape::Set
            | Shape::Empty
            | Shape::Broken
            | Shape::Quoted
            | Shape::Prefixed
            | Shape::OtherFamily => token,
        };
        match self {
            Self::CustomHeader => format!("Authorization: Bearer {token}"),
            Self::ApiKey
            | Self::AuthToken
            | Self::OauthToken
            | Self::FoundryKey
            | Self::BedrockBearer => token,
        }
    }
}

impl Layer {
    /// The scope's name in `keyreeve status --json`.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Self::User | Self::ConfigDir => "user",
            Self::Project => "project",
            Self::Local => "local",
            Self::Flag => "flag",
        }
    }

    /// The settings file; the flag has none.
    pub(super) fn file(self) -> Option<&'static str> {
        match self {
            Self::User => Some("home/.claude/settings.json"),
            Self::Project => Some("project/.claude/settings.json"),
            Self::Local => Some("project/.claude/settings.local.json"),
            Self::ConfigDir => Some("home/elsewhere/settings.json"),
            Self::Flag => None,
        }
    }
}

impl fmt::Display for Ingredient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(slot, shape) => write!(f, "{}={shape:?}", slot.variable()),
            Self::Environment(name, value) => write!(f, "{name}={value:?}"),
            Self::Setting(layer, slot, shape) => {
                write!(f, "{layer:?}:{}={shape:?}", slot.variable())
            }
            Self::Entry(layer, name, value) => write!(f, "{layer:?}:{name}={value:?}"),
            Self::Helper(layer, helper) => write!(f, "{layer:?}:apiKeyHelper={helper:?}"),
            Self::Login(login) => write!(f, "login={login:?}"),
            Self::Profile(profile) => write!(f, "profile={profile:?}"),
            Self::Federation(federation) => write!(f, "federation={federation:?}"),
            Self::VendorAnswers => f.write_str("no base URL"),
            Self::Arguments(arguments) => write!(f, "{}", arguments.join(" ")),
        }
    }
}
