//! The grammar of ordinary worlds, as weighted tables: places, variables, credentials, and the clouds.

use super::world::DrawnItem::{self, Document, Field, Variable};
use super::world::DrawnValue::{self, Script, Text};
use super::world::{FilePlace, StartDirectory};

/// Choices with their weights.
pub(super) type Table<T> = &'static [(u32, T)];

const fn place(name: &'static str, path: &'static str) -> FilePlace {
    FilePlace { name, path }
}

pub(super) const USER: FilePlace = place("user", "home/.claude/settings.json");
pub(super) const MANAGED: FilePlace = place("managed", "etc/claude-code/managed-settings.json");
pub(super) const FLAG: FilePlace = place("flag", "flag.json");
pub(super) const STATE: FilePlace = place("state", "home/.claude.json");
pub(super) const LOGIN: FilePlace = place("login", "home/.claude/.credentials.json");
pub(super) const MOVED_LOGIN: FilePlace =
    place("config-dir-login", "home/elsewhere/.credentials.json");
const MOVED_USER: FilePlace = place("config-dir-user", "home/elsewhere/settings.json");
const MOVED_STATE: FilePlace = place("config-dir-state", "home/elsewhere/.claude.json");
pub(super) const SECURE_LOGIN: FilePlace = place("secure-login", "home/secure/.credentials.json");

/// Settings files.
pub(super) const SETTINGS: Table<FilePlace> = &[
    (30, USER),
    (12, place("project", "{cwd}/.claude/settings.json")),
    (14, place("local", "{cwd}/.claude/settings.local.json")),
    (5, place("root-project", "{root}/.claude/settings.json")),
    (7, place("root-local", "{root}/.claude/settings.local.json")),
    (3, place("main-project", "{main}/.claude/settings.json")),
    (5, place("main-local", "{main}/.claude/settings.local.json")),
    (3, place("user-local", "home/.claude/settings.local.json")),
    (7, MANAGED),
    (
        4,
        place(
            "drop-in-10",
            "etc/claude-code/managed-settings.d/10-first.json",
        ),
    ),
    (
        3,
        place(
            "drop-in-20",
            "etc/claude-code/managed-settings.d/20-second.json",
        ),
    ),
    (
        2,
        place(
            "drop-in-hidden",
            "etc/claude-code/managed-settings.d/.hidden.json",
        ),
    ),
    (
        2,
        place(
            "drop-in-text",
            "etc/claude-code/managed-settings.d/30-third.txt",
        ),
    ),
    (9, FLAG),
    (5, MOVED_USER),
    (2, place("remote", "home/.claude/remote-settings.json")),
];

/// Files with Claude Code's state.
pub(super) const STATES: Table<FilePlace> = &[
    (30, STATE),
    (6, MOVED_STATE),
    (6, place("legacy-state", "home/.claude/.config.json")),
    (
        3,
        place("moved-legacy-state", "home/elsewhere/.config.json"),
    ),
    (3, place("state-in-claude", "home/.claude/.claude.json")),
    (3, place("config", "home/.claude/config.json")),
];

/// Files of a user, each with the one that takes its place if `CLAUDE_CONFIG_DIR` is set.
pub(super) const MOVED: &[(FilePlace, FilePlace)] = &[
    (USER, MOVED_USER),
    (STATE, MOVED_STATE),
    (LOGIN, MOVED_LOGIN),
];

/// Files of the SDKs' profiles: below the default directory, and below those that variables name.
pub(super) const CONFIG: FilePlace =
    place("sdk-config", "home/.config/anthropic/configs/work.json");
pub(super) const SECRETS: FilePlace = place(
    "sdk-credentials",
    "home/.config/anthropic/credentials/work.json",
);
const DEFAULT_CONFIG: FilePlace = place(
    "sdk-default-config",
    "home/.config/anthropic/configs/default.json",
);
const DEFAULT_SECRETS: FilePlace = place(
    "sdk-default-credentials",
    "home/.config/anthropic/credentials/default.json",
);
pub(super) const ACTIVE: FilePlace = place("sdk-active", "home/.config/anthropic/active_config");
const XDG_CONFIG: FilePlace = place("xdg-config", "home/xdg/anthropic/configs/work.json");
const XDG_SECRETS: FilePlace = place(
    "xdg-credentials",
    "home/xdg/anthropic/credentials/work.json",
);
const OWN_CONFIG: FilePlace = place("own-sdk-config", "home/sdk/configs/work.json");
const OWN_SECRETS: FilePlace = place("own-sdk-credentials", "home/sdk/credentials/work.json");
const LOCAL_CONFIG: FilePlace = place("relative-sdk-config", "{cwd}/sdk/configs/work.json");
const LOCAL_SECRETS: FilePlace = place(
    "relative-sdk-credentials",
    "{cwd}/sdk/credentials/work.json",
);
const IDENTITY: FilePlace = place("identity", "home/identity");

