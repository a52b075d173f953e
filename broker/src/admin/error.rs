//! The reasons an operation is refused or fails, one variant for each thing a caller can do about it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use keyreeve_core::inject::InjectError;
use keyreeve_core::profile::{Name, NameError, Source};
use keyreeve_core::token::TokenProblem;
use keyreeve_core::virtual_key::KeyRefusedError;
use keyreeve_resolver::import::ImportSource;
use keyreeve_resolver::resolve::UnknownPayerError;
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
    /// No profile is named, and there are none.
    #[error("there are no profiles yet")]
    NoProfiles,
    /// No profile is named, and none of several is the default.
    #[error("there are several profiles but no default")]
    NoDefaultProfile,
    /// The text is not a credential, or not one that can be stored; [`AdminError::details`] returns the problems.
    #[error("cannot save this as a credential")]
    NotACredential(Vec<TokenProblem>),
    /// A credential that no lease would ever send.
    #[error("cannot save this as a credential")]
    NeverSent(#[source] InjectError),
    /// The time at which a setup-token was created.
    #[error("`--made` is out of range")]
    MadeOutOfRange(#[source] jiff::Error),
    /// The profile has a reference, so there is no stored secret to replace; [`AdminError::details`] names the source.
    #[error("profile `{name}` has no stored secret to replace")]
    NoStoredSecret {
        /// The profile.
        name: Name,
        /// The source of its secret.
        source_of_secret: Source,
    },
    /// A setup-token for a profile without one, or another secret for a profile with one.
    #[error("profile `{0}` has another kind of secret")]
    OtherKindOfSecret(Name),
    /// A command without a program.
    #[error("no command is given")]
    NoProgram,
    /// The program of a command does not exist.
    #[error("program `{0}` is not on PATH")]
    ProgramNotFound(String),
    /// The raw token of a plan login was to be given to programs.
    #[error("profile `{0}` is a plan login, which only Claude Code may use")]
    PlanForClaudeOnly(Name),
    /// A real profile has the name that the sandbox needs.
    #[error("`--sandbox` needs the name `{0}`, which one of your profiles has")]
    SandboxProfileName(Name),
    /// A real key has the name that the sandbox needs.
    #[error("`--sandbox` needs the name `{0}`, which one of your keys has")]
    SandboxKeyName(Name),
    /// A name derived from another one is invalid: it is too long.
    #[error(transparent)]
    InvalidName(#[from] NameError),
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
    /// The expected payer is neither a class nor a profile.
    #[error(transparent)]
    UnknownPayer(#[from] UnknownPayerError),
    /// The directory would be bound to neither a profile nor an expected payer.
    #[error("nothing would be left of the binding of {directory}")]
    EmptyBinding {
        /// The directory.
        directory: String,
        /// `true` if it is bound now.
        is_bound: bool,
    },
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
    #[error("the passphrase must have at least {minimum} characters")]
    PassphraseTooShort {
        /// The minimum length in characters.
        minimum: usize,
    },
    /// The system has no randomness.
    #[error("the system has no randomness")]
    NoRandomness(#[source] Box<dyn Error + Send + Sync>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AdminError {
    /// Returns independent causes that are no errors of their own.
    pub fn details(&self) -> Vec<String> {
        if let Self::NotACredential(problems) = self {
            return problems.iter().map(ToString::to_string).collect();
        }
        if let Self::NoStoredSecret {
            source_of_secret, ..
        } = self
        {
            let source = describe(source_of_secret);
            return vec![format!(
                "it reads its secret from {source} whenever it is used"
            )];
        }
        Vec::new()
    }

    /// Returns advice, if there is any.
    pub fn hint(&self) -> Option<&'static str> {
        if let Self::ProgramNotFound(_) = self {
            return Some(
                "The working directory is not searched; to run a program there, give its absolute path",
            );
        }
        let other = "Create another such key: `keyreeve key add NAME --pass-through`";
        matches!(self, Self::NothingToCopy(_)).then_some(other)
    }

    /// Returns the command that repairs it, if there is one.
    pub fn fix_command(&self) -> Option<String> {
        Some(match self {
            Self::UnknownProfile(_) => "keyreeve profile list".to_owned(),
            Self::ProfileExists(name) => format!("keyreeve profile rotate {name}"),
            Self::NeverSent(InjectError::PlanLogin) => {
                "keyreeve profile add NAME --setup-token".to_owned()
            }
            Self::NoProfiles | Self::NeverSent(_) | Self::PlanBehindKey(_) => {
                "keyreeve profile add NAME".to_owned()
            }
            Self::NoDefaultProfile => "keyreeve profile use NAME".to_owned(),
            Self::NotACredential(_) => "keyreeve inspect".to_owned(),
            Self::NoStoredSecret { name, .. } | Self::OtherKindOfSecret(name) => {
                format!("keyreeve profile show {name}")
            }
            Self::PlanForClaudeOnly(name) => format!("keyreeve exec --profile {name} -- claude"),
            Self::SandboxProfileName(name) => format!("keyreeve profile rename {name} NEW-NAME"),
            Self::SandboxKeyName(name) => format!("keyreeve key revoke {name}"),
            Self::InvalidName(_) => "keyreeve profile link NAME --key KEY".to_owned(),
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
            Self::EmptyBinding {
                is_bound: true,
                directory,
            } => format!("keyreeve unbind {}", plain_word(directory)),
            Self::EmptyBinding {
                is_bound: false, ..
            } => "keyreeve bind --profile NAME".to_owned(),
            Self::NoImportDirectory { program, .. } | Self::NoDefaultDirectory { program } => {
                format!("keyreeve import {} PATH", program.name())
            }
            Self::MadeOutOfRange(_)
            | Self::NoProgram
            | Self::ProgramNotFound(_)
            | Self::OverlapTooLong(_)
            | Self::UnknownPayer(_)
            | Self::NoDirectory(_)
            | Self::InvalidPath(_)
            | Self::PathNotText(_)
            | Self::PassphraseTooShort { .. }
            | Self::NoRandomness(_) => return None,
            Self::Store(error) => return error.fix_command(),
        })
    }
}

/// Returns a path that needs no quotes in a shell, or else a word for it.
fn plain_word(path: &str) -> &str {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if path.chars().all(is_plain) {
        path
    } else {
        "DIR"
    }
}

fn refusal(reason: KeyRefusedError) -> &'static str {
    match reason {
        KeyRefusedError::Revoked => "is revoked",
        KeyRefusedError::Expired => "has expired",
    }
}

/// Describes the source that a secret is read from.
fn describe(source: &Source) -> String {
    match source {
        Source::Sealed => "the store".to_owned(),
        Source::Environment { variable } => format!("the variable {variable}"),
        Source::File { path } => path.clone(),
        Source::Command { .. } => "a program".to_owned(),
        Source::SdkProfile { name, .. } => format!("the SDK profile {name}"),
        Source::Ant { .. } => "`ant`".to_owned(),
        Source::ClaudeLogin { .. } => "Claude Code".to_owned(),
    }
}
