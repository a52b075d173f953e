//! The scenarios, as data: which program does what, and what must have been seen behind the gateway.

use super::program::Program;

/// The programs of the scenarios.
pub(super) const PROGRAMS: [Program; 7] = [
    Program::Curl,
    Program::Python("2.11.0"),
    Program::Python("0.125.0"),
    Program::Typescript("1.11.0"),
    Program::Httpx("0.28.1"),
    Program::LangChain("1.6.13"),
    Program::ClaudeCode("2.1.329"),
];

/// What the program is asked to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Act {
    /// A message, whole.
    Plain,
    /// A message, streamed.
    Stream,
    /// A message that calls a tool, with two made-up betas.
    Tool,
    /// A model that nobody has.
    Error,
    /// `count_tokens`.
    Count,
    /// The list of models.
    Models,
    /// `claude -p hi` with the key in `ANTHROPIC_AUTH_TOKEN`.
    AuthToken,
    /// `claude -p hi` with an `apiKeyHelper` that prints the key.
    Helper,
    /// `claude -p hi` with a key that nobody made.
    WrongKey,
    /// `claude -p hi` with `keyreeve helper` as its `apiKeyHelper`.
    OwnHelper,
    /// The example of `examples/`, whose credential provider asks `keyreeve credential`.
    Provider,
    /// A message, by the profile that `keyreeve profile link` wrote.
    Linked,
    /// A message, through `/passthrough` with a login of its own.
    OwnLogin,
    /// The same, streamed.
    OwnStream,
    /// How far the login's windows are used up.
    OwnUsage,
}

/// What must have happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expected {
    /// The upstream answered with this status, and the ledger has a row of this operation.
    Answered {
        status: u64,
        operation: &'static str,
    },
    /// The upstream answered a client that got its key from keyreeve.
    Handed,
    /// The upstream answered a client's own login.
    PassedThrough,
    /// The gateway refused and the client took no for an answer: it asked once, and nothing went upstream.
    RefusedOnce,
}

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) program: Program,
    pub(super) act: Act,
}

impl Scenario {
    /// Its name, under which its outcome is printed.
    pub(super) fn name(&self) -> String {
        let act = match self.act {
            Act::Plain => "gets a message",
            Act::Stream => "gets a streamed message",
            Act::Tool => "gets a tool call",
            Act::Error => "gets the upstream's error",
            Act::Count => "counts tokens",
            Act::Models => "lists models",
            Act::AuthToken => "answers by ANTHROPIC_AUTH_TOKEN",
            Act::Helper => "answers by apiKeyHelper",
            Act::WrongKey => "asks once with a wrong key",
            Act::OwnHelper => "answers by keyreeve helper",
            Act::Provider => "answers by keyreeve credential",
            Act::Linked => "answers by a linked profile",
            Act::OwnLogin => "passes through with a login of its own",
            Act::OwnStream => "passes through streamed with a login of its own",
            Act::OwnUsage => "reads the windows of a login of its own",
        };
        format!("{} {act}", self.program)
    }

    /// The path on which the client asks.
    pub(super) fn path(&self) -> &'static str {
        match self.act {
            Act::Count => "/v1/messages/count_tokens",
            Act::Models => "/v1/models",
            Act::OwnLogin | Act::OwnStream => "/passthrough/v1/messages",
            Act::OwnUsage => "/passthrough/api/oauth/usage",
            _ => "/v1/messages",
        }
    }

    /// What must have happened.
    pub(super) fn expected(&self) -> Expected {
        match self.act {
            Act::WrongKey => Expected::RefusedOnce,
            Act::OwnHelper | Act::Provider | Act::Linked => Expected::Handed,
            Act::OwnLogin | Act::OwnStream | Act::OwnUsage => Expected::PassedThrough,
            Act::Error => Expected::Answered {
                status: 404,
                operation: "messages",
            },
            Act::Count => Expected::Answered {
                status: 200,
                operation: "count_tokens",
            },
            Act::Models => Expected::Answered {
                status: 200,
                operation: "models",
            },
            _ => Expected::Answered {
                status: 200,
                operation: "messages",
            },
        }
    }

    /// Whether the client asks for a stream.
    pub(super) fn streams(&self) -> bool {
        matches!(self.act, Act::Stream | Act::AuthToken | Act::Helper)
    }
}

/// Every scenario.
pub(super) fn all() -> Vec<Scenario> {
    const PYTHON: [Act; 8] = [
        Act::Plain,
        Act::Stream,
        Act::Tool,
        Act::Error,
        Act::Count,
        Act::Models,
        Act::Provider,
        Act::Linked,
    ];
    let acts = |program| match program {
        Program::Curl => &PYTHON[..4],
        // Profiles and providers came with 1.0.
        Program::Python("0.125.0") => &PYTHON[..6],
        Program::Python(_) => &PYTHON[..],
        Program::Typescript(_) => &[Act::Provider],
        Program::Httpx(_) => &[Act::OwnLogin, Act::OwnStream, Act::OwnUsage],
        Program::LangChain(_) => &[Act::OwnLogin, Act::OwnStream],
        Program::ClaudeCode(_) => &[
            Act::AuthToken,
            Act::Helper,
            Act::WrongKey,
            Act::OwnHelper,
            Act::Linked,
            Act::OwnLogin,
        ],
    };
    let of = |program| {
        acts(program)
            .iter()
            .map(move |&act| Scenario { program, act })
    };
    PROGRAMS.into_iter().flat_map(of).collect()
}
