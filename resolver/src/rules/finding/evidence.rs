//! The evidence that `doctor` checks in addition to the snapshot, gathered in advance into one value.
//!
//! Invariant: of a file only assignments, redacted keys, modes and yes-or-no facts are recorded.

use jiff::Timestamp;
use keyreeve_core::profile::Name;
use keyreeve_core::token::scan;

use super::assignment::{self, ExposedKey, VariableAssignment};
use super::syntax::Syntax;

/// The maximum number of keys that are reported for one history.
const MAX_KEYS: usize = 20;

/// Everything that was checked in addition to the snapshot.
#[derive(Default, Debug)]
pub struct Evidence {
    /// Files that set variables.
    pub scripts: Vec<Script>,
    /// Shell histories that contain keys.
    pub histories: Vec<History>,
    /// Files that contain credentials.
    pub credential_files: Vec<CredentialFile>,
    /// Helpers whose script prints one fixed text: the path and line of the setting.
    pub literal_helpers: Vec<(String, usize)>,
    /// Helpers that were run.
    pub helper_runs: Vec<HelperRun>,
    /// A program named `claude` in the current directory.
    pub local_claude: Option<String>,
    /// The latest time that keyreeve itself recorded.
    pub last_written_at: Option<Timestamp>,
    /// The last response to each profile that keyreeve has used.
    pub last_responses: Vec<LastResponse>,
    /// The runtime file of a gateway that is not running.
    pub stale_runtime_file: Option<String>,
    /// The reason keyreeve's store cannot be opened.
    pub store_error: Option<String>,
    /// The time of the last password change of the account, as given by the user.
    pub password_changed_at: Option<Timestamp>,
    /// The number of files that were checked.
    pub files_checked: usize,
    /// Existing files that could not be checked: no permission, not text, not a regular file, or too long.
    pub unreadable_files: Vec<String>,
}

/// A file that sets variables.
#[derive(Debug)]
pub struct Script {
    /// The path.
    pub(crate) path: String,
    /// The kind of file.
    pub(crate) kind: ScriptKind,
    /// The relevant assignments in it.
    pub(crate) assignments: Vec<VariableAssignment>,
    /// Other keys in it.
    pub(crate) keys: Vec<ExposedKey>,
}

/// The kind of a file that sets variables, by the program that reads it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ScriptKind {
    /// Read by a login shell, and often by the desktop.
    Sh,
    /// `bash`
    Bash,
    /// `zsh`
    Zsh,
    /// `fish`
    Fish,
    /// PowerShell
    PowerShell,
    /// Every session of the machine.
    System,
    /// `direnv`
    Direnv,
    /// Programs that read `.env`.
    DotEnv,
    /// The terminal of an editor.
    Editor,
    /// A CI service.
    Ci,
}

/// A shell history.
#[derive(Debug)]
pub struct History {
    /// The path.
    pub path: String,
    /// The keys in it.
    pub keys: Vec<ExposedKey>,
}

/// A file that contains credentials.
#[derive(Debug)]
pub struct CredentialFile {
    /// The path.
    pub path: String,
    /// The kind of credential in it.
    pub kind: CredentialFileKind,
    /// Its permission bits.
    pub mode: u32,
    /// `true` if it belongs to the current user.
    pub is_owned_by_user: bool,
}

/// The kind of credential in a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CredentialFileKind {
    /// Claude Code's login.
    Login,
    /// A credential of the official SDKs.
    SdkCredentials,
    /// Settings that contain a credential.
    Settings,
    /// keyreeve's own store, or its key.
    OwnStore,
}

/// The run of a helper.
#[derive(Debug)]
pub struct HelperRun {
    /// The settings file that names it.
    pub path: String,
    /// The line there.
    pub line: usize,
    /// Its outcome.
    pub outcome: HelperOutcome,
    /// Its duration in milliseconds.
    pub millis: u64,
}

/// The outcome of running a helper.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HelperOutcome {
    /// It printed one line that is allowed in a header.
    Usable,
    /// It failed, or did not start.
    Failed,
    /// It printed nothing.
    Empty,
    /// It printed several lines.
    MultipleLines,
    /// It printed a character that is not allowed in a header.
    InvalidCharacters,
    /// It timed out.
    TimedOut,
}

/// The last response to a profile.
#[derive(Debug)]
pub struct LastResponse {
    /// The profile.
    pub profile: Name,
    /// The verdict's name, as in the ledger.
    pub verdict: String,
    /// The time of the response.
    pub at: Timestamp,
}

impl ScriptKind {
    /// Returns the name of a new session that reads it: `zsh`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sh => "login shell",
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::PowerShell => "PowerShell",
            Self::System => "session",
            Self::Direnv => "direnv",
            Self::DotEnv => ".env",
            Self::Editor => "editor's terminal",
            Self::Ci => "CI job",
        }
    }

    /// Returns `true` if every new shell reads it.
    pub(crate) fn is_shell(self) -> bool {
        match self {
            Self::Sh | Self::Bash | Self::Zsh | Self::Fish | Self::PowerShell | Self::System => {
                true
            }
            Self::Direnv | Self::DotEnv | Self::Editor | Self::Ci => false,
        }
    }

    pub(super) fn syntax(self) -> Syntax {
        match self {
            Self::Sh | Self::Bash | Self::Zsh | Self::System | Self::Direnv | Self::DotEnv => {
                Syntax::Posix
            }
            Self::Fish => Syntax::Fish,
            Self::PowerShell => Syntax::PowerShell,
            Self::Editor => Syntax::Json,
            Self::Ci => Syntax::Yaml,
        }
    }
}

impl Script {
    /// Parses the text of a file.
    pub fn parse(path: String, kind: ScriptKind, text: &str) -> Self {
        let (assignments, keys) = assignment::parse(text, kind.syntax());
        Self {
            path,
            kind,
            assignments,
            keys,
        }
    }

    /// Returns the last assignment of a variable, which determines its value.
    pub fn last_assignment(&self, name: &str) -> Option<&VariableAssignment> {
        let mut all = self.assignments.iter().rev();
        all.find(|assignment| assignment.name == name)
    }
}

impl HelperOutcome {
    /// Classifies the output of a helper that succeeded.
    pub fn from_output(printed: &str) -> Self {
        match printed.trim() {
            "" => Self::Empty,
            text if text.contains(['\r', '\n']) => Self::MultipleLines,
            text if text.bytes().all(|byte| byte.is_ascii_graphic()) => Self::Usable,
            _ => Self::InvalidCharacters,
        }
    }
}

/// Returns the keys in a shell history; only the newest ones if there are many.
pub fn keys_in_history(text: &str) -> Vec<ExposedKey> {
    let in_line = |(at, line): (usize, &str)| {
        let key = scan(line).next()?;
        Some(ExposedKey::new(&line[key], at + 1))
    };
    let mut keys: Vec<_> = text.lines().enumerate().filter_map(in_line).collect();
    keys.drain(..keys.len().saturating_sub(MAX_KEYS));
    keys
}

/// Returns `true` if a shell script only prints a literal text.
pub fn prints_literal(script: &str) -> bool {
    let has_no_effect = |line: &str| {
        line.is_empty() || line.starts_with('#') || line.starts_with("set -") || line == "exit 0"
    };
    let mut lines = script
        .lines()
        .map(str::trim)
        .filter(|line| !has_no_effect(line));
    let is_print = |line: &str| {
        ["echo ", "printf "]
            .iter()
            .any(|word| line.starts_with(word))
            && !line.contains(['$', '`', '|', '<'])
    };
    lines.next().is_some_and(is_print) && lines.next().is_none()
}
