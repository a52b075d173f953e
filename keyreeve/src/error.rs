//! The error of a failed command: `error:`, `caused by:`, `hint:`, `fix:`, `docs:` and an exit code.
//!
//! Invariants: every library error is converted to a [`CommandError`] here and nowhere else; no text contains a secret; a
//! fix is a command that can be run.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use keyreeve_broker::admin::AdminError;
use keyreeve_broker::admin::protection::ProtectionError;
use keyreeve_broker::{LeaseError, RawKeyError};
use keyreeve_core::binding::Expected;
use keyreeve_core::inject;
use keyreeve_core::profile::Name;
use keyreeve_gateway::{BindError, ServeError};
use keyreeve_os::files::FileError;
use keyreeve_os::ports;
use keyreeve_resolver::launch::{ConnectionError, LaunchError, LaunchErrorKind};
use keyreeve_resolver::resolve::UnknownPayerError;
use keyreeve_store::StoreError;
use serde::Serialize;

use crate::suggestion::suggest;

/// Words for a class of payer that are not its name.
const OTHER_PAYER_WORDS: [(&str, &str); 6] = [
    ("api", "metered"),
    ("api-credit", "metered"),
    ("credit", "metered"),
    ("subscription", "plan"),
    ("max", "plan"),
    ("pro", "plan"),
];

/// The reason a command failed, and what to do about it.
#[derive(Debug)]
pub(crate) struct CommandError {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
    fix: Option<Box<str>>,
    docs: Option<Box<str>>,
}

/// Exit status of a failed command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// The reader of our output went away; not an error.
    BrokenPipe,
    /// Any failure without a code of its own.
    Failed,
    /// Invalid command line.
    Usage,
    /// Invalid configuration.
    Configuration,
    /// No credential, or an invalid one.
    Credential,
    /// The credential is valid but not usable now.
    Unavailable,
    /// Upstream or network failure.
    Upstream,
    /// The store is locked or unreadable.
    Store,
    /// Refused by a policy rule.
    Policy,
    /// `exec` failed before it started the program; a started program has its own exit codes.
    Exec,
    /// The program to start is not executable.
    NotExecutable,
    /// The program to start does not exist.
    ProgramNotFound,
    /// Interrupted by the user.
    Interrupted,
    /// Exit code of a started program, which has reported its own error.
    Child(u8),
}

