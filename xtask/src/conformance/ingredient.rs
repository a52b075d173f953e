//! A combination of a client and its configuration, as data: credentials, variables, settings, arguments.

use std::fmt;

use super::token::{Family, fake_token};
use crate::programs::{Program, client};

/// A combination of a client and its configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Case {
    pub(super) program: Program,
    pub(super) ingredients: Vec<Ingredient>,
}

/// One item of a client's configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ingredient {
    /// A credential in a variable of the process.
    Variable(Slot, Shape),
    /// Any other variable; `{upstream}`, `{other}` and `{home}` are placeholders.
    Environment(&'static str, &'static str),
    /// A credential under `env` in a settings file.
    Setting(Layer, Slot, Shape),
    /// Any other variable under `env` in a settings file.
    Entry(Layer, &'static str, &'static str),
    /// An `apiKeyHelper` in a settings file.
    Helper(Layer, HelperScript),
    /// Claude Code's login file.
    Login(LoginFile),
    /// A profile of the SDKs.
    Profile(SdkProfileSetup),
    /// The variables of workload identity federation.
    Federation(FederationSetup),
    /// No base URL: requests go to the simulated Anthropic hosts.
    NoBaseUrl,
    /// Arguments of the client, before the prompt.
    Arguments(&'static [&'static str]),
}

/// A variable that contains a credential.
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

/// Form of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    Set,
    Empty,
    Blank,
    /// With surrounding spaces and a final line break.
    Padded,
    /// With a line break inside.
    Multiline,
    Quoted,
    /// With the prefix `Bearer `.
    Prefixed,
    /// A token of a family that belongs in another variable.
    OtherFamily,
}

/// Layer of the settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layer {
    User,
    Project,
    Local,
    Flag,
    /// The settings file in `CLAUDE_CONFIG_DIR`.
    ConfigDir,
}

/// Behavior of the helper, or the value in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HelperScript {
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

/// State of the login file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LoginFile {
    Present,
    /// Expired, with a refresh token.
    Expired,
    /// Expired, without a refresh token.
    ExpiredNoRefresh,
    /// Invalid JSON.
    Damaged,
    /// `{}`
    EmptyObject,
    /// Without the inference scope.
    NoInference,
    /// In `CLAUDE_CONFIG_DIR`.
    InConfigDir,
}

/// A profile of the SDKs and the way it is selected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SdkProfileSetup {
    /// `ANTHROPIC_PROFILE=work`, with a user's login.
    Named,
    /// `active_config` names `default`, with a user's login.
    Active,
    /// `default` exists, but nothing selects it.
    Unnamed,
    /// `ANTHROPIC_PROFILE` names a missing profile.
    NamedAbsent,
    /// `ANTHROPIC_PROFILE=`
    NamedEmpty,
    NamedFederation,
    ActiveFederation,
    /// Expired, with a refresh token and a client id.
    NamedExpired,
    /// The credentials file is readable by other users.
    NamedReadable,
    /// With a base URL.
    NamedBaseUrl,
}

/// Variables of workload identity federation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FederationSetup {
    Complete,
    /// With the identity token in a file.
    FromFile,
    WithoutOrganization,
    WithoutServiceAccount,
}

impl Case {
    /// Returns the client's name for `keyreeve status --for`.
    pub(super) fn client(&self) -> String {
        client::client_name(self.program)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.client())?;
        for ingredient in &self.ingredients {
            write!(f, " | {ingredient}")?;
        }
        Ok(())
    }
}

impl Slot {
    /// Returns the name of the variable.
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

    /// Returns the method's name in `keyreeve status --json`.
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
        let default = match self {
            Self::ApiKey => Family::ApiKey,
            Self::OauthToken => Family::Oauth,
            Self::AuthToken | Self::FoundryKey | Self::BedrockBearer | Self::CustomHeader => {
                Family::Opaque
            }
        };
        match (shape, default) {
            (Shape::OtherFamily, Family::Oauth) => Family::ApiKey,
            (Shape::OtherFamily, _) => Family::Oauth,
            _ => default,
        }
    }

    /// Returns the token of this variable in a scope, as the client should send it.
    pub(super) fn token(self, shape: Shape, scope: &str) -> String {
        let token = fake_token(self.family(shape), &format!("{}-{scope}", self.method()));
        match shape {
            Shape::Set | Shape::Padded | Shape::OtherFamily => token,
            Shape::Empty | Shape::Blank => String::new(),
            Shape::Multiline => {
                let (before, after) = token.split_at(token.len() / 2);
                format!("{before}\n{after}")
            }
            Shape::Quoted => format!("\"{token}\""),
            Shape::Prefixed => format!("Bearer {token}"),
        }
    }

    /// Returns the complete value of the variable.
    pub(super) fn value(self, shape: Shape, scope: &str) -> String {
        let token = self.token(shape, scope);
        let token = match shape {
            Shape::Blank => "  ".to_owned(),
            Shape::Padded => format!(" {token}\n"),
            Shape::Set
            | Shape::Empty
            | Shape::Multiline
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
    /// Returns the scope's name in `keyreeve status --json`.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Self::User | Self::ConfigDir => "user",
            Self::Project => "project",
            Self::Local => "local",
            Self::Flag => "flag",
        }
    }

    /// Returns the settings file, or `None` for the flag.
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
            Self::NoBaseUrl => f.write_str("no base URL"),
            Self::Arguments(arguments) => write!(f, "{}", arguments.join(" ")),
        }
    }
}
