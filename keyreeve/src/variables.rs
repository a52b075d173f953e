//! Every environment variable that keyreeve itself reads, in one place.

/// One folder for configuration, data and state.
pub(crate) const HOME: &str = "KEYREEVE_HOME";
/// The directory of the configuration and of the master key.
pub(crate) const CONFIG_DIR: &str = "KEYREEVE_CONFIG_DIR";
/// The directory of the database.
pub(crate) const DATA_DIR: &str = "KEYREEVE_DATA_DIR";
/// The directory of locks and of the runtime file.
pub(crate) const STATE_DIR: &str = "KEYREEVE_STATE_DIR";

/// Where `serve` listens.
pub(crate) const LISTEN: &str = "KEYREEVE_LISTEN";
/// Further names the gateway answers to, separated by commas.
pub(crate) const ALLOWED_HOSTS: &str = "KEYREEVE_ALLOWED_HOSTS";
/// How much all request bodies may hold together, in MiB.
pub(crate) const BODY_BUDGET_MIB: &str = "KEYREEVE_BODY_BUDGET_MIB";
/// How long the end of a limit is waited for, in seconds.
pub(crate) const THROTTLE_WAIT_SECONDS: &str = "KEYREEVE_THROTTLE_WAIT_SECONDS";
/// A price table that replaces the built-in one.
pub(crate) const PRICES_FILE: &str = "KEYREEVE_PRICES_FILE";
/// When ledger rows are safe: `process` or `strict`.
pub(crate) const LEDGER_DURABILITY: &str = "KEYREEVE_LEDGER_DURABILITY";
/// How much `serve` logs.
pub(crate) const LOG: &str = "KEYREEVE_LOG";

/// The model that is asked where none is named.
pub(crate) const DEFAULT_MODEL: &str = "KEYREEVE_DEFAULT_MODEL";

/// The virtual key in settings that `connect` prints. keyreeve never reads it.
pub(crate) const KEY: &str = "KEYREEVE_KEY";

/// Where the client that asks us for a key will send it. Clients read it; keyreeve only to refuse.
pub(crate) const CLIENT_BASE_URL: &str = "ANTHROPIC_BASE_URL";

/// The process whose status line it is. Claude Code sets it.
pub(crate) const CLAUDE_PID: &str = "CLAUDE_PID";

/// Which profile of theirs the SDKs and Claude Code use.
pub(crate) const SDK_PROFILE: &str = "ANTHROPIC_PROFILE";
/// Where the SDKs keep their profiles.
pub(crate) const SDK_CONFIG_DIR: &str = "ANTHROPIC_CONFIG_DIR";

/// The person's home directory.
pub(crate) const USER_HOME: &str = "HOME";
/// Where configuration goes, by the XDG base directory specification.
pub(crate) const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// Where data goes.
pub(crate) const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
/// Where state goes.
pub(crate) const XDG_STATE_HOME: &str = "XDG_STATE_HOME";

/// Any value but the empty one: no colour.
pub(crate) const NO_COLOR: &str = "NO_COLOR";
/// Any value but the empty one and `0`: colour even into a pipe.
pub(crate) const CLICOLOR_FORCE: &str = "CLICOLOR_FORCE";
/// `dumb`: no colour.
pub(crate) const TERM: &str = "TERM";
/// `true` or `1`: nobody is there to be asked.
pub(crate) const CI: &str = "CI";
