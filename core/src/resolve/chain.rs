//! The rules by which each client fills its two headers, as data (docs/facts.md#claude-code, docs/facts.md#sdk-chain).
//!
//! Invariant: a chain is read from top to bottom, and what stands higher wins. Only the environment is looked at.

use super::client::{Client, PythonMajor, TypescriptMajor};
use super::{Header, Method};

/// How one version of one client looks for a credential.
pub(super) struct Chain {
    /// Variables that hand everything over to a cloud account, the strongest first.
    pub(super) cloud_switches: &'static [&'static str],
    /// The variables that fill headers, the strongest first.
    pub(super) steps: &'static [Step],
    /// What happens to blanks around a value.
    pub(super) blanks: Blanks,
}

/// One variable that may fill a header.
pub(super) struct Step {
    pub(super) method: Method,
    pub(super) variable: &'static str,
    pub(super) fills: Header,
    pub(super) yields_to: YieldsTo,
    /// A switch that keeps the client from reading the variable.
    pub(super) unread_under: Option<&'static str>,
}

/// What passes a step over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum YieldsTo {
    /// Its own header being filled.
    SameHeader,
    /// Either header being filled.
    AnyHeader,
}

/// What a client does with blanks around a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Blanks {
    /// It takes them off, so that a blank value is an empty one.
    TakenOff,
    /// It sends them.
    Sent,
}

impl Chain {
    pub(super) fn of(client: Client) -> &'static Self {
        match client {
            Client::ClaudeCode => &CLAUDE_CODE,
            Client::SdkPython(PythonMajor::Zero | PythonMajor::One) => &SDK_TWO_HEADERS,
            Client::SdkPython(PythonMajor::Two) | Client::SdkTypescript(TypescriptMajor::One) => {
                &SDK_BEARER
            }
        }
    }
}

/// Claude Code fills its headers independently: two credentials can go out in one request.
static CLAUDE_CODE: Chain = Chain {
    cloud_switches: &[
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_VERTEX",
        "CLAUDE_CODE_USE_FOUNDRY",
        "CLAUDE_CODE_USE_ANTHROPIC_AWS",
        "CLAUDE_CODE_USE_MANTLE",
    ],
    steps: &[
        API_KEY,
        AUTH_TOKEN,
        Step {
            method: Method::OauthToken,
            variable: "CLAUDE_CODE_OAUTH_TOKEN",
            fills: Header::Authorization,
            yields_to: YieldsTo::AnyHeader,
            unread_under: Some("CLAUDE_CODE_SIMPLE"),
        },
    ],
    blanks: Blanks::TakenOff,
};

/// Python 0.x and 1.x: each variable has a header of its own, and both go out.
static SDK_TWO_HEADERS: Chain = Chain {
    cloud_switches: &[],
    steps: &[API_KEY, AUTH_TOKEN],
    blanks: Blanks::Sent,
};

/// Python 2.x and TypeScript 1.x: one bearer, and the key beats the token.
static SDK_BEARER: Chain = Chain {
    cloud_switches: &[],
    steps: &[
        Step {
            fills: Header::Authorization,
            ..API_KEY
        },
        AUTH_TOKEN,
    ],
    blanks: Blanks::Sent,
};

const API_KEY: Step = Step {
    method: Method::ApiKey,
    variable: "ANTHROPIC_API_KEY",
    fills: Header::XApiKey,
    yields_to: YieldsTo::SameHeader,
    unread_under: None,
};

const AUTH_TOKEN: Step = Step {
    method: Method::AuthToken,
    variable: "ANTHROPIC_AUTH_TOKEN",
    fills: Header::Authorization,
    yields_to: YieldsTo::SameHeader,
    unread_under: None,
};
