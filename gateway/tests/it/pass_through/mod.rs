//! What passes through with a credential of the client's own: as it came, for whom, and what is remembered of it.

mod recorded;
mod refused;
mod untouched;

use keyreeve_testkit::upstream::{Received, Step};
use keyreeve_testkit::wire::{self, Answer};

use crate::stage::{JSON, Setup, Stage, Wish};

/// Every way that passes through, and where it leads.
pub(super) const WAYS: [(&str, &str); 6] = [
    ("POST /passthrough/v1/messages", "POST /v1/messages"),
    (
        "POST /passthrough/v1/messages/count_tokens",
        "POST /v1/messages/count_tokens",
    ),
    ("GET /passthrough/v1/models", "GET /v1/models"),
    (
        "GET /passthrough/v1/models/claude-haiku-5-5",
        "GET /v1/models/claude-haiku-5-5",
    ),
    ("GET /passthrough/api/oauth/usage", "GET /api/oauth/usage"),
    (
        "GET /passthrough/api/oauth/profile",
        "GET /api/oauth/profile",
    ),
];

/// The headers of a program that is, or looks like, the genuine one.
pub(super) const GENUINE: [(&str, &str); 11] = [
    JSON,
    ("accept", "application/json"),
    ("user-agent", "claude-cli/2.1.329 (external, cli)"),
    ("x-app", "cli"),
    ("anthropic-version", "2023-06-01"),
    (
        "anthropic-beta",
        "claude-code-20250219,oauth-2025-04-20, interleaved-thinking-2025-05-14",
    ),
    ("anthropic-beta", "one-more"),
    ("anthropic-dangerous-direct-browser-access", "true"),
    ("x-stainless-lang", "js"),
    ("x-claude-code-session-id", "0000-1111"),
    ("connection", "keep-alive"),
];

/// A body that no serializer would write like this, with a system block first.
pub(super) const ODD_BODY: &str = "{ \"system\":[{\"type\":\"text\",\"text\":\"You are Claude Code, Anthropic's official CLI for Claude.\"} ,\n{\"type\":\"text\",\"text\":\"w\u{f6}rld \\u2713\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"max_tokens\" :16,\r\n\t\"model\":\"claude-haiku-5-5\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"new\":null }  ";

pub(super) fn stage(script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static) -> Stage {
    let setup = Setup {
        pass_through: Wish::On,
        ..Setup::default()
    };
    setup.start(script)
}

/// Asks with these headers alone, on a connection of its own.
#[track_caller]
pub(super) fn raw(stage: &Stage, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let request = wire::request(stage.address, line, headers, body);
    stage.saw(wire::ask(stage.address, &request))
}

/// Asks with the stage's key and the client's own login.
#[track_caller]
pub(super) fn ask(stage: &Stage, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let bearer = format!("Bearer {}", stage.own.value());
    let own = [
        ("x-keyreeve-key", stage.key.value()),
        ("authorization", bearer.as_str()),
    ];
    raw(stage, line, &[&own, headers].concat(), body)
}
