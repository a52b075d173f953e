//! Names of the environment variables that keyreeve reads or prints.

/// Base directory of configuration, data and state.
pub(crate) const HOME: &str = "KEYREEVE_HOME";
/// The directory of the configuration and of the master key.
pub(crate) const CONFIG_DIR: &str = "KEYREEVE_CONFIG_DIR";
/// The directory of the database.
pub(crate) const DATA_DIR: &str = "KEYREEVE_DATA_DIR";
/// The directory of locks and of the runtime file.
pub(crate) const STATE_DIR: &str = "KEYREEVE_STATE_DIR";

/// Address that `serve` listens on.
pub(crate) const LISTEN: &str = "KEYREEVE_LISTEN";
/// Additional names allowed in `Host`, separated by commas.
pub(crate) const ALLOWED_HOSTS: &str = "KEYREEVE_ALLOWED_HOSTS";
/// Maximum size of all request bodies in memory, in MiB.
pub(crate) const BODY_BUDGET_MIB: &str = "KEYREEVE_BODY_BUDGET_MIB";
/// Number of threads that serve connections.
pub(crate) const WORKERS: &str = "KEYREEVE_WORKERS";
/// Maximum time a request waits for a rate limit to reset, in seconds.
pub(crate) const THROTTLE_WAIT_SECONDS: &str = "KEYREEVE_THROTTLE_WAIT_SECONDS";
/// Price table that replaces the built-in one.
pub(crate) const PRICES_FILE: &str = "KEYREEVE_PRICES_FILE";
/// Durability of ledger entries: `local` or `strict`.
pub(crate) const LEDGER_DURABILITY: &str = "KEYREEVE_LEDGER_DURABILITY";
/// Days that single attempts are kept.
pub(crate) const LEDGER_DETAIL_DAYS: &str = "KEYREEVE_LEDGER_DETAIL_DAYS";
/// Days that sums of attempts are kept.
pub(crate) const LEDGER_ROLLUP_DAYS: &str = "KEYREEVE_LEDGER_ROLLUP_DAYS";
/// Log level of `serve`.
pub(crate) const LOG: &str = "KEYREEVE_LOG";
/// Format of the log of `serve`: `text` or `json`.
pub(crate) const LOG_FORMAT: &str = "KEYREEVE_LOG_FORMAT";

/// Model to use if none is named.
pub(crate) const DEFAULT_MODEL: &str = "KEYREEVE_DEFAULT_MODEL";

/// The virtual key in the settings that `connect` prints; keyreeve never reads it.
pub(crate) const KEY: &str = "KEYREEVE_KEY";

/// The URL that a client sends its key to. keyreeve reads it only to refuse a key for another server.
pub(crate) const CLIENT_BASE_URL: &str = "ANTHROPIC_BASE_URL";

/// Process id of the Claude Code that runs `statusline`; set by Claude Code.
pub(crate) const CLAUDE_PID: &str = "CLAUDE_PID";

/// The SDK profile that the SDKs and Claude Code use.
pub(crate) const SDK_PROFILE: &str = "ANTHROPIC_PROFILE";
/// Directory of the SDK profiles.
pub(crate) const SDK_CONFIG_DIR: &str = "ANTHROPIC_CONFIG_DIR";

/// The user's home directory.
pub(crate) const USER_HOME: &str = "HOME";
/// Base directory of configuration by the XDG specification.
pub(crate) const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// Base directory of data by the XDG specification.
pub(crate) const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
/// Base directory of state by the XDG specification.
pub(crate) const XDG_STATE_HOME: &str = "XDG_STATE_HOME";

/// If set and not empty: no color.
pub(crate) const NO_COLOR: &str = "NO_COLOR";
/// If set, not empty and not `0`: color even into a pipe.
pub(crate) const CLICOLOR_FORCE: &str = "CLICOLOR_FORCE";
/// If `dumb`: no color.
pub(crate) const TERM: &str = "TERM";
/// If `true` or `1`: no prompts.
pub(crate) const CI: &str = "CI";
