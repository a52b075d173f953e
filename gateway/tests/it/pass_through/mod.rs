//! Pass-through with the client's own credential: what is forwarded, what is refused, and what is recorded.

mod recorded;
mod refused;
mod untouched;

use keyreeve_testkit::upstream::{ReceivedRequest, Step};
use keyreeve_testkit::wire::{self, WireResponse};

use crate::harness::{JSON, Setup, Switch, TestGateway};

/// Every pass-through route, and the upstream route it leads to.
pub(super) const ROUTES: [(&str, &str); 6] = [
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

/// The headers of the genuine Claude Code, or of a program that looks like it.
pub(super) const CLAUDE_CODE_HEADERS: [(&str, &str); 11] = [
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

/// A body that no serializer would produce, with a system block first.
pub(super) const ODD_BODY: &str = "{ \"system\":[{\"type\":\"text\",\"text\":\"You are Claude Code, Anthropic's official CLI for Claude.\"} ,\n{\"type\":\"text\",\"text\":\"w\u{f6}rld \\u2713\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"max_tokens\" :16,\r\n\t\"model\":\"claude-haiku-5-5\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"new\":null }  ";

pub(super) fn start_gateway(
    script: impl Fn(&ReceivedRequest) -> Vec<Step> + Send + Sync + 'static,
) -> TestGateway {
    let setup = Setup {
        pass_through: Switch::On,
        ..Setup::default()
    };
    setup.start(script)
}

/// Sends a request with these headers only, on a new connection.
#[track_caller]
pub(super) fn send_with(
    gateway: &TestGateway,
    line: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> WireResponse {
    let request = wire::request(gateway.address, line, headers, body);
    gateway.record_response(wire::send_request(gateway.address, &request))
}

/// Sends a request with the virtual key and the client's own login.
#[track_caller]
pub(super) fn send(
    gateway: &TestGateway,
    line: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> WireResponse {
    let bearer = format!("Bearer {}", gateway.client_token.value());
    let own = [
        ("x-keyreeve-key", gateway.key.value()),
        ("authorization", bearer.as_str()),
    ];
    send_with(gateway, line, &[&own, headers].concat(), body)
}
