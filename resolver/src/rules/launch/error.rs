//! The reasons for not starting a program, each with its location and its fix.

use std::fmt;

use keyreeve_core::origin::{BaseUrl, Origin, PlainHttp};
use keyreeve_core::profile::Name;

use crate::rules::claude_code::starts_program;
use crate::rules::resolve::{Flaw, Location, PayerMismatchError};

/// The reason a program is not started. Nothing was started and no secret was opened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LaunchError {
    /// The profile's raw key is used in leased requests only.
    #[error("the raw key of profile `{profile}` is never given to programs")]
    SecretNotExposed {
        /// The profile's name.
        profile: Name,
    },
    /// A plan login is only for the genuine client (docs/facts.md#terms).
    #[error(
        "profile `{profile}` is a plan login, which only Anthropic's own programs may use, and {file} is not one of them"
    )]
    PlanLoginForOtherProgram {
        /// The profile's name.
        profile: Name,
        /// The program.
        file: String,
    },
    /// A plan login is only sent to the vendor.
    #[error("profile `{profile}` is a plan login, which is never sent to {origin}")]
    PlanLoginForOtherOrigin {
        /// The profile's name.
        profile: Name,
        /// The origin it is bound to.
        origin: Origin,
    },
    /// A plan login is only for its owner (docs/facts.md#terms).
    #[error("profile `{profile}` is a plan login, which is never used behind a virtual key")]
    PlanLoginBehindKey {
        /// The profile's name.
        profile: Name,
    },
    /// A cloud account has no credential that a program could be given.
    #[error(
        "profile `{profile}` is billed to a cloud account and has no credential to give to a program"
    )]
    CloudAccount {
        /// The profile's name.
        profile: Name,
    },
    /// Only Claude Code has a login of its own.
    #[error("{file} has no login of its own; only Claude Code has one")]
    NoOwnLogin {
        /// The program.
        file: String,
    },
    /// The project's settings decide who pays or where requests go.
    #[error("this project's settings change who pays or where requests go")]
    ProjectSettings {
        /// Each setting that does.
        overrides: Vec<ProjectOverride>,
    },
    /// Something of unknown effect may lead a plan's token to another address.
    #[error("the effect of these on your login's token is unknown")]
    UnknownEffects {
        /// Each of them.
        effects: Vec<UnknownEffect>,
    },
    /// Another setting would override the intended credential, or be sent as well.
    #[error("{location} {effect}")]
    Conflict {
        /// The location of that setting.
        location: Location,
        /// Its effect.
        effect: ConflictEffect,
    },
    /// The intended credential cannot be used.
    #[error("{location} cannot be used: {flaw}")]
    Unusable {
        /// The credential's location.
        location: Location,
        /// The reason.
        flaw: Flaw,
    },
    /// The user rejected this key in Claude Code, so Claude Code would look for another credential.
    #[error(
        "you rejected the key of profile `{profile}` in Claude Code, which ignores it in a terminal"
    )]
    KeyRejected {
        /// The profile's name.
        profile: Name,
    },
    /// We cannot read a settings file that the program would read.
    #[error("cannot read {path}, so its settings are unknown")]
    UnreadableSettings {
        /// The file.
        path: String,
    },
    /// The base URL of an SDK profile differs from the one that the keyreeve profile referring to it is bound to.
    #[error(
        "the SDK profile {name} sends requests to {sdk_base_url}, but profile `{profile}` is bound to {bound_to}"
    )]
    BaseUrlMismatch {
        /// The name of the SDK profile.
        name: String,
        /// The base URL of the SDK profile.
        sdk_base_url: String,
        /// The name of the keyreeve profile.
        profile: Name,
        /// The only base URL that the keyreeve profile's secret may be sent to.
        bound_to: Box<BaseUrl>,
    },
    /// Claude Code has no login.
    #[error("Claude Code has no login here")]
    NoLogin,
    /// Claude Code does not read the intended credential in bare mode.
    #[error("Claude Code does not use {credential} when it is started with --bare")]
    BareMode {
        /// The intended credential.
        credential: String,
    },
    /// The user's `--settings` is a file, so the option cannot also turn a helper off.
    #[error(
        "an apiKeyHelper must be turned off with --settings, which already names a file: {path}"
    )]
    SettingsInFile {
        /// The file.
        path: String,
    },
    /// The intended credential would not be used, for an unknown reason.
    #[error("{credential} would not be used: {headline}")]
    NotUsed {
        /// The intended credential.
        credential: String,
        /// The headline of the resolution: what would happen instead.
        headline: String,
    },
    /// Another account than the expected one would pay.
    #[error(transparent)]
    PayerMismatch(#[from] PayerMismatchError),
}

