//! What went wrong, as a person sees it: `error:`, `caused by:`, `hint:` and an exit code.
//!
//! Invariants: every error of a library is turned into a [`CommandError`] here and nowhere else; no text holds a secret; a
//! hint is a command that can be run.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use keyreeve_broker::{DirectError, LeaseError};
use keyreeve_core::inject;
use keyreeve_core::launch::{Lacks, Refusal};
use keyreeve_gateway::BindError;
use keyreeve_os::files::FileError;
use keyreeve_os::ports;
use keyreeve_store::Error as StoreError;

/// A failed command.
#[derive(Debug)]
pub(crate) struct CommandError {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

/// What a failed command's exit code says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Nothing is wrong: whoever read our output stopped reading.
    Quiet,
    /// It failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The configuration is invalid.
    Configuration,
    /// There is no credential, or it is a bad one.
    Credential,
    /// The credential is valid, and not usable now.
    NotNow,
    /// The upstream or the network is in trouble.
    Upstream,
    /// The store is locked or unreadable.
    Store,
    /// A rule refused it.
    Policy,
    /// keyreeve failed before a program was started, whose exit codes are its own.
    OfExec,
    /// The program to start may not be run.
    NotExecutable,
    /// There is no such program.
    NoProgram,
    /// The person stopped it.
    Interrupted,
    /// A program that was started ended so, and has said why itself.
    OfProgram(u8),
}

