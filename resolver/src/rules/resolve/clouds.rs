//! The cloud accounts that Claude Code can be switched to, as data (docs/facts.md#claude-code).

use super::step::CredentialHeader;

/// A cloud account that can be switched on.
pub(super) struct Cloud {
    pub(super) switch: &'static str,
    pub(super) base_url: Option<&'static str>,
    /// The variable with the account's own key, and the header it fills.
    pub(super) key: Option<(&'static str, CredentialHeader)>,
    /// The switch that makes Claude Code send the bearer token instead of a signature.
    pub(super) skip_auth: Option<&'static str>,
    /// `true` if Claude Code signs requests that have no such key.
    pub(super) signs: bool,
}

/// The cloud accounts in order of precedence.
pub(super) static CLOUDS: [Cloud; 5] = [
    Cloud {
        switch: "CLAUDE_CODE_USE_BEDROCK",
        base_url: Some("ANTHROPIC_BEDROCK_BASE_URL"),
        key: Some(("AWS_BEARER_TOKEN_BEDROCK", CredentialHeader::Authorization)),
        skip_auth: Some("CLAUDE_CODE_SKIP_BEDROCK_AUTH"),
        signs: true,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_VERTEX",
        base_url: Some("ANTHROPIC_VERTEX_BASE_URL"),
        key: None,
        skip_auth: Some("CLAUDE_CODE_SKIP_VERTEX_AUTH"),
        signs: false,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_FOUNDRY",
        base_url: Some("ANTHROPIC_FOUNDRY_BASE_URL"),
        key: Some(("ANTHROPIC_FOUNDRY_API_KEY", CredentialHeader::XApiKey)),
        skip_auth: None,
        signs: false,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_ANTHROPIC_AWS",
        base_url: None,
        key: None,
        skip_auth: None,
        signs: false,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_MANTLE",
        base_url: None,
        key: None,
        skip_auth: None,
        signs: false,
    },
];
