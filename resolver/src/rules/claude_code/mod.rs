//! The parts of Claude Code's files and arguments that determine who pays (docs/facts.md#claude-code).
//!
//! Invariant: of its login only presence, kind, expiry and damage are read, never a token.

mod arguments;
mod javascript;
mod login;
mod settings;
mod state_file;

pub use arguments::{Arguments, Mode, SettingSources, SettingsArgument};
pub(crate) use javascript::to_javascript_text;
pub(crate) use login::{INFERENCE, TokenField, last};
pub use login::{Login, LoginDamage, LoginRenewal, LoginState};
pub use settings::{
    ClaudeSettings, HelperSetting, SettingsFile, SettingsFileError, SettingsScope, SettingsState,
};
pub(crate) use settings::{
    DemandedLogins, Entries, EnvSetting, EnvValueKind, runs_credential_program, starts_program,
};
pub use state_file::{ApprovedKeys, RejectedKeys, StateFile, StoredKey, StoredKeyValue};