impl Exit {
    /// The number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Quiet => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::Credential => 4,
            Self::NotNow => 5,
            Self::Upstream => 6,
            Self::Store => 7,
            Self::Policy => 8,
            Self::OfExec => 125,
            Self::NotExecutable => 126,
            Self::NoProgram => 127,
            Self::Interrupted => 130,
            Self::OfProgram(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

impl CommandError {
    /// Says what was tried; lower case, no full stop.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// Takes an error as the message, and what it was caused by.
    pub(crate) fn of(exit: Exit, error: &dyn Error) -> Self {
        let told = Self::new(exit, error.to_string());
        match error.source() {
            Some(source) => told.caused_by(source),
            None => told,
        }
    }

    /// Adds an error and all it was caused by; what only repeats the text before it is left out.
    #[must_use]
    pub(crate) fn caused_by(mut self, error: &dyn Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            if *self.causes.last().unwrap_or(&self.message) != text {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Adds several causes that stand side by side.
    #[must_use]
    pub(crate) fn because(mut self, causes: impl IntoIterator<Item = String>) -> Self {
        self.causes.extend(causes);
        self
    }

    /// Says what to run.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure of `exec`: what a program's exit code could say as well has a number of its own.
    pub(crate) fn of_exec(mut self) -> Self {
        self.exit = match self.exit {
            Exit::Failed | Exit::Configuration | Exit::Store => Exit::OfExec,
            Exit::Quiet
            | Exit::Usage
            | Exit::Credential
            | Exit::NotNow
            | Exit::Upstream
            | Exit::Policy
            | Exit::OfExec
            | Exit::NotExecutable
            | Exit::NoProgram
            | Exit::Interrupted
            | Exit::OfProgram(_) => self.exit,
        };
        self
    }

    fn maybe_hint(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// Which exit code it ends with.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The lines for the terminal: a label and a text each.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (Label, &str)> {
        std::iter::once((Label::Error, self.message.as_str()))
            .chain(
                self.causes
                    .iter()
                    .map(|cause| (Label::CausedBy, cause.as_str())),
            )
            .chain(self.hint.iter().map(|hint| (Label::Hint, hint.as_str())))
    }
}

/// What a line of a failure says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Label {
    /// What was tried and failed.
    Error,
    /// Why.
    CausedBy,
    /// What to run.
    Hint,
}

impl From<io::Error> for CommandError {
    /// Errors of our own output; files have their own errors.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Quiet, "nobody reads the output");
        }
        Self::new(Exit::Failed, "could not write the output").caused_by(&error)
    }
}

impl From<FileError> for CommandError {
    /// A file of ours that is not as it must be: where it lies in the configuration or beside the store, people mend it alike.
    fn from(error: FileError) -> Self {
        let hint = error.hint();
        Self::new(Exit::Store, "could not use keyreeve's own files")
            .caused_by(&error)
            .maybe_hint(hint)
    }
}

impl From<LeaseError> for CommandError {
    /// Nothing was sent, and why not.
    fn from(error: LeaseError) -> Self {
        let (exit, hint) = match &error {
            LeaseError::NotAllowed(_) | LeaseError::NoProfile(_) => (Exit::Credential, None),
            LeaseError::Source { profile, .. } => (
                Exit::Credential,
                Some(format!("keyreeve profile show {profile}")),
            ),
            LeaseError::Refused {
                profile,
                source: inject::Refusal::PlanLogin,
            } => (
                Exit::Policy,
                Some(format!("keyreeve exec --profile {profile} -- claude")),
            ),
            LeaseError::Refused { profile, .. } => (
                Exit::Credential,
                Some(format!("keyreeve profile rotate {profile}")),
            ),
            LeaseError::ShownPlan { profile } => (
                Exit::Policy,
                Some(format!("keyreeve profile show {profile}")),
            ),
            LeaseError::Ledger(_) | LeaseError::LedgerClosed => (Exit::Store, None),
            LeaseError::Randomness => (Exit::Failed, None),
        };
        Self::of(exit, &error).maybe_hint(hint)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::NotFound { .. }
            | StoreError::NameTaken { .. }
            | StoreError::NotEmpty { .. }
            | StoreError::WrongPassphrase
            | StoreError::BadBackup { .. }
            | StoreError::NoRandomness(_) => Exit::Failed,
            StoreError::SamePlace { .. } => Exit::Configuration,
            StoreError::Busy
            | StoreError::Closed
            | StoreError::Held { .. }
            | StoreError::Full(_)
            | StoreError::Corrupt { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::OlderSchema { .. }
            | StoreError::SqliteTooOld { .. }
            | StoreError::MasterKeyMissing { .. }
            | StoreError::MasterKeyDamaged { .. }
            | StoreError::MasterKeyWrong { .. }
            | StoreError::Tampered { .. }
            | StoreError::Files(_)
            | StoreError::NotWritable { .. }
            | StoreError::Database(_) => Exit::Store,
        };
        let hint = error.hint();
        Self::of(exit, &error).maybe_hint(hint)
    }
}

impl From<Refusal> for CommandError {
    fn from(refusal: Refusal) -> Self {
        let exit = match refusal.lacks() {
            Lacks::Credential => Exit::Credential,
            Lacks::Permission => Exit::Policy,
        };
        Self::of(exit, &refusal)
            .because(refusal.mend())
            .maybe_hint(refusal.command())
    }
}

impl From<DirectError> for CommandError {
    fn from(error: DirectError) -> Self {
        let (exit, hint) = match &error {
            DirectError::Leased { profile } => {
                (Exit::Policy, format!("keyreeve profile direct {profile}"))
            }
            DirectError::PlanLogin { profile } => (
                Exit::Policy,
                format!("keyreeve exec --profile {profile} -- claude"),
            ),
            DirectError::ShownPlan { profile } => {
                (Exit::Policy, format!("keyreeve profile show {profile}"))
            }
            DirectError::Source { profile, .. } => {
                (Exit::Credential, format!("keyreeve profile show {profile}"))
            }
        };
        Self::of(exit, &error).hint(hint)
    }
}

impl From<BindError> for CommandError {
    fn from(error: BindError) -> Self {
        let told = Self::of(Exit::Failed, &error);
        match &error {
            BindError::BeyondLoopback(_) => Self::of(Exit::Policy, &error),
            BindError::Taken(address) => told
                .because(
                    ports::holder(address.port()).map(|holder| format!("{holder} listens there")),
                )
                .hint("keyreeve serve --listen localhost:PORT"),
            BindError::Io { .. } => told.hint("keyreeve serve --listen localhost:PORT"),
        }
    }
}
