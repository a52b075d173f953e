//! The location of a value: a variable, a settings file, a login or a profile.

use std::fmt;

use crate::rules::claude_code::SettingsScope;

/// The location of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Location {
    /// A variable of the process environment.
    Variable {
        /// Its name.
        name: &'static str,
    },
    /// A settings file of Claude Code.
    Setting {
        /// The scope of the file.
        scope: SettingsScope,
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// The setting, such as `env.ANTHROPIC_API_KEY` or `apiKeyHelper`.
        key: String,
    },
    /// Claude Code's login file.
    Login {
        /// The file.
        path: String,
    },
    /// A profile of the official SDKs.
    SdkProfile {
        /// Its name.
        name: String,
        /// The directory that contains it.
        directory: String,
    },
    /// The variables that configure a federation, together.
    Federation,
    /// A keyreeve profile.
    Profile {
        /// Its name.
        name: String,
    },
}

impl Location {
    /// Returns the kind of location, as named in JSON.
    pub fn scope(&self) -> &'static str {
        match self {
            Self::Variable { .. } => "environment",
            Self::Setting { scope, .. } => scope.name(),
            Self::Login { .. } => "login",
            Self::SdkProfile { .. } => "sdk_profile",
            Self::Federation => "federation",
            Self::Profile { .. } => "profile",
        }
    }

    /// Returns the file, if it is one.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Setting { path, .. } | Self::Login { path } => Some(path),
            Self::SdkProfile { directory, .. } => Some(directory),
            Self::Variable { .. } | Self::Federation | Self::Profile { .. } => None,
        }
    }

    /// Returns `true` if it is the key that Claude Code stored after a sign-in to the Console.
    pub(crate) fn is_stored_key(&self) -> bool {
        matches!(self, Self::Setting { key, .. } if key == "primaryApiKey")
    }

    /// Returns the line in that file, counted from 1.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Setting { line, .. } => Some(*line),
            Self::Variable { .. }
            | Self::Login { .. }
            | Self::SdkProfile { .. }
            | Self::Federation
            | Self::Profile { .. } => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name } => f.write_str(name),
            Self::Setting {
                path, line, key, ..
            } => write!(f, "{key} in {path}:{line}"),
            Self::Login { path } => write!(f, "the login in {path}"),
            Self::SdkProfile { name, directory } => {
                write!(f, "the SDK profile {name} in {directory}")
            }
            Self::Federation => f.write_str("the federation variables"),
            Self::Profile { name } => write!(f, "profile {name}"),
        }
    }
}
