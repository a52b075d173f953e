//! The reasons an operation is refused or fails, one variant for each thing a caller can do about it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use keyreeve_core::profile::Name;
use keyreeve_core::virtual_key::KeyRefusedError;
use keyreeve_resolver::import::ImportSource;
use keyreeve_store::StoreError;

/// An operation that was refused or failed. [`AdminError::fix_command`] returns the command that repairs it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// No profile has this name.
    #[error("profile `{0}` does not exist")]
    UnknownProfile(Name),
    /// Another profile has this name.
    #[error("profile `{0}` already exists")]
    ProfileExists(Name),
    /// A plan login, which no virtual key may use.
    #[error("profile `{0}` is a plan login, which is never used behind a virtual key")]
    PlanBehindKey(Name),
    /// No key has this name.
    #[error("key `{0}` does not exist")]
    UnknownKey(Name),
    /// A key that is not revoked has this name.
    #[error("key `{0}` already exists")]
    KeyExists(Name),
    /// The key was revoked, so it can no longer be changed.
    #[error("key `{0}` is revoked")]
    KeyRevoked(Name),
    /// The key is not accepted now.
    #[error("key `{name}` {}", refusal(*reason))]
    KeyRefused {
        /// The key.
        name: Name,
        /// The reason.
        reason: KeyRefusedError,
    },
    /// The key to copy has no profiles.
    #[error("key `{0}` has no profiles to copy: it is for pass-through only")]
    NothingToCopy(Name),
    /// The key is to be dedicated to one profile, but uses others.
    #[error("key `{key}` must use profile `{profile}` only")]
    NotDedicated {
        /// The key.
        key: Name,
        /// The profile.
        profile: Name,
    },
    /// The old secret was to remain valid for too long.
    #[error("the overlap is too long")]
    OverlapTooLong(#[source] jiff::Error),
    /// The directory does not exist, or its path is not text.
    #[error("no such directory: {}", .0.display())]
    NoDirectory(PathBuf),
    /// The directory itself has no binding.
    #[error("no binding for directory `{}`", .0.display())]
    NotBound(PathBuf),
    /// The directory of the program to import from does not exist.
    #[error("no such directory: {}", path.display())]
    NoImportDirectory {
        /// The program.
        program: ImportSource,
        /// The directory.
        path: PathBuf,
    },
    /// The default directory of the program to import from is unknown.
    #[error("HOME is not set, so there is no default directory")]
    NoDefaultDirectory {
        /// The program.
        program: ImportSource,
    },
    /// A path cannot be used.
    #[error("invalid path")]
    InvalidPath(#[source] io::Error),
    /// A path is not text.
    #[error("path {} is not UTF-8", .0.display())]
    PathNotText(PathBuf),
    /// The passphrase of a backup is too short.
    #[error(
        "the passphrase must have at least {} characters",
        super::backups::MIN_PASSPHRASE_CHARS
    )]
    PassphraseTooShort,
    /// The system has no randomness.
    #[error("the system has no randomness")]
    NoRandomness(#[source] Box<dyn Error + Send + Sync>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AdminError {
    /// Returns advice that is no single command, if there is any.
    pub fn hint(&self) -> Option<&'static str> {
        matches!(self, Self::NothingToCopy(_))
            .then_some("Create another such key: `keyreeve key add NAME --pass-through`")
    }

    /// Returns the command that repairs it, if there is one.
    pub fn fix_command(&self) -> Option<String> {
        Some(match self {
            Self::UnknownProfile(_) => "keyreeve profile list".to_owned(),
            Self::ProfileExists(name) => format!("keyreeve profile rotate {name}"),
            Self::PlanBehindKey(_) => "keyreeve profile add NAME".to_owned(),
            Self::UnknownKey(_) => "keyreeve key list".to_owned(),
            Self::KeyExists(name) => format!("keyreeve key rotate {name}"),
            Self::KeyRevoked(_) | Self::NothingToCopy(_) => {
                "keyreeve key add NAME --profile PROFILE".to_owned()
            }
            Self::KeyRefused { name, .. } => format!("keyreeve key add {name} --profile PROFILE"),
            Self::NotDedicated { profile, .. } => {
                format!("keyreeve key add NAME --profile {profile}")
            }
            Self::NotBound(_) => "keyreeve bindings".to_owned(),
            Self::NoImportDirectory { program, .. } | Self::NoDefaultDirectory { program } => {
                format!("keyreeve import {} PATH", program.name())
            }
            Self::OverlapTooLong(_)
            | Self::NoDirectory(_)
            | Self::InvalidPath(_)
            | Self::PathNotText(_)
            | Self::PassphraseTooShort
            | Self::NoRandomness(_) => return None,
            Self::Store(error) => return error.fix_command(),
        })
    }
}

fn refusal(reason: KeyRefusedError) -> &'static str {
    match reason {
        KeyRefusedError::Revoked => "is revoked",
        KeyRefusedError::Expired => "has expired",
    }
}