/// The directories in which a client starts.
pub(super) const DIRECTORIES: Table<StartDirectory> = &[
    (55, StartDirectory::Plain),
    (10, StartDirectory::Repository),
    (12, StartDirectory::Subdirectory),
    (7, StartDirectory::Worktree),
    (8, StartDirectory::WorktreeSubdirectory),
    (4, StartDirectory::BrokenRepository),
    (4, StartDirectory::Home),
];

/// The variables with Claude Code's credentials.
pub(super) const CREDENTIALS: Table<&str> = &[
    (30, "ANTHROPIC_API_KEY"),
    (25, "ANTHROPIC_AUTH_TOKEN"),
    (22, "CLAUDE_CODE_OAUTH_TOKEN"),
];

/// Prefixes of the tokens of a variable or field; all others are those of a gateway.
pub(super) const FAMILIES: &[(&str, &str)] = &[
    ("ANTHROPIC_API_KEY", "api03"),
    ("primaryApiKey", "api03"),
    ("CLAUDE_CODE_OAUTH_TOKEN", "oat01"),
    ("CLAUDE_CODE_SESSION_ACCESS_TOKEN", "oat01"),
    ("CLAUDE_CODE_SESSIONS_OAUTH_TOKEN", "oat01"),
    ("claudeAiOauth.accessToken", "oat01"),
    ("access_token", "oat01"),
];

/// A helper that works.
pub(super) const HELPER: DrawnValue = Script("printf '%s\\n' '{token}'");
/// A token of the kind that belongs in its place.
pub(super) const TOKEN: DrawnValue = Text("{token}");
/// A switch that is on.
pub(super) const ON: DrawnValue = Text("1");

const LOGIN_TEXT: &str = r#"{"claudeAiOauth":{"accessToken":"{oat01}","refreshToken":"{ort01}","expiresAt":4102444800000,"scopes":["user:inference","user:profile"],"subscriptionType":"max","rateLimitTier":"default_claude_max_5x"}}"#;
const PROFILE_TEXT: &str = r#"{"version":"1.0","authentication":{"type":"user_oauth"},"organization_id":"{organization}","workspace_id":"wrkspc_01MADEUP"}"#;
const SECRETS_TEXT: &str =
    r#"{"version":"1.0","type":"oauth_token","access_token":"{oat01}","expires_at":4102444800}"#;
const FEDERATED_TEXT: &str = r#"{"version":"1.0","authentication":{"type":"oidc_federation","federation_rule_id":"fdrl_01MADEUP","service_account_id":"svac_01MADEUP","identity_token":{"source":"file","path":"{home}/identity"}},"organization_id":"{organization}","workspace_id":"wrkspc_01MADEUP"}"#;
const OTHER: DrawnValue = Text("{other}");

/// A working login of Claude Code.
pub(super) const LOGIN_ITEMS: &[DrawnItem] = &[Document(LOGIN, LOGIN_TEXT)];
/// A working named profile of the SDKs.
pub(super) const PROFILE_ITEMS: &[DrawnItem] = &[
    Variable("ANTHROPIC_PROFILE", Text("work")),
    Document(CONFIG, PROFILE_TEXT),
    Document(SECRETS, SECRETS_TEXT),
];

/// Ways to select a profile of the SDKs, and workload identity federation.
pub(super) const PROFILES: Table<&[DrawnItem]> = &[
    (8, PROFILE_ITEMS),
    (
        5,
        &[
            Document(ACTIVE, "work\n"),
            Document(CONFIG, PROFILE_TEXT),
            Document(SECRETS, SECRETS_TEXT),
        ],
    ),
    (
        3,
        &[
            Document(DEFAULT_CONFIG, PROFILE_TEXT),
            Document(DEFAULT_SECRETS, SECRETS_TEXT),
        ],
    ),
    (
        2,
        &[
            Document(ACTIVE, "default\n"),
            Document(DEFAULT_CONFIG, PROFILE_TEXT),
            Document(DEFAULT_SECRETS, SECRETS_TEXT),
        ],
    ),
    (
        3,
        &[
            Variable("XDG_CONFIG_HOME", Text("{home}/xdg")),
            Variable("ANTHROPIC_PROFILE", Text("work")),
            Document(XDG_CONFIG, PROFILE_TEXT),
            Document(XDG_SECRETS, SECRETS_TEXT),
        ],
    ),
    (
        3,
        &[
            Variable("ANTHROPIC_CONFIG_DIR", Text("{home}/sdk")),
            Variable("ANTHROPIC_PROFILE", Text("work")),
            Document(OWN_CONFIG, PROFILE_TEXT),
            Document(OWN_SECRETS, SECRETS_TEXT),
        ],
    ),
    (
        2,
        &[
            Variable("ANTHROPIC_CONFIG_DIR", Text("sdk")),
            Variable("ANTHROPIC_PROFILE", Text("work")),
            Document(LOCAL_CONFIG, PROFILE_TEXT),
            Document(LOCAL_SECRETS, SECRETS_TEXT),
        ],
    ),
    (
        3,
        &[
            Variable("ANTHROPIC_PROFILE", Text("work")),
            Document(CONFIG, FEDERATED_TEXT),
            Document(IDENTITY, "{identity}"),
        ],
    ),
    (
        4,
        &[
            Variable("ANTHROPIC_FEDERATION_RULE_ID", Text("fdrl_01MADEUP")),
            Variable("ANTHROPIC_ORGANIZATION_ID", Text("{organization}")),
            Variable("ANTHROPIC_SERVICE_ACCOUNT_ID", Text("svac_01MADEUP")),
            Variable("ANTHROPIC_IDENTITY_TOKEN", Text("{identity}")),
        ],
    ),
    (
        3,
        &[
            Variable("ANTHROPIC_FEDERATION_RULE_ID", Text("fdrl_01MADEUP")),
            Variable("ANTHROPIC_ORGANIZATION_ID", Text("{organization}")),
            Variable("ANTHROPIC_SERVICE_ACCOUNT_ID", Text("svac_01MADEUP")),
            Variable("ANTHROPIC_IDENTITY_TOKEN_FILE", Text("{home}/identity")),
            Document(IDENTITY, "{identity}"),
        ],
    ),
];

