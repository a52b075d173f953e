//! The grammar of odd worlds, as weighted tables: rare variables, fields of every file, and arguments.

use super::grammar::Table;
use super::values::{
    CREDENTIAL_JSON, CREDENTIAL_TEXTS, NAMES, OTHER_VALUES, PATHS, SWITCHES, URL_JSON, URLS,
};
use super::world::DrawnValue::{self, Json, Missing, Text};

/// Variables other than credentials that may change who pays, with the values to draw.
pub(super) const VARIABLES: Table<(&str, Table<DrawnValue>)> = &[
    (8, ("CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", SWITCHES)),
    (6, ("CLAUDE_CODE_SIMPLE", SWITCHES)),
    (8, ("CLAUDE_CODE_REMOTE", SWITCHES)),
    (14, ("CLAUDE_CODE_ENTRYPOINT", ENTRY_POINTS)),
    (6, ("CLAUDE_CODE_USE_BEDROCK", SWITCHES)),
    (5, ("CLAUDE_CODE_USE_VERTEX", SWITCHES)),
    (5, ("CLAUDE_CODE_USE_FOUNDRY", SWITCHES)),
    (4, ("CLAUDE_CODE_USE_ANTHROPIC_AWS", SWITCHES)),
    (4, ("CLAUDE_CODE_USE_MANTLE", SWITCHES)),
    (5, ("CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD", SWITCHES)),
    (3, ("CLAUDE_CODE_USE_GATEWAY", SWITCHES)),
    (5, ("CLAUDE_SECURESTORAGE_CONFIG_DIR", PATHS)),
    (5, ("CLAUDE_CONFIG_DIR", PATHS)),
    (5, ("XDG_CONFIG_HOME", PATHS)),
    (5, ("ANTHROPIC_CONFIG_DIR", PATHS)),
    (6, ("ANTHROPIC_PROFILE", NAMES)),
    (6, ("CLAUDE_CODE_OAUTH_SCOPES", SCOPES)),
    (4, ("ANTHROPIC_CUSTOM_HEADERS", CUSTOM_HEADERS)),
    (3, ("CLAUDE_CODE_MANAGED_SETTINGS_PATH", PATHS)),
    (3, ("CLAUDE_CODE_REMOTE_SETTINGS_PATH", PATHS)),
    (3, ("CLAUDE_CODE_API_BASE_URL", URLS)),
    (2, ("CLAUDE_CODE_CUSTOM_OAUTH_URL", URLS)),
    (2, ("ANTHROPIC_UNIX_SOCKET", PATHS)),
    (2, ("ANTHROPIC_API_HOST", URLS)),
    (3, ("CLAUDE_CODE_GATEWAY_TOKEN", TOKENS)),
    (3, ("CLAUDE_CODE_SESSION_ACCESS_TOKEN", TOKENS)),
    (3, ("CLAUDE_CODE_SESSIONS_OAUTH_TOKEN", TOKENS)),
    (2, ("CLAUDE_CODE_HFI_BEARER_TOKEN", TOKENS)),
    (2, ("CLAUDE_API_KEY", TOKENS)),
    (2, ("ANTHROPIC_ADMIN_KEY", TOKENS)),
    (2, ("CLAUDE_CODE_HOST_AUTH_ENV_VAR", VARIABLE_NAMES)),
    (2, ("CLAUDE_CODE_RESTRICT_PERSONAL_CONFIG", SWITCHES)),
    (2, ("CLAUDE_CODE_RESTRICTED", SWITCHES)),
    (2, ("CLAUDE_CODE_SAFE_MODE", SWITCHES)),
    (2, ("CLAUDE_CODE_STOP_ON_UNUSABLE_PROFILE", SWITCHES)),
    (2, ("_CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL", SWITCHES)),
];

