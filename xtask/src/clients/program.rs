//! The programs that people use, each pinned.

use std::fmt;

/// A program that people use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Program {
    Curl,
    /// The official Python SDK of this version.
    Python(&'static str),
    /// The official TypeScript SDK of this version, run by Node.
    Typescript(&'static str),
    /// Claude Code of this version.
    ClaudeCode(&'static str),
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Curl => f.write_str("curl"),
            Self::Python(version) => write!(f, "python anthropic {version}"),
            Self::Typescript(version) => write!(f, "typescript anthropic {version}"),
            Self::ClaudeCode(version) => write!(f, "claude code {version}"),
        }
    }
}