/// A project setting that decides who pays or where requests go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProjectOverride {
    /// The file.
    pub(crate) path: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The setting, such as `env.ANTHROPIC_BASE_URL`, or `None` if the file cannot be read.
    pub(crate) key: Option<String>,
}

/// A file or variable of unknown effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnknownEffect {
    /// A variable of the environment.
    Variable {
        /// Its name.
        name: String,
    },
    /// A variable that a settings file sets.
    Setting {
        /// Its name.
        name: String,
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// A file that the resolver does not interpret.
    File {
        /// The file.
        path: String,
    },
}

/// The effect of a conflicting setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConflictEffect {
    /// It is a credential that would be sent.
    IsSent,
    /// It switches to a cloud account.
    UsesCloud,
    /// It sends requests to another address.
    ChangesBaseUrl,
    /// It makes the program fail.
    Breaks(Flaw),
    /// It starts Claude Code in bare mode.
    MakesBare,
    /// It is a key that Claude Code sends to the vendor in the background, next to a plan's token.
    IsSentInBackground,
    /// It leads Claude Code to the login of another directory.
    MovesLogin,
}

impl ProjectOverride {
    /// Returns `true` if it starts a program, which would see the environment.
    pub fn starts_program(&self) -> bool {
        self.key.as_deref().is_none_or(starts_program)
    }
}

impl fmt::Display for ProjectOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, key } = self;
        match key {
            Some(key) => write!(f, "{path}:{line} sets {key}"),
            None => write!(
                f,
                "{path}:{line} cannot be read, so its settings are unknown"
            ),
        }
    }
}

impl fmt::Display for UnknownEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name } => write!(f, "{name} is set"),
            Self::Setting { name, path, line } => write!(f, "{path}:{line} sets env.{name}"),
            Self::File { path } => write!(f, "{path} exists"),
        }
    }
}

impl fmt::Display for ConflictEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IsSent => f.write_str("would be used instead, or sent as well"),
            Self::UsesCloud => f.write_str("would bill a cloud account instead"),
            Self::ChangesBaseUrl => f.write_str("would send the credential to another address"),
            Self::Breaks(flaw) => write!(f, "would make the program fail: {flaw}"),
            Self::IsSentInBackground => f.write_str(
                "is a key that Claude Code would also send to Anthropic, next to your plan's token",
            ),
            Self::MovesLogin => {
                f.write_str("would lead Claude Code to the login of another directory")
            }
            Self::MakesBare => {
                f.write_str("would start Claude Code in bare mode, without its login")
            }
        }
    }
}

/// The kind of a launch error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LaunchErrorKind {
    /// There is no credential, or it cannot be used.
    Credential,
    /// A policy rule forbids the launch.
    Policy,
}

impl LaunchError {
    /// Returns the kind of the error.
    pub fn kind(&self) -> LaunchErrorKind {
        match self {
            Self::Unusable { .. } | Self::NoLogin | Self::NotUsed { .. } => {
                LaunchErrorKind::Credential
            }
            Self::SecretNotExposed { .. }
            | Self::PlanLoginForOtherProgram { .. }
            | Self::PlanLoginForOtherOrigin { .. }
            | Self::PlanLoginBehindKey { .. }
            | Self::CloudAccount { .. }
            | Self::NoOwnLogin { .. }
            | Self::ProjectSettings { .. }
            | Self::UnknownEffects { .. }
            | Self::Conflict { .. }
            | Self::KeyRejected { .. }
            | Self::UnreadableSettings { .. }
            | Self::BaseUrlMismatch { .. }
            | Self::BareMode { .. }
            | Self::SettingsInFile { .. }
            | Self::PayerMismatch(_) => LaunchErrorKind::Policy,
        }
    }