const TOKENS: Table<DrawnValue> = &[(3, Text("{token}")), (1, Text(""))];
const VARIABLE_NAMES: Table<DrawnValue> = &[
    (1, Text("ANTHROPIC_API_KEY")),
    (1, Text("ANTHROPIC_AUTH_TOKEN")),
    (1, Text("")),
];
const ENTRY_POINTS: Table<DrawnValue> = &[
    (4, Text("claude-desktop")),
    (4, Text("local-agent")),
    (4, Text("claude-vscode")),
    (2, Text("cli")),
    (2, Text("sdk-py")),
    (2, Text("sdk-ts")),
    (2, Text("remote")),
    (2, Text("mcp")),
    (1, Text(" claude-desktop ")),
    (1, Text("made-up")),
    (1, Text("")),
];
const SCOPES: Table<DrawnValue> = &[
    (2, Text("user:profile")),
    (2, Text("user:inference")),
    (2, Text("user:inference user:profile")),
    (1, Text("user:inference,user:profile")),
    (1, Text("")),
    (1, Text(" ")),
];
const CUSTOM_HEADERS: Table<DrawnValue> = &[
    (3, Text("Authorization: Bearer {token}")),
    (3, Text("X-Api-Key: {token}")),
    (2, Text("x-other: 1")),
    (1, Text("no header")),
    (1, Text("")),
];

/// Variables with a base URL.
pub(super) const URL_VARIABLES: &[&str] = &[
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_FOUNDRY_BASE_URL",
    "ANTHROPIC_AWS_BASE_URL",
    "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
    "ANTHROPIC_GOOGLE_CLOUD_BASE_URL",
    "base_url",
];

/// Fields that settings files may have, most of them invalid.
pub(super) const SETTINGS_FIELDS: Table<(&str, DrawnValue)> = &[
    (3, ("unknownField", Json("{\"a\":1}"))),
    (3, ("env", Json("null"))),
    (3, ("env", Json("[]"))),
    (3, ("env", Text("text"))),
    (2, ("env", Json("7"))),
    (3, ("permissions", Text("text"))),
    (2, ("permissions", Json("{\"allow\":7}"))),
    (2, ("permissions", Json("{\"allow\":[\"Bash(\"]}"))),
    (3, ("model", Json("7"))),
    (2, ("model", Json("null"))),
    (3, ("hooks", Json("[]"))),
    (2, ("hooks", Json("{\"Unknown\":[]}"))),
    (2, ("cleanupPeriodDays", Text("text"))),
    (2, ("cleanupPeriodDays", Json("-1"))),
    (2, ("includeCoAuthoredBy", Text("yes"))),
    (2, ("$schema", Json("7"))),
    (2, ("outputStyle", Json("[]"))),
    (2, ("env.OTHER_VARIABLE", Json("7"))),
    (2, ("env.OTHER_VARIABLE", Json("{}"))),
    (4, ("forceLoginMethod", Text("claudeai"))),
    (4, ("forceLoginMethod", Text("console"))),
    (2, ("forceLoginMethod", Text("other"))),
    (2, ("forceLoginMethod", Json("7"))),
    (2, ("forceLoginOrgUUID", Text("{organization}"))),
    (1, ("forceLoginOrgUUID", Json("[]"))),
    (2, ("disableAllHooks", Json("true"))),
    (2, ("otelHeadersHelper", Json("7"))),
    (2, ("awsAuthRefresh", Json("7"))),
];

/// Fields that state files may have.
pub(super) const STATE_FIELDS: Table<(&str, DrawnValue)> = &[
    (
        5,
        (
            "customApiKeyResponses",
            Json("{\"approved\":[\"{key_end}\"],\"rejected\":[]}"),
        ),
    ),
    (
        5,
        (
            "customApiKeyResponses",
            Json("{\"approved\":[],\"rejected\":[\"{key_end}\"]}"),
        ),
    ),
    (2, ("customApiKeyResponses", Json("[]"))),
    (2, ("customApiKeyResponses", Text("text"))),
    (
        2,
        (
            "customApiKeyResponses",
            Json("{\"approved\":\"{key_end}\"}"),
        ),
    ),
    (
        3,
        (
            "oauthAccount",
            Json("{\"accountUuid\":\"{organization}\",\"emailAddress\":\"a@b.test\"}"),
        ),
    ),
    (2, ("oauthAccount", Json("null"))),
    (2, ("oauthAccount", Json("7"))),
    (2, ("hasCompletedOnboarding", Json("true"))),
    (2, ("projects", Json("[]"))),
    (2, ("env", Json("[]"))),
    (2, ("env", Json("null"))),
    (2, ("unknownField", Json("{\"a\":1}"))),
];