impl Exit {
    /// Returns the exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::BrokenPipe => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::Credential => 4,
            Self::Unavailable => 5,
            Self::Upstream => 6,
            Self::Store => 7,
            Self::Policy => 8,
            Self::Exec => 125,
            Self::NotExecutable => 126,
            Self::ProgramNotFound => 127,
            Self::Interrupted => 130,
            Self::Child(code) => code,
        }
    }

    /// Returns the `code` of the error in JSON.
    fn name(self) -> &'static str {
        match self {
            Self::Failed | Self::BrokenPipe | Self::Child(_) => "failed",
            Self::Usage => "usage",
            Self::Configuration => "configuration",
            Self::Credential => "credential",
            Self::Unavailable => "unavailable",
            Self::Upstream => "upstream",
            Self::Store => "store",
            Self::Policy => "policy",
            Self::Exec => "exec",
            Self::NotExecutable => "not_executable",
            Self::ProgramNotFound => "program_not_found",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl CommandError {
    /// Creates an error with a message: what failed, in lower case, without a full stop.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
            fix: None,
            docs: None,
        }
    }

    /// Creates an error from a library error and its sources.
    pub(crate) fn from_error(exit: Exit, error: &dyn Error) -> Self {
        let command_error = Self::new(exit, error.to_string());
        match error.source() {
            Some(source) => command_error.caused_by(source),
            None => command_error,
        }
    }

    /// Adds an error and its sources as causes, without texts that repeat the one before.
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

    /// Adds several independent causes.
    #[must_use]
    pub(crate) fn with_causes(mut self, causes: impl IntoIterator<Item = String>) -> Self {
        self.causes.extend(causes);
        self
    }

    /// Adds advice: a sentence without a full stop, or several with one each.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Sets the command that repairs it.
    #[must_use]
    pub(crate) fn fix(mut self, command: impl Into<String>) -> Self {
        self.fix = Some(command.into().into_boxed_str());
        self
    }

    /// Sets the page that explains it.
    #[must_use]
    pub(crate) fn docs(mut self, url: impl Into<String>) -> Self {
        self.docs = Some(url.into().into_boxed_str());
        self
    }

    /// Converts it to an error of `exec`: codes that the started program could also return become 125.
    pub(crate) fn for_exec(mut self) -> Self {
        self.exit = match self.exit {
            Exit::Failed | Exit::Configuration | Exit::Store => Exit::Exec,
            Exit::BrokenPipe
            | Exit::Usage
            | Exit::Credential
            | Exit::Unavailable
            | Exit::Upstream
            | Exit::Policy
            | Exit::Exec
            | Exit::NotExecutable
            | Exit::ProgramNotFound
            | Exit::Interrupted
            | Exit::Child(_) => self.exit,
        };
        self
    }

    fn maybe_fix(self, command: Option<String>) -> Self {
        match command {
            Some(command) => self.fix(command),
            None => self,
        }
    }

    /// Returns the exit status.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the message and its causes in one line.
    pub(crate) fn one_line(&self) -> String {
        let texts = std::iter::once(&self.message).chain(&self.causes);
        texts.map(String::as_str).collect::<Vec<_>>().join(": ")
    }

    /// Returns the error as it is printed under `--json`.
    pub(crate) fn view(&self) -> ErrorView {
        let hints = (!self.hints.is_empty()).then(|| self.hints.join(". "));
        ErrorView {
            error: ErrorBody {
                code: self.exit.name(),
                message: self.one_line(),
                fix: self.fix.as_deref().map(str::to_owned).or(hints),
                docs: self.docs.as_deref().map(str::to_owned),
            },
        }
    }

    /// Returns the lines for the terminal: a label and a text each.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (Label, &str)> {
        std::iter::once((Label::Error, self.message.as_str()))
            .chain(
                self.causes
                    .iter()
                    .map(|cause| (Label::CausedBy, cause.as_str())),
            )
            .chain(self.hints.iter().map(|hint| (Label::Hint, hint.as_str())))
            .chain(self.fix.iter().map(|fix| (Label::Fix, &**fix)))
            .chain(self.docs.iter().map(|url| (Label::Docs, &**url)))
    }
}

/// An error under `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorView {
    error: ErrorBody,
}

#[derive(Debug, Serialize)]
struct ErrorBody {
    /// The kind of failure, one for each exit code.
    code: &'static str,
    /// The message and its causes, in one line.
    message: String,
    /// The command that repairs it, or else advice.
    fix: Option<String>,
    /// The page that explains it.
    docs: Option<String>,
}

/// The label of an error's line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Label {
    /// The failure.
    Error,
    /// A cause.
    CausedBy,
    /// Advice.
    Hint,
    /// A command to run.
    Fix,
    /// A page to read.
    Docs,
}

impl From<io::Error> for CommandError {
    /// Converts an error of writing our own output; file errors have a type of their own.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::BrokenPipe, "output is not read any more");
        }
        Self::new(Exit::Failed, "cannot write the output").caused_by(&error)
    }
}

impl From<FileError> for CommandError {
    /// Converts an unsafe or unreadable file of keyreeve's own, wherever it is.
    fn from(error: FileError) -> Self {
        let fix = error.fix_command();
        Self::new(Exit::Store, "cannot use keyreeve's own files")
            .caused_by(&error)
            .maybe_fix(fix)
    }
}

impl From<ProtectionError> for CommandError {
    /// Converts the reason protection cannot be added or undone.
    fn from(error: ProtectionError) -> Self {
        match error {
            ProtectionError::File(error) => {
                let fix = error.fix_command();
                Self::from_error(Exit::Failed, &error).maybe_fix(fix)
            }
            ProtectionError::Admin(error) => error.into(),
            ProtectionError::Store(error) => error.into(),
            ProtectionError::Record { .. } | ProtectionError::Encode(_) => {
                Self::from_error(Exit::Store, &error)
            }
            ProtectionError::StatusLine { .. } => Self::from_error(Exit::Failed, &error)
                .hint("See `keyreeve statusline --print-settings` to combine two status lines"),
        }
    }
}

