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
    /// The HTTP client of this version, in a script of a person's own.
    Httpx(&'static str),
    /// `langchain-core` of this version, with a chat model of a person's own.
    LangChain(&'static str),
    /// Claude Code of this version.
    ClaudeCode(&'static str),
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Curl => f.write_str("curl"),
            Self::Python(version) => write!(f, "python anthropic {version}"),
            Self::Typescript(version) => write!(f, "typescript anthropic {version}"),
            Self::Httpx(version) => write!(f, "python httpx {version}"),
            Self::LangChain(version) => write!(f, "langchain-core {version}"),
            Self::ClaudeCode(version) => write!(f, "claude code {version}"),
        }
    }
}
