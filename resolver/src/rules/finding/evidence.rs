//! The evidence that `doctor` checks in addition to the snapshot, gathered in advance into one value.
//!
//! Invariant: of a file only assignments, redacted keys, modes and yes-or-no facts are recorded.

use jiff::Timestamp;
use keyreeve_core::profile::Name;

use super::assignment::{ExposedKey, all_keys, first_keys};
use super::script::Script;

/// The maximum number of keys that are reported for one history.
const MAX_KEYS: usize = 20;

/// Everything that was checked in addition to the snapshot.
#[derive(Default, Debug)]
pub struct Evidence {
    /// Files that set variables.
    pub scripts: Vec<Script>,
    /// Copies of these files that contain keys.
    pub backups: Vec<BackupFile>,
    /// `true` if the files that set variables were searched.
    pub searched_files: bool,
    /// Files that a shell reads under a name that is known only when it runs: the path and line of the command.
    pub unresolved_sources: Vec<String>,
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

/// A shell history.
#[derive(Debug)]
pub struct History {
    /// The path.
    pub path: String,
    /// The keys in it.
    pub keys: Vec<ExposedKey>,
}

/// A copy of a file that sets variables, with keys in it.
#[derive(Debug)]
pub struct BackupFile {
    /// The path.
    pub path: String,
    /// Its permission bits.
    pub mode: u32,
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
    newest(first_keys(text))
}

fn newest(mut keys: Vec<ExposedKey>) -> Vec<ExposedKey> {
    keys.drain(..keys.len().saturating_sub(MAX_KEYS));
    keys
}

impl BackupFile {
    /// Looks for keys in a copy of a file. Returns `None` if there are none.
    pub fn parse(path: String, mode: u32, text: &str) -> Option<Self> {
        let keys = newest(all_keys(text));
        (!keys.is_empty()).then_some(Self { path, mode, keys })
    }
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
