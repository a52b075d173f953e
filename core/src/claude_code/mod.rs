//! What Claude Code keeps in files, as far as it says who pays (docs/facts.md#claude-code).
//!
//! Invariant: of its login only presence, kind, expiry and damage are read, never a token.

mod arguments;
mod login;
mod refused;
mod settings;

pub use arguments::{Arguments, Mode, SettingSources, SettingsArgument};
pub use login::{Login, LoginDamage, LoginState, Renewal};
pub use refused::RefusedKeys;
pub use settings::{
    Damage, EnvSetting, HelperSetting, OtherSetting, Scope, Settings, SettingsFile, SettingsState,
};
