//! Where a value was found.

use std::fmt;

use crate::claude_code::Scope;

/// Where a value was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// A variable of the process environment.
    Variable {
        /// Its name.
        name: &'static str,
    },
    /// A settings file of Claude Code.
    Setting {
        /// Whose settings.
        scope: Scope,
        /// The file.
        path: String,
        /// The line, the first being 1.
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
        /// The directory it lies in.
        directory: String,
    },
    /// Variables that describe a federation, together.
    Federation,
    /// One of keyreeve's own profiles.
    Profile {
        /// Its name.
        name: String,
    },
}

impl Place {
    /// The kind of place, in a word for JSON.
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

    /// The file, where it is one.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Setting { path, .. } | Self::Login { path } => Some(path),
            Self::SdkProfile { directory, .. } => Some(directory),
            Self::Variable { .. } | Self::Federation | Self::Profile { .. } => None,
        }
    }

    /// The line in that file, the first being 1.
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

impl fmt::Display for Place {
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
