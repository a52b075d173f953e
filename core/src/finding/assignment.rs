//! The variables that a text sets, line by line, in the syntax of whoever reads it.
//!
//! Invariants: only variables that hold or move credentials are kept; a line of any length and content is survived; a
//! value is [`Hidden`], and what is shown of it is its family and its redacted form.

use crate::snapshot::Hidden;
use crate::token::{Family, looks_like_a_key, redact, scan};

use super::evidence::Reader;
use super::syntax::{Command, Said, commands};

/// The variables that hold a credential.
pub(super) const CREDENTIALS: [&str; 3] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
];

/// A longer line is data, not a line that a person wrote.
const LONGEST: usize = 32 * 1024;

/// A variable that a line sets, or takes away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// The variable.
    pub name: String,
    /// What it is set to.
    pub value: Assigned,
    /// The line, the first being 1.
    pub line: usize,
    /// What else stands in the line.
    pub stands: Stands,
}

/// What a variable is set to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Assigned {
    /// This text.
    Literal(Hidden),
    /// Something that is only known when the line is run.
    Computed,
    /// It is taken away.
    Unset,
}

/// What else stands in an assignment's line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stands {
    /// Nothing: the line can be commented out.
    Alone,
    /// Something that a person must look at.
    AmongOthers,
}

/// A key that stands in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyFound {
    /// The line, the first being 1.
    pub line: usize,
    /// The family its prefix names.
    pub family: Family,
    /// The key, but for most of it.
    pub hint: String,
}

impl KeyFound {
    pub(super) fn of(key: &str, line: usize) -> Self {
        Self {
            line,
            family: Family::of(key),
            hint: redact(key),
        }
    }
}

/// Reads every assignment that matters, and every key that stands elsewhere in the text than in a comment.
pub(super) fn read(text: &str, reader: Reader) -> (Vec<Assignment>, Vec<KeyFound>) {
    let (mut assignments, mut keys) = (Vec::new(), Vec::new());
    let mut continued = false;
    for (at, line) in text.lines().enumerate() {
        let follows = std::mem::replace(&mut continued, line.ends_with('\\'));
        if line.len() > LONGEST || !mentions(line) {
            continue;
        }
        let number = at + 1;
        let before = assignments.len();
        let said = commands(line, reader.syntax());
        let stands = if said.len() == 1 && !follows && !continued {
            Stands::Alone
        } else {
            Stands::AmongOthers
        };
        for command in &said {
            assignments.extend(of_command(command, number, stands));
        }
        let is_comment = said.is_empty();
        if assignments.len() == before && !is_comment {
            keys.extend(scan(line).map(|range| KeyFound::of(&line[range], number)));
        }
    }
    (assignments, keys)
}

/// Whether a line can matter at all: most do not, and are not taken apart.
fn mentions(line: &str) -> bool {
    line.contains("ANTHROPIC_") || line.contains("CLAUDE_CODE_") || looks_like_a_key(line)
}

fn of_command(command: &Command, line: usize, stands: Stands) -> Vec<Assignment> {
    let stands = match command {
        Command::Sets(all) if all.len() == 1 => stands,
        Command::Sets(_) | Command::Unsets(_) | Command::Other => Stands::AmongOthers,
    };
    let assignment = |name: &String, value| Assignment {
        name: name.clone(),
        value,
        line,
        stands,
    };
    match command {
        Command::Sets(all) => all
            .iter()
            .filter(|(name, said)| matters(name, said))
            .map(|(name, said)| assignment(name, assigned(said)))
            .collect(),
        Command::Unsets(names) => names
            .iter()
            .filter(|name| CREDENTIALS.contains(&name.as_str()))
            .map(|name| assignment(name, Assigned::Unset))
            .collect(),
        Command::Other => Vec::new(),
    }
}

fn assigned(said: &Said) -> Assigned {
    match said {
        Said::Literal(text) => Assigned::Literal(text.clone()),
        Said::Computed => Assigned::Computed,
    }
}

fn matters(name: &str, said: &Said) -> bool {
    let holds_a_key = match said {
        Said::Literal(text) => looks_like_a_key(text.judge()),
        Said::Computed => false,
    };
    CREDENTIALS.contains(&name) || (holds_a_key && !looks_like_a_key(name))
}