/// Fields of a login to change.
pub(super) const LOGIN_FIELDS: Table<(&str, Table<DrawnValue>)> = &[
    (6, ("claudeAiOauth.accessToken", CREDENTIAL_TEXTS)),
    (4, ("claudeAiOauth.accessToken", CREDENTIAL_JSON)),
    (6, ("claudeAiOauth.expiresAt", EXPIRY_TIMES)),
    (6, ("claudeAiOauth.scopes", SCOPE_LISTS)),
    (3, ("claudeAiOauth.refreshToken", OTHER_VALUES)),
    (3, ("claudeAiOauth.subscriptionType", OTHER_VALUES)),
    (1, ("claudeAiOauth.rateLimitTier", OTHER_VALUES)),
    (3, ("claudeAiOauth", OTHER_VALUES)),
    (2, ("claudeAiOauth.extra", OTHER_VALUES)),
    (2, ("organizationUuid", OTHER_VALUES)),
];
const EXPIRY_TIMES: Table<DrawnValue> = &[
    (4, Json("1700000000000")),
    (2, Json("1700000000")),
    (2, Json("4102444800")),
    (2, Json("0")),
    (2, Json("-1")),
    (2, Json("null")),
    (2, Text("4102444800000")),
    (2, Text("2100-01-01T00:00:00Z")),
    (2, Json("4102444800000.5")),
    (2, Json("true")),
    (2, Missing),
];
const SCOPE_LISTS: Table<DrawnValue> = &[
    (3, Json("[\"user:profile\"]")),
    (3, Json("[\"user:inference\"]")),
    (2, Json("[]")),
    (2, Json("null")),
    (2, Text("user:inference user:profile")),
    (2, Json("{}")),
    (2, Json("[7]")),
    (2, Json("7")),
    (2, Missing),
];

/// Fields of a profile's configuration to change.
pub(super) const PROFILE_FIELDS: Table<(&str, Table<DrawnValue>)> = &[
    (5, ("base_url", URLS)),
    (2, ("base_url", URL_JSON)),
    (4, ("authentication.type", PROFILE_TYPES)),
    (2, ("authentication", OTHER_VALUES)),
    (2, ("authentication.client_id", OTHER_VALUES)),
    (2, ("authentication.credentials_path", CREDENTIALS_PATHS)),
    (2, ("version", OTHER_VALUES)),
    (2, ("organization_id", OTHER_VALUES)),
    (2, ("workspace_id", OTHER_VALUES)),
    (1, ("unknown_field", OTHER_VALUES)),
];
const PROFILE_TYPES: Table<DrawnValue> = &[
    (2, Text("oidc_federation")),
    (2, Text("made_up")),
    (1, Text("")),
    (1, Json("7")),
    (1, Json("null")),
    (2, Missing),
];
const CREDENTIALS_PATHS: Table<DrawnValue> = &[
    (2, Text("{home}/.config/anthropic/credentials/work.json")),
    (1, Text("credentials/work.json")),
    (1, Text("{home}/nowhere.json")),
    (1, Json("7")),
];

/// Fields of a profile's credentials to change.
pub(super) const SECRET_FIELDS: Table<(&str, Table<DrawnValue>)> = &[
    (5, ("access_token", CREDENTIAL_TEXTS)),
    (3, ("access_token", CREDENTIAL_JSON)),
    (5, ("expires_at", EXPIRY_TIMES)),
    (2, ("type", OTHER_VALUES)),
    (2, ("version", OTHER_VALUES)),
    (2, ("refresh_token", OTHER_VALUES)),
    (1, ("unknown_field", OTHER_VALUES)),
];

/// Arguments of Claude Code.
pub(super) const ARGUMENTS: Table<&[&str]> = &[
    (5, &["--bare"]),
    (4, &["--setting-sources", ""]),
    (3, &["--setting-sources", "user"]),
    (3, &["--setting-sources", "project"]),
    (3, &["--setting-sources", "local"]),
    (3, &["--setting-sources", "user,local"]),
    (2, &["--setting-sources", " user , project "]),
    (2, &["--setting-sources", "flag"]),
    (2, &["--setting-sources=project,local"]),
    (2, &["--settings", "{}"]),
    (2, &["--settings", ""]),
    (2, &["--settings", "{"]),
    (2, &["--settings", "/nowhere/settings.json"]),
    (3, &["--settings", "{\"apiKeyHelper\":\"\"}"]),
    (2, &["--settings", "{\"apiKeyHelper\":null}"]),
    (2, &["--settings", "{\"env\":{\"ANTHROPIC_API_KEY\":\"\"}}"]),
    (2, &["--model", "sonnet"]),
];
