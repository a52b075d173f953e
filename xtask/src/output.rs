//! Output: lines on the terminal, exit codes, and outcomes of scenarios, which are printed inside the network namespace
//! and parsed outside it. No other module of these commands writes to the terminal.

use std::fmt;
use std::process::ExitCode;

/// Prints a line to standard output.
#[expect(
    clippy::print_stdout,
    reason = "a developer command prints to standard output"
)]
pub(crate) fn print_line(text: impl fmt::Display) {
    println!("{text}");
}

/// Returns the exit code of a command.
pub(crate) fn exit_code(succeeded: bool) -> ExitCode {
    if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Outcome of a scenario.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed { name: String },
    Failed { name: String, reason: String },
    Skipped { name: String, reason: String },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed { name } => write!(f, "PASSED {name}"),
            Self::Failed { name, reason } => write!(f, "FAILED {name}: {reason}"),
            Self::Skipped { name, reason } => write!(f, "SKIPPED {name}: {reason}"),
        }
    }
}

impl Outcome {
    /// Parses a printed outcome. Names do not contain `": "`.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        if let Some(name) = line.strip_prefix("PASSED ") {
            return Some(Self::Passed {
                name: name.to_owned(),
            });
        }
        let (word, rest) = line.split_once(' ')?;
        let (name, reason) = rest.split_once(": ")?;
        let (name, reason) = (name.to_owned(), reason.to_owned());
        match word {
            "FAILED" => Some(Self::Failed { name, reason }),
            "SKIPPED" => Some(Self::Skipped { name, reason }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn printed_outcomes_parse_back() {
        let name = || "curl streams".to_owned();
        let reason = || "expected a: found b".to_owned();
        let outcomes = [
            Outcome::Passed { name: name() },
            Outcome::Failed {
                name: name(),
                reason: reason(),
            },
            Outcome::Skipped {
                name: name(),
                reason: reason(),
            },
        ];
        for outcome in outcomes {
            assert_eq!(Outcome::parse(&outcome.to_string()), Some(outcome));
        }
        assert_eq!(Outcome::parse("any other line"), None);
    }
}
