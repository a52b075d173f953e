//! The environment variables that the rules read or set, and the effect of each (docs/facts.md#claude-code,
//! docs/facts.md#sdk-chain).
//!
//! Invariant: a name that more than one file needs is spelled out here only. The variables of cloud accounts are in
//! their own table, and those that are only removed are in `conflicts`.

/// An API key, sent as `x-api-key`.
pub(crate) const API_KEY: &str = "ANTHROPIC_API_KEY";

/// A bearer token, such as a gateway's key, sent as `Authorization`.
pub(crate) const AUTH_TOKEN: &str = "ANTHROPIC_AUTH_TOKEN";

/// A plan's token from `claude setup-token`: it overrides a login, but a plan pays either way.
pub(crate) const OAUTH_TOKEN: &str = "CLAUDE_CODE_OAUTH_TOKEN";

/// The variables that contain a credential.
pub(crate) const CREDENTIALS: [&str; 3] = [API_KEY, AUTH_TOKEN, OAUTH_TOKEN];

/// The address that requests are sent to.
pub(crate) const BASE_URL: &str = "ANTHROPIC_BASE_URL";

/// Headers that are added to every request.
pub(crate) const CUSTOM_HEADERS: &str = "ANTHROPIC_CUSTOM_HEADERS";

/// The name of an SDK profile.
pub(crate) const SDK_PROFILE: &str = "ANTHROPIC_PROFILE";

/// The directory of the SDK profiles.
pub(crate) const SDK_CONFIG_DIR: &str = "ANTHROPIC_CONFIG_DIR";

/// The rule of a federation, which also needs an organization and an identity token.
pub(crate) const FEDERATION_RULE: &str = "ANTHROPIC_FEDERATION_RULE_ID";

/// The organization of a federation.
pub(crate) const FEDERATION_ORGANIZATION: &str = "ANTHROPIC_ORGANIZATION_ID";

/// The identity token of a federation.
pub(crate) const IDENTITY_TOKEN: &str = "ANTHROPIC_IDENTITY_TOKEN";

/// A file that contains the identity token of a federation.
pub(crate) const IDENTITY_TOKEN_FILE: &str = "ANTHROPIC_IDENTITY_TOKEN_FILE";

/// The directory of Claude Code's settings and login.
pub(crate) const CLAUDE_CONFIG_DIR: &str = "CLAUDE_CONFIG_DIR";

/// Sends the auth token alone to the base URL, whatever else is set.
pub(crate) const USE_GATEWAY: &str = "CLAUDE_CODE_USE_GATEWAY";

/// Makes Claude Code ignore the settings of the user and of the project.
pub(crate) const RESTRICTED: &str = "CLAUDE_CODE_RESTRICTED";

/// The address of another sign-in service; with one, Claude Code has another state file.
pub(crate) const OAUTH_SERVICE: &str = "CLAUDE_CODE_CUSTOM_OAUTH_URL";

/// Starts Claude Code in bare mode: no login, no OAuth token, no profile.
pub(crate) const SIMPLE: &str = "CLAUDE_CODE_SIMPLE";

/// Makes Claude Code ignore the provider's variables in settings files.
pub(crate) const MANAGED_BY_HOST: &str = "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST";

/// Makes Claude Code run as a remote session.
pub(crate) const REMOTE: &str = "CLAUDE_CODE_REMOTE";

/// The scopes of the OAuth token.
pub(crate) const OAUTH_SCOPES: &str = "CLAUDE_CODE_OAUTH_SCOPES";

/// The directory of Claude Code's login alone.
pub(crate) const LOGIN_DIRECTORY: &str = "CLAUDE_SECURESTORAGE_CONFIG_DIR";

/// A socket to which Claude Code sends its requests.
pub(crate) const UNIX_SOCKET: &str = "ANTHROPIC_UNIX_SOCKET";

/// The program that starts Claude Code.
pub(crate) const ENTRY_POINT: &str = "CLAUDE_CODE_ENTRYPOINT";

/// Turns off Claude Code's background requests, which go to the vendor whatever the base URL is.
pub(crate) const DISABLE_BACKGROUND_TRAFFIC: &str = "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC";

/// Removes credentials from the environment of programs that Claude Code starts: hooks, tools, MCP servers.
pub(crate) const SCRUB_SUBPROCESSES: &str = "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB";

/// Makes Node programs accept any certificate if it is `0`.
pub(crate) const TLS_CHECK: &str = "NODE_TLS_REJECT_UNAUTHORIZED";

/// The hosts that are reached without a proxy, separated by commas. Programs also read its name in lower case.
pub(crate) const NO_PROXY: &str = "NO_PROXY";

/// The name of [`NO_PROXY`] in lower case, which some programs prefer.
pub(crate) const NO_PROXY_LOWER: &str = "no_proxy";

/// The directory of the user's configuration files.
pub(crate) const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