    /// Returns the details of the error, one clause each.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::ProjectSettings { overrides } => {
                overrides.iter().map(ToString::to_string).collect()
            }
            Self::UnknownEffects { effects } => effects.iter().map(ToString::to_string).collect(),
            Self::SecretNotExposed { .. }
            | Self::PlanLoginForOtherProgram { .. }
            | Self::PlanLoginForOtherOrigin { .. }
            | Self::PlanLoginBehindKey { .. }
            | Self::CloudAccount { .. }
            | Self::NoOwnLogin { .. }
            | Self::Conflict { .. }
            | Self::Unusable { .. }
            | Self::KeyRejected { .. }
            | Self::UnreadableSettings { .. }
            | Self::BaseUrlMismatch { .. }
            | Self::NoLogin
            | Self::BareMode { .. }
            | Self::SettingsInFile { .. }
            | Self::NotUsed { .. }
            | Self::PayerMismatch(_) => Vec::new(),
        }
    }

    /// Returns hints for the user, each a sentence without a full stop; empty if the error itself is enough.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::ProjectSettings { .. } => {
                vec!["Read these settings before you allow them".to_owned()]
            }
            Self::UnknownEffects { .. } => vec![
                "Remove them, or allow them if you know that they are harmless".to_owned(),
            ],
            Self::Conflict {
                effect: ConflictEffect::IsSentInBackground,
                location,
            } if location.is_stored_key() => vec![format!(
                "To keep the key as a profile, run `keyreeve import` first. `claude auth logout` removes it from {}; then sign in to your plan again",
                location.file().unwrap_or("Claude Code's .claude.json")
            )],
            Self::Conflict { location, .. } => match (location.file(), location.line()) {
                (Some(path), Some(line)) => {
                    vec![format!("Remove it from line {line} of {path}")]
                }
                _ => Vec::new(),
            },
            Self::KeyRejected { .. } => vec![
                "To be asked again, remove the last 20 characters of the key from customApiKeyResponses.rejected in Claude Code's .claude.json".to_owned(),
                "With `-p`, Claude Code uses the key without asking".to_owned(),
            ],
            Self::SettingsInFile { path } => {
                vec![format!("Add \"apiKeyHelper\": \"\" to {path}")]
            }
            Self::BaseUrlMismatch { sdk_base_url, .. } => {
                let hint = BaseUrl::parse(sdk_base_url, PlainHttp::LoopbackOnly).map_or_else(
                    |_| "Correct the base_url in its configuration".to_owned(),
                    |to| format!("If that address is right, add the profile again with `--origin {to}`"),
                );
                vec![hint]
            }
            Self::SecretNotExposed { profile } => vec![format!(
                "To give programs the raw key, run `keyreeve profile direct {profile}`"
            )],
            Self::PlanLoginForOtherProgram { .. }
            | Self::PlanLoginForOtherOrigin { .. }
            | Self::PlanLoginBehindKey { .. } => {
                vec!["Use a profile with an API key instead".to_owned()]
            }
            Self::BareMode { .. } => vec!["Start it without `--bare`, or use an API key".to_owned()],
            Self::CloudAccount { .. }
            | Self::NoOwnLogin { .. }
            | Self::Unusable { .. }
            | Self::UnreadableSettings { .. }
            | Self::NoLogin
            | Self::NotUsed { .. }
            | Self::PayerMismatch(_) => Vec::new(),
        }
    }

    /// Returns the command that fixes it, if there is one.
    pub fn fix_command(&self) -> Option<String> {
        match self {
            Self::SecretNotExposed { profile } => Some(format!(
                "keyreeve exec --gateway --profile {profile} -- PROGRAM"
            )),
            Self::PlanLoginBehindKey { profile } => {
                Some(format!("keyreeve exec --profile {profile} -- claude"))
            }
            Self::NoLogin => Some("claude auth login".to_owned()),
            Self::ProjectSettings { .. } => {
                Some("keyreeve exec --allow-project-settings -- PROGRAM".to_owned())
            }
            Self::UnknownEffects { .. } => {
                Some("keyreeve exec --allow-unknown -- PROGRAM".to_owned())
            }
            Self::PlanLoginForOtherProgram { .. }
            | Self::PlanLoginForOtherOrigin { .. }
            | Self::CloudAccount { .. }
            | Self::BaseUrlMismatch { .. } => Some("keyreeve profile list".to_owned()),
            Self::NoOwnLogin { .. } => Some("keyreeve exec --profile NAME -- PROGRAM".to_owned()),
            Self::KeyRejected { profile } => Some(format!(
                "keyreeve exec --profile {profile} -- claude -p PROMPT"
            )),
            Self::UnreadableSettings { .. } => Some("keyreeve doctor".to_owned()),
            Self::Conflict {
                effect: ConflictEffect::IsSentInBackground,
                location,
            } if location.is_stored_key() => Some("claude auth logout".to_owned()),
            Self::Conflict { .. }
            | Self::Unusable { .. }
            | Self::BareMode { .. }
            | Self::SettingsInFile { .. }
            | Self::NotUsed { .. }
            | Self::PayerMismatch(_) => Some("keyreeve status".to_owned()),
        }
    }
}