impl From<LeaseError> for CommandError {
    /// Converts the reason no request was sent.
    fn from(error: LeaseError) -> Self {
        let (exit, fix) = match &error {
            LeaseError::Authenticate(_) | LeaseError::NoProfile(_) => (Exit::Credential, None),
            LeaseError::Source { profile, .. } => (
                Exit::Credential,
                Some(format!("keyreeve profile show {profile}")),
            ),
            LeaseError::Inject {
                profile,
                source: inject::InjectError::PlanLogin,
            } => (
                Exit::Policy,
                Some(format!("keyreeve exec --profile {profile} -- claude")),
            ),
            LeaseError::Inject { profile, .. } => (
                Exit::Credential,
                Some(format!("keyreeve profile rotate {profile}")),
            ),
            LeaseError::PlanDetected { profile } => (
                Exit::Policy,
                Some(format!("keyreeve profile show {profile}")),
            ),
            LeaseError::Ledger(_) | LeaseError::LedgerClosed => (Exit::Store, None),
            LeaseError::Randomness => (Exit::Failed, None),
        };
        Self::from_error(exit, &error).maybe_fix(fix)
    }
}

impl From<UnknownPayerError> for CommandError {
    /// Converts a typing error in the name of a payer.
    fn from(error: UnknownPayerError) -> Self {
        let profiles = error.profiles.iter().map(Name::as_str);
        let names: Vec<&str> = Expected::CLASSES.into_iter().chain(profiles).collect();
        let typed = error.name.as_str();
        let suggestion = suggest(typed, names.iter().copied(), &OTHER_PAYER_WORDS);
        let choices = match error.profiles.as_slice() {
            [] => "There are no profiles; use plan, metered, cloud or gateway".to_owned(),
            _ => format!("Use one of {}", names.join(", ")),
        };
        Self::new(Exit::Usage, format!("{error}{suggestion}")).hint(choices)
    }
}

impl From<AdminError> for CommandError {
    fn from(error: AdminError) -> Self {
        let error = match error {
            AdminError::UnknownPayer(error) => return error.into(),
            error => error,
        };
        let exit = match &error {
            AdminError::UnknownProfile(_)
            | AdminError::ProfileExists(_)
            | AdminError::UnknownKey(_)
            | AdminError::KeyExists(_)
            | AdminError::KeyRevoked(_)
            | AdminError::NothingToCopy(_)
            | AdminError::NotDedicated { .. }
            | AdminError::NoStoredSecret { .. }
            | AdminError::OtherKindOfSecret(_)
            | AdminError::SandboxProfileName(_)
            | AdminError::SandboxKeyName(_)
            | AdminError::InvalidName(_)
            | AdminError::NoDirectory(_)
            | AdminError::NotBound(_)
            | AdminError::NoImportDirectory { .. }
            | AdminError::NoRandomness(_) => Exit::Failed,
            AdminError::OverlapTooLong(_)
            | AdminError::InvalidPath(_)
            | AdminError::PathNotText(_)
            | AdminError::MadeOutOfRange(_)
            | AdminError::UnknownPayer(_)
            | AdminError::EmptyBinding { .. }
            | AdminError::NoDefaultProfile
            | AdminError::NoProgram
            | AdminError::ProgramNotFound(_) => Exit::Usage,
            AdminError::NoDefaultDirectory { .. } => Exit::Configuration,
            AdminError::PlanBehindKey(_)
            | AdminError::PlanForClaudeOnly(_)
            | AdminError::NeverSent(inject::InjectError::PlanLogin) => Exit::Policy,
            AdminError::KeyRefused { .. }
            | AdminError::PassphraseTooShort { .. }
            | AdminError::NoProfiles
            | AdminError::NotACredential(_)
            | AdminError::NeverSent(_) => Exit::Credential,
            AdminError::Store(error) => store_exit(error),
        };
        let (fix, hint) = (error.fix_command(), error.hint());
        let command_error = Self::from_error(exit, &error)
            .with_causes(error.details())
            .maybe_fix(fix);
        hint.into_iter().fold(command_error, Self::hint)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let fix = error.fix_command();
        Self::from_error(store_exit(&error), &error).maybe_fix(fix)
    }
}

