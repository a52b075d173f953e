//! What is wrong or risky on a machine, with the place and what mends it.
//!
//! Invariants: a finding repeats no value beyond what [`redact`] shows; it depends on what was gathered alone, never on its order;
//! each [`Code`] has a page in `docs/findings`.

mod assignment;
mod claude;
mod code;
mod evidence;
mod files;
mod machine;
mod own;
mod propose;
mod rival;
mod syntax;
mod urls;
mod values;

use std::fmt;

use crate::inert::{LONGEST_LINE, inert_line};
use crate::resolve::{Place, Resolution};
use crate::snapshot::Snapshot;
use crate::token::{redact, scan};

pub use self::assignment::{Assigned, Assignment, KeyFound, Stands};
pub use self::code::{Code, Severity};
pub use self::evidence::{
    Evidence, HelperOutcome, HelperRun, History, Keeper, KeptIn, LastAnswer, Reader, Script,
    keys_in_history, prints_a_literal,
};
pub use self::propose::{Proposal, propose};
pub use self::rival::{Rival, rivals};

/// Something wrong or risky.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What kind of thing.
    pub code: Code,
    /// Where.
    pub spot: Spot,
    /// What, in a sentence without a full stop.
    pub sentence: String,
    /// What mends it.
    pub mend: Mend,
}

/// Where something was found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Spot {
    /// A file, or a line of it.
    File {
        /// Where it lies.
        path: String,
        /// The line, the first being 1.
        line: Option<usize>,
    },
    /// A variable of the environment.
    Variable {
        /// Its name.
        name: String,
    },
    /// One of keyreeve's own profiles.
    Profile {
        /// Its name.
        name: String,
    },
    /// The machine as a whole.
    Machine,
}

/// What mends a finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mend {
    /// A command to run.
    Run(String),
    /// Something a person does.
    Do(String),
    /// The line is to be commented out, which `doctor --fix` does.
    CommentOut,
}

impl Finding {
    fn new(code: Code, spot: Spot, sentence: impl Into<String>, mend: Mend) -> Self {
        Self {
            code,
            spot,
            sentence: shown(&sentence.into()),
            mend: match mend {
                Mend::Run(command) => Mend::Run(shown(&command)),
                Mend::Do(advice) => Mend::Do(shown(&advice)),
                Mend::CommentOut => Mend::CommentOut,
            },
        }
    }
}

impl Spot {
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

    fn of(place: &Place) -> Self {
        match place {
            Place::Variable { name } => Self::variable(name),
            Place::Setting { path, line, .. } => Self::line(path, *line),
            Place::Login { path } => Self::file(path),
            Place::SdkProfile { directory, name } => {
                Self::file(&format!("{directory}/configs/{name}.json"))
            }
            Place::Federation => Self::variable("ANTHROPIC_FEDERATION_RULE_ID"),
            Place::Profile { name } => Self::Profile { name: name.clone() },
        }
    }
}

impl fmt::Display for Spot {
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

impl Mend {
    fn words(text: impl Into<String>) -> Self {
        Self::Do(text.into())
    }

    fn unset(name: &str) -> Self {
        Self::Run(format!("unset {}", shown(name)))
    }
}

/// Finds everything that is wrong or risky, the gravest first. The resolutions are those of the clients that matter.
pub fn findings(
    snapshot: &Snapshot,
    evidence: &Evidence,
    resolutions: &[Resolution],
) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(values::findings(snapshot, resolutions));
    found.extend(urls::findings(snapshot));
    found.extend(files::findings(snapshot, evidence));
    found.extend(claude::findings(snapshot, evidence, resolutions));
    found.extend(machine::findings(snapshot, evidence));
    found.extend(own::findings(snapshot, evidence));
    let rank = |finding: &Finding| {
        (
            finding.code.severity(),
            finding.code,
            finding.spot.clone(),
            finding.sentence.clone(),
        )
    };
    found.sort_by_key(rank);
    found.dedup_by(|one, other| one.code == other.code && one.spot == other.spot);
    found
}

/// A text from outside, as one harmless line. A key in it, wherever it came from, is only hinted at.
fn shown(text: &str) -> String {
    let (mut hinted, mut from) = (String::with_capacity(text.len()), 0);
    for key in scan(text) {
        hinted.push_str(&text[from..key.start]);
        hinted.push_str(&redact(&text[key.clone()]));
        from = key.end;
    }
    hinted.push_str(&text[from..]);
    inert_line(&hinted, LONGEST_LINE).into_owned()
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", shown(path).replace('\'', r"'\''"))
    }
}