/// The clouds, each with its switch, its credential and its base URL.
pub(super) const CLOUDS: Table<&[DrawnItem]> = &[
    (
        4,
        &[
            Variable("CLAUDE_CODE_USE_BEDROCK", ON),
            Variable("AWS_REGION", Text("us-east-1")),
            Variable("AWS_BEARER_TOKEN_BEDROCK", TOKEN),
            Variable("ANTHROPIC_BEDROCK_BASE_URL", OTHER),
        ],
    ),
    (
        3,
        &[
            Variable("CLAUDE_CODE_USE_BEDROCK", ON),
            Variable("AWS_REGION", Text("us-east-1")),
            Variable("AWS_ACCESS_KEY_ID", Text("AKIAMADEUP")),
            Variable("AWS_SECRET_ACCESS_KEY", Text("made-up")),
            Variable("ANTHROPIC_BEDROCK_BASE_URL", OTHER),
        ],
    ),
    (
        3,
        &[
            Variable("CLAUDE_CODE_USE_VERTEX", ON),
            Variable("CLOUD_ML_REGION", Text("us-east5")),
            Variable("ANTHROPIC_VERTEX_PROJECT_ID", Text("made-up")),
            Variable("CLAUDE_CODE_SKIP_VERTEX_AUTH", ON),
            Variable("ANTHROPIC_VERTEX_BASE_URL", OTHER),
        ],
    ),
    (
        3,
        &[
            Variable("CLAUDE_CODE_USE_FOUNDRY", ON),
            Variable("ANTHROPIC_FOUNDRY_API_KEY", TOKEN),
            Variable("ANTHROPIC_FOUNDRY_BASE_URL", OTHER),
        ],
    ),
    (
        2,
        &[
            Variable("CLAUDE_CODE_USE_FOUNDRY", ON),
            Variable("ANTHROPIC_FOUNDRY_AUTH_TOKEN", TOKEN),
            Variable("ANTHROPIC_FOUNDRY_RESOURCE", Text("made-up")),
        ],
    ),
    (
        3,
        &[
            Variable("CLAUDE_CODE_USE_ANTHROPIC_AWS", ON),
            Variable("AWS_REGION", Text("us-east-1")),
            Variable("ANTHROPIC_AWS_API_KEY", TOKEN),
            Variable("ANTHROPIC_AWS_WORKSPACE_ID", Text("wrkspc_01MADEUP")),
            Variable("ANTHROPIC_AWS_BASE_URL", OTHER),
        ],
    ),
    (
        3,
        &[
            Variable("CLAUDE_CODE_USE_MANTLE", ON),
            Variable("AWS_REGION", Text("us-east-1")),
            Variable("AWS_BEARER_TOKEN_BEDROCK", TOKEN),
            Variable("ANTHROPIC_BEDROCK_MANTLE_BASE_URL", OTHER),
        ],
    ),
    (
        3,
        &[
            Variable("CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD", ON),
            Variable("ANTHROPIC_GOOGLE_CLOUD_PROJECT", Text("made-up")),
            Variable("ANTHROPIC_GOOGLE_CLOUD_LOCATION", Text("us-east5")),
            Variable(
                "ANTHROPIC_GOOGLE_CLOUD_WORKSPACE_ID",
                Text("wrkspc_01MADEUP"),
            ),
            Variable("CLAUDE_CODE_SKIP_ANTHROPIC_GOOGLE_CLOUD_AUTH", ON),
            Variable("ANTHROPIC_GOOGLE_CLOUD_BASE_URL", OTHER),
        ],
    ),
];

/// A Console login's key in Claude Code's state.
pub(super) const PRIMARY_KEY: DrawnItem = Field(STATE, "primaryApiKey", TOKEN);