impl From<ServeError> for CommandError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Store(error) => error.into(),
            ServeError::Worker(error) => Self::from_error(Exit::Failed, &error),
        }
    }
}

fn store_exit(error: &StoreError) -> Exit {
    match error {
        StoreError::NotFound { .. }
        | StoreError::NameTaken { .. }
        | StoreError::NotEmpty { .. }
        | StoreError::WrongPassphrase
        | StoreError::BadBackup { .. }
        | StoreError::NoRandomness(_) => Exit::Failed,
        StoreError::SameDirectory { .. } => Exit::Configuration,
        StoreError::Busy
        | StoreError::Closed
        | StoreError::InUse { .. }
        | StoreError::DiskFull(_)
        | StoreError::JournalFull
        | StoreError::LogFull { .. }
        | StoreError::LedgerNotWritable(_)
        | StoreError::Replaced { .. }
        | StoreError::OldDatabase { .. }
        | StoreError::RestoreInterrupted { .. }
        | StoreError::SyncFailed(_)
        | StoreError::Corrupt { .. }
        | StoreError::NewerSchema { .. }
        | StoreError::OlderSchema { .. }
        | StoreError::SqliteTooOld { .. }
        | StoreError::MasterKeyMissing { .. }
        | StoreError::MasterKeyDamaged { .. }
        | StoreError::MasterKeyWrong { .. }
        | StoreError::Tampered { .. }
        | StoreError::NotVerified { .. }
        | StoreError::File(_)
        | StoreError::NotWritable { .. }
        | StoreError::Database(_) => Exit::Store,
    }
}

impl From<LaunchError> for CommandError {
    fn from(error: LaunchError) -> Self {
        let exit = match error.kind() {
            LaunchErrorKind::Credential => Exit::Credential,
            LaunchErrorKind::Policy => Exit::Policy,
        };
        let command_error = Self::from_error(exit, &error)
            .with_causes(error.details())
            .maybe_fix(error.fix_command());
        error.hints().into_iter().fold(command_error, Self::hint)
    }
}

impl From<ConnectionError> for CommandError {
    fn from(error: ConnectionError) -> Self {
        Self::from_error(Exit::Policy, &error)
            .hint(error.hint())
            .fix(error.fix_command())
            .docs(error.docs_url())
    }
}

impl From<RawKeyError> for CommandError {
    fn from(error: RawKeyError) -> Self {
        let (exit, fix) = match &error {
            RawKeyError::NotExposed { profile } => (
                Exit::Policy,
                Some(format!("keyreeve profile direct {profile}")),
            ),
            RawKeyError::PlanLogin { profile } => (
                Exit::Policy,
                Some(format!("keyreeve exec --profile {profile} -- claude")),
            ),
            RawKeyError::PlanDetected { profile } => (
                Exit::Policy,
                Some(format!("keyreeve profile show {profile}")),
            ),
            RawKeyError::NotAllowed { .. } => (Exit::Policy, None),
            RawKeyError::Source { profile, .. } => (
                Exit::Credential,
                Some(format!("keyreeve profile show {profile}")),
            ),
        };
        Self::from_error(exit, &error).maybe_fix(fix)
    }
}

impl From<BindError> for CommandError {
    fn from(error: BindError) -> Self {
        let failed = Self::from_error(Exit::Failed, &error);
        match &error {
            BindError::NotLoopback(_) => Self::from_error(Exit::Policy, &error),
            BindError::AddressInUse(address) => failed
                .with_causes(
                    ports::port_owner(address.port())
                        .map(|holder| format!("{holder} listens on this port")),
                )
                .fix("keyreeve serve --listen localhost:PORT"),
            BindError::Io { .. } => failed.fix("keyreeve serve --listen localhost:PORT"),
        }
    }
}
