//! Findings: errors and risks on a machine, each with its location and its fix.
//!
//! Invariants: a finding shows a value only as [`redact`] does; it depends on the gathered data alone, never on its
//! order; each [`FindingCode`] has a page in `docs/findings`.

mod assignment;
mod blocks;
mod claude;
mod code;
mod evidence;
mod file_formats;
mod files;
mod leftovers;
mod lexer;
mod machine;
mod placeholder;
mod profiles;
mod repair;
mod resolutions;
mod script;
mod shell_files;
mod structure;
mod syntax;
mod values;

use std::fmt;

use keyreeve_core::sanitize::{MAX_LINE_CHARS, sanitize_line};
use keyreeve_core::token::{redact, scan};

use crate::rules::resolve::{Location, Resolution};
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::FEDERATION_RULE;

pub use self::assignment::{ExposedKey, LineContent, VariableAssignment};
pub use self::code::{FindingCode, Severity};
pub use self::evidence::{
    BackupFile, CredentialFile, CredentialFileKind, Evidence, HelperOutcome, HelperRun, History,
    LastResponse, keys_in_history, prints_literal,
};
pub use self::repair::{
    KeyPlace, Proposal, StructureError, check_structure, propose, propose_removal,
};
pub use self::script::{Script, ScriptKind, SourcedFile};
pub use self::shell_files::{ConflictingVariable, find_conflicts};
pub use self::structure::Reach;
pub use self::syntax::AssignedValue;

/// An error or a risk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The kind of finding.
    pub code: FindingCode,
    /// The location.
    pub location: FindingLocation,
    /// The message, without a full stop.
    pub message: String,
    /// The fix.
    pub fix: Fix,
}

/// The location of a finding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FindingLocation {
    /// A file, or a line of it.
    File {
        /// The path.
        path: String,
        /// The line, counted from 1.
        line: Option<usize>,
    },
    /// A variable of the environment.
    Variable {
        /// Its name.
        name: String,
    },
    /// A keyreeve profile.
    Profile {
        /// Its name.
        name: String,
    },
    /// The machine as a whole.
    Machine,
}

/// The fix of a finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fix {
    /// A command to run.
    Run(String),
    /// A manual step.
    Manual(String),
    /// Commenting out the line of a file of this kind, which `doctor --fix` does.
    CommentOut(ScriptKind),
    /// Removing the key from the line, which `doctor --fix` does.
    RemoveKey(KeyPlace),
}

impl Finding {
    fn new(
        code: FindingCode,
        location: FindingLocation,
        message: impl Into<String>,
        fix: Fix,
    ) -> Self {
        Self {
            code,
            location,
            message: shown(&message.into()),
            fix: match fix {
                Fix::Run(command) => Fix::Run(shown(&command)),
                Fix::Manual(advice) => Fix::Manual(shown(&advice)),
                Fix::CommentOut(kind) => Fix::CommentOut(kind),
                Fix::RemoveKey(place) => Fix::RemoveKey(place),
            },
        }
    }
}

impl FindingLocation {
    fn line(path: &str, line: usize) -> Self {
        Self::File {
            path: path.to_owned(),
            line: Some(line),
        }
    }

    fn file(path: &str) -> Self {
        Self::File {
            path: path.to_owned(),
            line: None,
        }
    }

    fn variable(name: &str) -> Self {
        Self::Variable {
            name: name.to_owned(),
        }
    }

    fn from_location(location: &Location) -> Self {
        match location {
            Location::Variable { name } => Self::variable(name),
            Location::Setting { path, line, .. } => Self::line(path, *line),
            Location::Login { path } => Self::file(path),
            Location::SdkProfile { directory, name } => {
                Self::file(&format!("{directory}/configs/{name}.json"))
            }
            Location::Federation => Self::variable(FEDERATION_RULE),
            Location::Profile { name } => Self::Profile { name: name.clone() },
        }
    }
}

impl fmt::Display for FindingLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{}:{line}", shown(path)),
            Self::File { path, line: None } => f.write_str(&shown(path)),
            Self::Variable { name } => f.write_str(&shown(name)),
            Self::Profile { name } => write!(f, "profile {}", shown(name)),
            Self::Machine => f.write_str("this machine"),
        }
    }
}

impl Fix {
    fn manual(text: impl Into<String>) -> Self {
        Self::Manual(text.into())
    }

    fn unset(name: &str) -> Self {
        Self::Run(format!("unset {}", shown(name)))
    }
}

/// Returns all findings, the most severe first. The resolutions are those of the clients to check.
pub fn findings(
    snapshot: &Snapshot,
    evidence: &Evidence,
    resolutions: &[Resolution],
) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(values::findings(snapshot));
    found.extend(resolutions.iter().flat_map(resolutions::findings));
    found.extend(files::findings(snapshot, evidence));
    found.extend(leftovers::findings(snapshot, evidence));
    found.extend(claude::findings(snapshot, evidence, resolutions));
    found.extend(machine::findings(snapshot, evidence));
    found.extend(profiles::findings(snapshot, evidence));
    let rank = |finding: &Finding| {
        (
            finding.code.severity(),
            finding.code,
            finding.location.clone(),
            finding.message.clone(),
        )
    };
    found.sort_by_key(rank);
    found.dedup_by(|one, other| one.code == other.code && one.location == other.location);
    found
}

/// Sanitizes text from outside to one line, with every key in it redacted.
fn shown(text: &str) -> String {
    let (mut redacted, mut from) = (String::with_capacity(text.len()), 0);
    for key in scan(text) {
        redacted.push_str(&text[from..key.start]);
        redacted.push_str(&redact(&text[key.clone()]));
        from = key.end;
    }
    redacted.push_str(&text[from..]);
    sanitize_line(&redacted, MAX_LINE_CHARS).into_owned()
}

/// Quotes a path for a shell.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !path.is_empty() && path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", shown(path).replace('\'', r"'\''"))
    }
}
