//! The scenarios as data: a program, its action, and the expected result.

use crate::programs::Program;

/// The programs of all scenarios.
pub(super) const PROGRAMS: [Program; 7] = [
    Program::Curl,
    Program::Python("2.11.0"),
    Program::Python("0.125.0"),
    Program::Typescript("1.11.0"),
    Program::Httpx("0.28.1"),
    Program::LangChain("1.6.13"),
    Program::ClaudeCode("2.1.329"),
];

/// Action of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// A message, not streamed.
    Plain,
    /// A streamed message.
    Stream,
    /// A message that calls a tool, with two made-up betas.
    Tool,
    /// A message with an unknown model.
    Error,
    /// `count_tokens`.
    Count,
    /// The list of models.
    Models,
    /// `claude -p hi` with the key in `ANTHROPIC_AUTH_TOKEN`.
    AuthToken,
    /// `claude -p hi` with an `apiKeyHelper` that prints the key.
    Helper,
    /// `claude -p hi` with an unknown key.
    WrongKey,
    /// `claude -p hi` with `keyreeve helper` as its `apiKeyHelper`.
    KeyreeveHelper,
    /// The example of `examples/`, whose credential provider runs `keyreeve credential`.
    Provider,
    /// A message, with the profile written by `keyreeve profile link`.
    LinkedProfile,
    /// A message through `/passthrough`, with the client's own login.
    OwnLogin,
    /// A streamed message through `/passthrough`, with the client's own login.
    OwnLoginStream,
    /// The usage of the login's plan windows, through `/passthrough`.
    OwnLoginUsage,
}

/// Expected result of a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expected {
    /// A response from the upstream with this status, and a ledger entry with this operation.
    Forwarded {
        status: u64,
        operation: &'static str,
    },
    /// A response from the upstream to a client with a key issued by keyreeve.
    IssuedKey,
    /// A response from the upstream to the client's own login.
    PassedThrough,
    /// A rejection by the gateway that the client does not retry; nothing is sent upstream.
    RejectedOnce,
}

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) program: Program,
    pub(super) action: Action,
}

impl Scenario {
    /// Returns the name, as printed with the outcome.
    pub(super) fn name(&self) -> String {
        let action = match self.action {
            Action::Plain => "gets a message",
            Action::Stream => "gets a streamed message",
            Action::Tool => "gets a tool call",
            Action::Error => "gets the upstream's error",
            Action::Count => "counts tokens",
            Action::Models => "lists models",
            Action::AuthToken => "gets a message with ANTHROPIC_AUTH_TOKEN",
            Action::Helper => "gets a message with apiKeyHelper",
            Action::WrongKey => "does not retry with a wrong key",
            Action::KeyreeveHelper => "gets a message with keyreeve helper",
            Action::Provider => "gets a message with keyreeve credential",
            Action::LinkedProfile => "gets a message with a linked profile",
            Action::OwnLogin => "passes through with its own login",
            Action::OwnLoginStream => "passes through streamed with its own login",
            Action::OwnLoginUsage => "reads the plan windows of its own login",
        };
        format!("{} {action}", self.program)
    }

    /// Returns the path of the client's request.
    pub(super) fn path(&self) -> &'static str {
        match self.action {
            Action::Count => "/v1/messages/count_tokens",
            Action::Models => "/v1/models",
            Action::OwnLogin | Action::OwnLoginStream => "/passthrough/v1/messages",
            Action::OwnLoginUsage => "/passthrough/api/oauth/usage",
            _ => "/v1/messages",
        }
    }

    /// Returns the expected result.
    pub(super) fn expected(&self) -> Expected {
        match self.action {
            Action::WrongKey => Expected::RejectedOnce,
            Action::KeyreeveHelper | Action::Provider | Action::LinkedProfile => {
                Expected::IssuedKey
            }
            Action::OwnLogin | Action::OwnLoginStream | Action::OwnLoginUsage => {
                Expected::PassedThrough
            }
            Action::Error => Expected::Forwarded {
                status: 404,
                operation: "messages",
            },
            Action::Count => Expected::Forwarded {
                status: 200,
                operation: "count_tokens",
            },
            Action::Models => Expected::Forwarded {
                status: 200,
                operation: "models",
            },
            _ => Expected::Forwarded {
                status: 200,
                operation: "messages",
            },
        }
    }

    /// Returns `true` if the client requests a stream.
    pub(super) fn streams(&self) -> bool {
        matches!(
            self.action,
            Action::Stream | Action::AuthToken | Action::Helper
        )
    }
}

/// Returns every scenario.
pub(super) fn all() -> Vec<Scenario> {
    const PYTHON: [Action; 8] = [
        Action::Plain,
        Action::Stream,
        Action::Tool,
        Action::Error,
        Action::Count,
        Action::Models,
        Action::Provider,
        Action::LinkedProfile,
    ];
    let actions = |program| match program {
        Program::Curl => &PYTHON[..4],
        // Profiles and credential providers exist since 1.0.
        Program::Python("0.125.0") => &PYTHON[..6],
        Program::Python(_) => &PYTHON[..],
        Program::Typescript(_) => &[Action::Provider],
        Program::Httpx(_) => &[
            Action::OwnLogin,
            Action::OwnLoginStream,
            Action::OwnLoginUsage,
        ],
        Program::LangChain(_) => &[Action::OwnLogin, Action::OwnLoginStream],
        Program::ClaudeCode(_) => &[
            Action::AuthToken,
            Action::Helper,
            Action::WrongKey,
            Action::KeyreeveHelper,
            Action::LinkedProfile,
            Action::OwnLogin,
        ],
    };
    let scenarios = |program| {
        actions(program)
            .iter()
            .map(move |&action| Scenario { program, action })
    };
    PROGRAMS.into_iter().flat_map(scenarios).collect()
}
