//! What `doctor` looks at beyond the snapshot, gathered beforehand into one value.
//!
//! Invariant: of a file only assignments, keys by their redacted form, modes and yes-or-no answers are kept.

use jiff::Timestamp;

use crate::profile::Name;
use crate::token::scan;

use super::assignment::{Assignment, KeyFound, read};
use super::syntax::Syntax;

/// No history is told with more keys than this.
const MOST_KEYS: usize = 20;

/// Everything that was looked at beyond the snapshot.
#[derive(Default, Debug)]
pub struct Evidence {
    /// Files that set variables.
    pub scripts: Vec<Script>,
    /// What shells remember, where keys stand in it.
    pub histories: Vec<History>,
    /// Files that hold credentials.
    pub keepers: Vec<Keeper>,
    /// Scripts that are a helper and print one fixed text, with the place of the setting.
    pub fixed_helpers: Vec<(String, usize)>,
    /// Helpers that were run.
    pub helper_runs: Vec<HelperRun>,
    /// A program named `claude` in the current directory.
    pub claude_here: Option<String>,
    /// The newest moment that keyreeve itself wrote down.
    pub last_written: Option<Timestamp>,
    /// What each profile was last answered, where keyreeve sent something with it.
    pub last_answers: Vec<LastAnswer>,
    /// The runtime file of a gateway that does not run.
    pub stale_runtime_file: Option<String>,
    /// Why keyreeve's store does not open.
    pub store_closed: Option<String>,
    /// When the person last changed the password of their account, as they say.
    pub password_changed: Option<Timestamp>,
    /// How many files were looked at.
    pub looked_at: usize,
    /// Files that are there and could not be looked at: no permission, no text, no regular file, too long.
    pub unreadable: Vec<String>,
}

/// A file that sets variables.
#[derive(Debug)]
pub struct Script {
    /// Where it lies.
    pub path: String,
    /// Who reads it.
    pub reader: Reader,
    /// What it sets, as far as it matters.
    pub assignments: Vec<Assignment>,
    /// Keys that stand in it otherwise.
    pub keys: Vec<KeyFound>,
}

/// Who reads a file that sets variables.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reader {
    /// A login shell, and often the desktop.
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

/// What a shell remembers.
#[derive(Debug)]
pub struct History {
    /// Where it lies.
    pub path: String,
    /// The keys in it.
    pub keys: Vec<KeyFound>,
}

/// A file that holds credentials.
#[derive(Debug)]
pub struct Keeper {
    /// Where it lies.
    pub path: String,
    /// What is kept in it.
    pub kept: KeptIn,
    /// Its permission bits.
    pub mode: u32,
    /// Whether it belongs to whoever runs this.
    pub is_ours: bool,
}

/// What is kept in a file that holds credentials.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeptIn {
    /// Claude Code's login.
    Login,
    /// A credential of the official SDKs.
    SdkCredentials,
    /// Settings with a credential in them.
    Settings,
    /// keyreeve's own store, or its key.
    OwnStore,
}

/// What running a helper gave.
#[derive(Debug)]
pub struct HelperRun {
    /// The settings file that names it.
    pub path: String,
    /// The line there.
    pub line: usize,
    /// What came of it.
    pub outcome: HelperOutcome,
    /// How long it took.
    pub millis: u64,
}

/// What came of running a helper.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HelperOutcome {
    /// One line that a header can hold.
    Fine,
    /// It ended with a failure, or did not start.
    Failed,
    /// It printed nothing.
    Nothing,
    /// It printed several lines.
    Lines,
    /// It printed something that no header can hold.
    Unprintable,
    /// It did not end.
    Endless,
}

/// What a profile was last answered.
#[derive(Debug)]
pub struct LastAnswer {
    /// The profile.
    pub profile: Name,
    /// The verdict's name, as the ledger keeps it.
    pub verdict: String,
    /// When.
    pub at: Timestamp,
}

impl Reader {
    /// What a person calls a new session of it: `zsh`.
    pub fn name(self) -> &'static str {
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

    /// Whether a shell reads it whenever one is started.
    pub fn is_shell(self) -> bool {
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
    /// Reads the text of a file.
    pub fn read(path: String, reader: Reader, text: &str) -> Self {
        let (assignments, keys) = read(text, reader);
        Self {
            path,
            reader,
            assignments,
            keys,
        }
    }

    /// What it leaves a variable at: its last assignment.
    pub fn last(&self, name: &str) -> Option<&Assignment> {
        let mut all = self.assignments.iter().rev();
        all.find(|assignment| assignment.name == name)
    }
}

impl HelperOutcome {
    /// Judges what a helper printed when it succeeded.
    pub fn of_output(printed: &str) -> Self {
        match printed.trim() {
            "" => Self::Nothing,
            text if text.contains(['\r', '\n']) => Self::Lines,
            text if text.bytes().all(|byte| byte.is_ascii_graphic()) => Self::Fine,
            _ => Self::Unprintable,
        }
    }
}

/// The keys in what a shell remembers, the newest kept where there are many.
pub fn keys_in_history(text: &str) -> Vec<KeyFound> {
    let in_line = |(at, line): (usize, &str)| {
        let key = scan(line).next()?;
        Some(KeyFound::of(&line[key], at + 1))
    };
    let mut keys: Vec<_> = text.lines().enumerate().filter_map(in_line).collect();
    keys.drain(..keys.len().saturating_sub(MOST_KEYS));
    keys
}

/// Whether a shell script does nothing but print a text that stands in it.
pub fn prints_a_literal(script: &str) -> bool {
    let of_no_effect = |line: &str| {
        line.is_empty() || line.starts_with('#') || line.starts_with("set -") || line == "exit 0"
    };
    let mut lines = script
        .lines()
        .map(str::trim)
        .filter(|line| !of_no_effect(line));
    let prints = |line: &str| {
        ["echo ", "printf "]
            .iter()
            .any(|word| line.starts_with(word))
            && !line.contains(['$', '`', '|', '<'])
    };
    lines.next().is_some_and(prints) && lines.next().is_none()
}
